/**
 * An input: bytes that only arrive, as those of standard input do.
 *
 * As `connection.ts`, without a direction of our own: the machine counts
 * lengths, the bytes are the driver's, and after every mutation the driver
 * drains.
 *
 * @module
 */
import type { Closed } from "./connection.ts";
import { ReadSide } from "./connection/read_side.ts";
import { Wait } from "./wait.ts";

/** What the driver is to do for the user; polled in this order. */
export type InputOutput = "settle" | "closed" | "wait";

/** What the driver is to tell the transport; polled in this order. */
export type InputCommand = "startRead" | "stopRead" | "close" | "wait";

const SETTLE = 1;
const CLOSED = 2;

/**
 * The machine of one input.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { InputMachine } from "@sockeye/net/protocols";
 *
 * const machine = new InputMachine(65_536);
 * assert.equal(machine.pollCommand(), "startRead");
 * machine.handleData(65_536); // as much as is to wait for the user
 * assert.equal(machine.pollOutput(), "settle");
 * assert.equal(machine.pollCommand(), "stopRead");
 * machine.consume(65_536);
 * assert.equal(machine.pollCommand(), "startRead");
 * machine.handleReadClosed();
 * machine.close();
 * assert.deepEqual(machine.reason, { how: "end" });
 * ```
 */
export class InputMachine {
  readonly #read: ReadSide;
  #outputs = 0;
  #closeTold = false;
  #reason: Closed | undefined;

  /** The read that waits, if any. */
  readonly readWait: Wait = new Wait();
  /** Whoever reads does so by themselves: nothing withholds the bytes. */
  readonly delivering = true;

  /** Reading stops at `readHighWater` unread bytes. */
  constructor(readHighWater: number) {
    this.#read = new ReadSide(readHighWater);
  }

  /** Bytes that arrived before it was closed. */
  get bytesRead(): number {
    return this.#read.bytesRead;
  }
  /** Bytes that arrived and that nobody consumed. */
  get unread(): number {
    return this.#read.unread;
  }
  /** Whether the end has arrived. */
  get readClosed(): boolean {
    return this.#read.closed;
  }
  /** How and why it is over; undefined while it lives. */
  get reason(): Closed | undefined {
    return this.#reason;
  }
  /** Whether the user closed it. */
  get closing(): boolean {
    return this.#read.dropped;
  }
  /** Whether what arrives now is wanted. */
  get takesInput(): boolean {
    return this.#reason === undefined && !this.#read.closed;
  }
  /** Whether an output waits to be polled. */
  get hasOutput(): boolean {
    return this.#outputs !== 0;
  }

  /** `length` bytes arrived. */
  handleData(length: number): void {
    if (!this.takesInput) return;
    this.#read.bytesRead += length;
    this.#read.unread += length;
    this.#outputs |= SETTLE;
  }

  /** The end arrived, behind all bytes. */
  handleReadClosed(): void {
    if (!this.takesInput) return;
    this.#read.close();
    this.#outputs |= SETTLE;
  }

  /** It is over by itself: what arrived before can still be read. */
  handleFailed(error: unknown): void {
    if (this.takesInput) this.#end({ how: "error", error });
  }

  /** The user took `length` unread bytes. */
  consume(length: number): void {
    this.#read.unread -= length;
  }

  /** The user wants no more of it; what is unread is dropped. */
  close(): void {
    if (this.#read.dropped) return;
    this.#read.drop();
    this.#outputs |= SETTLE;
    if (this.#reason !== undefined) return;
    this.#end({ how: this.#read.closed ? "end" : "close" });
  }

  #end(reason: Closed): void {
    this.#reason = reason;
    this.#outputs |= SETTLE | CLOSED;
  }

  /** The next deadline, absolute ms; `Infinity` for none. */
  pollTimeout(): number {
    return this.readWait.pollTimeout();
  }

  /** The deadline may have come; early calls are no-ops. */
  handleTimeout(now: number): void {
    if (now >= this.readWait.pollTimeout()) this.#outputs |= SETTLE;
  }

  /** What to do for the user next. */
  pollOutput(): InputOutput {
    const next = this.#outputs & -this.#outputs;
    this.#outputs &= ~next;
    return next === SETTLE ? "settle" : next === CLOSED ? "closed" : "wait";
  }

  /** What to tell the transport next. */
  pollCommand(): InputCommand {
    if (this.#reason === undefined) return this.#read.pollCommand();
    if (this.#closeTold) return "wait";
    this.#closeTold = true;
    return "close";
  }
}
