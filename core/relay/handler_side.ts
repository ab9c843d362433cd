/**
 * A relayed connection, beside its handler: stands for the socket, as the
 * contract of `transport.ts` wants one.
 *
 * @module
 */

import { costOf } from "./credit.ts";

/** What the driver is to tell of the connection; polled in this order. */
export type HandlerSideOutput =
  | "written"
  | "shutdownDone"
  | "data"
  | "readClosed"
  | "closed"
  | "wait";

/**
 * The machine of one connection, beside its handler. It counts lengths; the
 * bytes are the driver's. After every input, and some time after every command,
 * the driver polls outputs until `"wait"`, and then `pollCredit`.
 */
export class HandlerSide {
  /** What was told and has not been given credit for, by `costOf`. */
  #owed = 0;
  readonly #creditAt: number;
  #attached = false;
  #reading = false;
  /** Bytes that arrived and were not told. */
  #held = 0;
  #end: "no" | "arrived" | "told" = "no";
  /** Length of the transmit that is under way; 0 for none. */
  #pending = 0;
  #written = false;
  #shutdown: "no" | "asked" | "done" | "told" = "no";
  /** The handler's side wants no more of it. */
  #released = false;
  #over = false;
  #closedTold = false;

  /** `window`: bytes that the other side reads ahead. Credit is given by halves of it. */
  constructor(window: number) {
    this.#creditAt = window / 2;
  }

  /** Whether all is told: nothing more comes of it. */
  get isDone(): boolean {
    return this.#closedTold;
  }

  /** Whether data that arrives is told at once. */
  get isReading(): boolean {
    return this.#attached && this.#reading;
  }

  // What the socket's side tells

  /** Bytes arrived; false if nobody wants them any more. */
  handleData(length: number): boolean {
    if (this.#released) return false;
    this.#held += length;
    return true;
  }
  /** The peer's end arrived. */
  handleReadClosed(): void {
    this.#end = "arrived";
  }
  /** The system took the bytes of the transmit. */
  handleWritten(): void {
    this.#written = true;
  }
  /** Our end was handed over. */
  handleShutdownDone(): void {
    this.#shutdown = "done";
  }
  /** The socket is over. */
  handleClosed(): void {
    this.#over = true;
  }

  // What the driver commands

  /** Somebody is told. */
  attach(): void {
    this.#attached = true;
  }
  /** Data and the end are wanted. */
  startRead(): void {
    this.#reading = true;
  }
  /** They are not wanted for now. */
  stopRead(): void {
    this.#reading = false;
  }
  /** Bytes are under way. */
  transmit(length: number): void {
    this.#pending = length;
  }
  /** Our end is under way. */
  shutdown(): void {
    this.#shutdown = "asked";
  }
  /** Closes or aborts: what waits is dropped, and only `closed` is told. */
  release(): void {
    this.#released = true;
    this.#held = 0;
  }

  // What comes of it

  /** What to tell next. */
  pollOutput(): HandlerSideOutput {
    if (!this.#attached || this.#closedTold) return "wait";
    if (!this.#released) {
      const told = this.#pollEvent();
      if (told !== "wait") return told;
      // Behind all that arrived before it, as a kernel tells a reset.
      if (this.#held > 0 || this.#end === "arrived") return "wait";
    }
    if (!this.#over) return "wait";
    this.#closedTold = true;
    return "closed";
  }

  #pollEvent(): HandlerSideOutput {
    if (this.#written) return "written";
    if (this.#shutdown === "done") {
      this.#shutdown = "told";
      return "shutdownDone";
    }
    if (!this.#reading && !this.#failed) return "wait";
    if (this.#held > 0) return "data";
    if (this.#end !== "arrived") return "wait";
    this.#end = "told";
    return "readClosed";
  }

  /** A transmit or a shutdown met the end of it all: the input before that is told at once. */
  get #failed(): boolean {
    return this.#over && (this.#pending > 0 || this.#shutdown === "asked");
  }

  /** `length` bytes were told. */
  told(length: number): void {
    this.#held -= length;
    this.#owed += costOf(length);
  }

  /** The transmit whose end is told now: its length. */
  takeWritten(): number {
    const length = this.#pending;
    this.#pending = 0;
    this.#written = false;
    return length;
  }

  /** How much credit to give now; 0 for none. */
  pollCredit(): number {
    if (this.#owed < this.#creditAt || this.#end !== "no") return 0;
    const owed = this.#owed;
    this.#owed = 0;
    return owed;
  }
}
