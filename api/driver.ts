/**
 * The driver of one connection: it carries bytes and words between the
 * machine (which decides), the transport (which acts) and a consumer (which is
 * what the user holds).
 *
 * After every mutation of the machine it drains, as `drained.ts` says.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import {
  type Closed,
  type ConnectionLimits,
  ConnectionMachine,
  type How,
} from "../core/connection.ts";
import { type ErrorCode, SockeyeError, textOf } from "../core/error.ts";
import {
  ERROR,
  GONE,
  HUP,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";
import type {
  Credentials,
  StreamEvents,
  StreamHandle,
} from "../core/transport.ts";
import { Drained } from "./drained.ts";
import type { Loop } from "./loop.ts";
import { Inbox } from "./inbox.ts";
import type { WriteWaiter } from "./outbox.ts";
import type { Readable } from "./reading.ts";
import { Sender } from "./sender.ts";

/** Who is told what happens; called from within a drain, never throws. */
export interface Consumer {
  onOpened(): void;
  /** Unread bytes are there, and nothing withholds them. */
  onData(): void;
  onEnd(): void;
  onWritable(): void;
  /** Waits may be over: by time, by bytes taken, by the end of all. */
  onSettle(now: number): void;
  onClosed(why: Closed): void;
}

/** What we did that also ends reading behind our own close, or behind the peer's end. */
const endsReading: ReadonlySet<How> = new Set<How>([
  "abort",
  "handler",
  "drain",
  "limit",
]);

let lastId = 0;

/** The driver of one connection. */
export class Driver extends Drained implements StreamEvents, Readable {
  readonly id: number = ++lastId;
  readonly machine: ConnectionMachine;
  readonly inbox: Inbox = new Inbox();
  readonly sender: Sender;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly credentials: Credentials | undefined;
  /** Told once, behind everything else. */
  onOver: ((why: Closed) => void) | undefined;

  readonly #handle: StreamHandle;
  #consumer!: Consumer;
  #over = false;
  #leftByUs = false;
  #whenClosed: Promise<Closed> | undefined;
  #resolveClosed: ((why: Closed) => void) | undefined;

  constructor(
    loop: Loop,
    handle: StreamHandle,
    limits: ConnectionLimits,
    push: boolean,
  ) {
    super(loop);
    this.#handle = handle;
    this.localAddress = handle.localAddress;
    this.remoteAddress = handle.remoteAddress;
    this.credentials = handle.credentials;
    this.machine = new ConnectionMachine(limits, push);
    this.sender = new Sender(this.runtime, this.machine, handle, this.inbox);
  }

  /** Names the consumer, and opens. */
  start(consumer: Consumer): void {
    this.#consumer = consumer;
    this.machine.handleAccepted();
    this.#handle.attach(this);
    this.kick();
  }

  /** Resolves once, last, with how and why it ended. */
  get whenClosed(): Promise<Closed> {
    this.#whenClosed ??= new Promise((resolve) => {
      if (this.#over) resolve(this.machine.reason!);
      else this.#resolveClosed = resolve;
    });
    return this.#whenClosed;
  }

  // What the transport tells

  data(bytes: Uint8Array, lent: boolean): boolean {
    const { machine, inbox } = this;
    if (machine.takesData) {
      inbox.push(bytes, lent);
      this.arrived |= READABLE;
    }
    machine.handleData(bytes.length);
    this.drain();
    return !inbox.isSettled && inbox.settle();
  }

  written(count: number): void {
    this.sender.written(count);
    this.drain();
  }

  readClosed(): void {
    this.arrived |= READABLE | READ_CLOSED;
    this.machine.handleReadClosed(this.runtime.now());
    this.drain();
  }

  shutdownDone(): void {
    this.machine.handleShutdownDone(this.runtime.now());
    this.drain();
  }

  closed(error?: SockeyeError): void {
    this.arrived |= READABLE | READ_CLOSED | HUP;
    this.machine.handleClosed(error);
    this.drain();
  }

  // Draining

  protected runOutputs(): void {
    for (;;) {
      const output = this.machine.pollOutput();
      switch (output) {
        case "wait":
          return;
        case "opened":
          this.#consumer.onOpened();
          break;
        case "data":
          this.#consumer.onData();
          break;
        case "end":
          this.#consumer.onEnd();
          break;
        case "writable":
          this.arrived |= WRITABLE;
          this.#consumer.onWritable();
          break;
        case "settle":
          this.sender.settle(this.runtime.now());
          this.#consumer.onSettle(this.runtime.now());
          break;
        case "closed":
          this.#finish(this.machine.reason!);
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
        case "transmit":
          this.sender.transmit();
          break;
        case "shutdown":
          if (this.#handle.shutdown()) {
            this.machine.handleShutdownDone(this.runtime.now());
          }
          break;
        case "close":
          this.#handle.close();
          break;
        case "abort":
          this.#handle.abort();
          break;
        default:
          command satisfies never;
      }
    }
  }

  #finish(why: Closed): void {
    this.#over = true;
    this.updateTimer();
    this.#consumer.onClosed(why);
    this.#resolveClosed?.(why);
    this.onOver?.(why);
  }

  /** The user took `length` bytes out of the inbox. */
  consumed(length: number): void {
    this.machine.consume(length);
    // Whoever waits for a hang-up alone learns of it behind the last byte.
    if (this.machine.unread === 0 && this.#isHungUp) this.arrived |= HUP;
    this.kick();
  }

  /** See `Readable.readEnd`. */
  readEnd(): null | undefined {
    const { machine } = this;
    const how = machine.reason?.how;
    const ended = how !== undefined && endsReading.has(how);
    // Our own close beats whatever the peer did then: nobody was to read it.
    if (machine.closedHere && !ended) throw this.closedHere("read from");
    if (machine.closing || ended) throw this.failure("read from");
    if (machine.readClosed) return null;
    if (how !== undefined) throw this.failure("read from");
    return undefined;
  }

  // Sending

  /** Sends bytes that the caller may change afterwards; see `Sender.send`. */
  send(bytes: Uint8Array): void {
    this.undrained(() => {
      if (this.sender.send(bytes)) return;
      this.runCommands();
      this.machine.checkCongestion();
    });
    this.kick();
  }

  /** Queues bytes that stay the caller's until the waiter is told. */
  write(bytes: Uint8Array, waiter: WriteWaiter): void {
    this.sender.write(bytes, waiter);
    this.kick();
    this.machine.checkCongestion();
  }

  /** Gives up a write that waits. */
  rejectWrite(waiter: WriteWaiter): void {
    this.sender.rejectWrite(waiter);
    this.kick();
  }

  /** Ends our direction; the waiter is told when that is handed over. */
  closeWrite(waiter?: WriteWaiter): void {
    this.machine.closeWrite(this.runtime.now());
    if (waiter !== undefined) this.sender.awaitEnd(waiter);
    this.kick();
  }

  // Closing

  close(): Promise<Closed> {
    this.machine.close(this.runtime.now());
    this.inbox.clear();
    this.#leftByUs = true;
    this.arrived |= GONE;
    this.kick();
    return this.whenClosed;
  }

  abort(how: How, error: unknown): void {
    this.machine.abort(how, error);
    this.#leftByUs = true;
    this.arrived |= GONE;
    this.inbox.clear();
    this.kick();
  }

  // Watching

  /** See `ReadinessSource.readiness`. */
  get readiness(): number {
    const { machine } = this;
    const how = machine.reason?.how;
    if (this.#leftByUs) return GONE;
    let ready = 0;
    if (machine.unread > 0 || machine.readClosed || how !== undefined) {
      ready |= READABLE;
    }
    if (machine.writable) ready |= WRITABLE;
    if (machine.readClosed || how !== undefined) ready |= READ_CLOSED;
    if (machine.unread > 0 || !this.#isHungUp) return ready;
    ready |= HUP;
    if (how !== undefined && how !== "end") ready |= ERROR;
    return ready;
  }

  get #isHungUp(): boolean {
    const { machine } = this;
    return machine.reason !== undefined ||
      (machine.readClosed && machine.shutdownDone);
  }

  // Errors

  /** The error for an action that the end of the connection makes impossible. */
  failure(action: string, bytesTaken?: number): SockeyeError {
    const { machine } = this;
    const why = machine.reason;
    const [code, words] = why === undefined && machine.closing
      ? closedHere
      : explain(why, machine.state);
    const options: { cause?: unknown; bytesTaken?: number } = {};
    if (why?.error !== undefined) options.cause = why.error;
    if (bytesTaken !== undefined) options.bytesTaken = bytesTaken;
    return new SockeyeError(code, this.describe(action, words), options);
  }

  /** The error for reading behind our own close, however the connection ended then. */
  closedHere(action: string): SockeyeError {
    const [code, words] = closedHere;
    return new SockeyeError(code, this.describe(action, words));
  }

  describe(action: string, words: string): string {
    return `Cannot ${action} ${formatAddress(this.remoteAddress)}: ${words}`;
  }
}

const closedHere: readonly [code: ErrorCode, words: string] = [
  "ERR_SOCKEYE_CLOSED",
  "it was closed here",
];

/** Code and words for what ended a connection, or for the state that forbids the call. */
function explain(
  why: Closed | undefined,
  state: string,
): readonly [code: ErrorCode, words: string] {
  const error = why?.error;
  switch (why?.how) {
    case undefined:
      return ["ERR_SOCKEYE_STATE", `state is "${state}"`];
    case "close":
      return closedHere;
    case "end":
      return ["ERR_SOCKEYE_CLOSED", "both directions have ended"];
    case "abort":
      return ["ECONNABORTED", "it was aborted here"];
    case "handler":
      return ["ECONNABORTED", "its handler failed"];
    case "drain":
      return ["ECONNABORTED", "the server was closed, and its grace is over"];
    default:
      return error instanceof SockeyeError
        ? [error.code, textOf(error)]
        : ["EIO", String(error)];
  }
}
