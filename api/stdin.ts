/**
 * Standard input as a source that is read, polled and selected as connections
 * are.
 *
 * There is one in a process, so all who ask get the same, also when its end has
 * come or it was closed; two who both read take each other's bytes, as from any
 * descriptor.
 *
 * @module
 */
import type { Closed } from "../core/connection.ts";
import { SockeyeError, textOf } from "../core/error.ts";
import { InputMachine } from "../core/input.ts";
import { ERROR, GONE, HUP, READ_CLOSED, READABLE } from "../core/readiness.ts";
import type { Runtime } from "../core/runtime.ts";
import type { StdinEvents, StdinHandle } from "../core/transport.ts";
import { Drained } from "./drained.ts";
import { Inbox } from "./inbox.ts";
import { Loop } from "./loop.ts";
import { type Readable, Reading } from "./reading.ts";
import { readableOf } from "./streams.ts";
import type { Op, StandardInput } from "./types.ts";

/** As for connections: one read. */
const readHighWater = 65536;

const inputs = new WeakMap<Runtime, ProcessInput>();

/** The standard input of a runtime; there is one. */
export function stdinOf(runtime: Runtime): StandardInput {
  let input = inputs.get(runtime);
  if (input === undefined) {
    input = new ProcessInput(Loop.of(runtime), runtime.stdin());
    inputs.set(runtime, input);
  }
  return input;
}

/** Standard input over its handle. */
class ProcessInput extends Drained
  implements StandardInput, StdinEvents, Readable {
  readonly machine: InputMachine = new InputMachine(readHighWater);
  readonly inbox: Inbox = new Inbox();
  readonly closed: Promise<Closed>;
  readonly #handle: StdinHandle;
  readonly #reading: Reading = new Reading(this);
  #readable: ReadableStream<Uint8Array> | undefined;
  #resolveClosed!: (why: Closed) => void;

  constructor(loop: Loop, handle: StdinHandle) {
    super(loop);
    this.#handle = handle;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    handle.attach(this);
    this.kick();
  }

  // What the user asks

  get bytesRead(): number {
    return this.machine.bytesRead;
  }

  read(op?: Op): Promise<Uint8Array | null> {
    return this.#reading.read(op);
  }

  readInto(buffer: Uint8Array, op?: Op): Promise<number | null> {
    return this.#reading.readInto(buffer, op);
  }

  tryRead(buffer: Uint8Array): number | null | undefined {
    return this.#reading.tryRead(buffer);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#reading.chunks();
  }

  close(): Promise<Closed> {
    this.machine.close();
    this.inbox.clear();
    this.arrived |= GONE;
    this.kick();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the handle tells

  data(bytes: Uint8Array, lent: boolean): boolean {
    if (!this.machine.takesInput) return false;
    this.inbox.push(bytes, lent);
    this.arrived |= READABLE;
    this.machine.handleData(bytes.length);
    this.drain();
    return !this.inbox.isSettled && this.inbox.settle();
  }

  readClosed(): void {
    this.machine.handleReadClosed();
    this.#over();
  }

  failed(error: SockeyeError): void {
    this.machine.handleFailed(error);
    this.#over();
  }

  #over(): void {
    this.arrived |= READABLE | READ_CLOSED | HUP;
    this.drain();
  }

  // Draining

  protected runOutputs(): void {
    for (;;) {
      const output = this.machine.pollOutput();
      switch (output) {
        case "wait":
          return;
        case "settle":
          this.#reading.settle(this.runtime.now());
          break;
        case "closed":
          this.#resolveClosed(this.machine.reason!);
          break;
        default:
          output satisfies never;
      }
    }
  }

  protected runCommands(): void {
    for (;;) {
      const command = this.machine.pollCommand();
      switch (command) {
        case "wait":
          return;
        case "startRead":
          this.#handle.startRead();
          break;
        case "stopRead":
          this.#handle.stopRead();
          break;
        case "close":
          this.#handle.close();
          break;
        default:
          command satisfies never;
      }
    }
  }

  // What reading needs

  consumed(length: number): void {
    const { machine } = this;
    machine.consume(length);
    // Whoever waits for a hang-up alone learns of it behind the last byte.
    if (machine.unread === 0 && !machine.takesInput) this.arrived |= HUP;
    this.kick();
  }

  readEnd(): null | undefined {
    const { machine } = this;
    if (machine.closing) {
      throw new SockeyeError(
        "ERR_SOCKEYE_CLOSED",
        this.describe("read from", "it was closed here"),
      );
    }
    if (machine.reason !== undefined) {
      const error = machine.reason.error as SockeyeError;
      throw new SockeyeError(
        error.code,
        this.describe("read from", textOf(error)),
        { cause: error },
      );
    }
    return machine.readClosed ? null : undefined;
  }

  describe(action: string, words: string): string {
    return `Cannot ${action} standard input: ${words}`;
  }

  // Readiness

  get readiness(): number {
    const { machine } = this;
    if (machine.closing) return GONE;
    const ready = machine.unread > 0 ? READABLE : 0;
    if (machine.takesInput) return ready;
    const over = ready | READABLE | READ_CLOSED;
    if (machine.unread > 0) return over;
    return machine.reason === undefined ? over | HUP : over | HUP | ERROR;
  }
}
