/**
 * A relayed connection, beside its socket: reads while there is credit, and
 * carries out what the handler's side asks.
 *
 * @module
 */

import { costOf } from "./credit.ts";

/** What the driver is to tell the socket; polled in this order. */
export type SocketSideCommand =
  | "startRead"
  | "stopRead"
  | "transmit"
  | "shutdown"
  | "close"
  | "abort"
  | "wait";

/**
 * The machine of one connection, beside its socket. It counts lengths; the bytes
 * are the driver's. After every input the driver polls commands until `"wait"`,
 * and then `pollWritten`.
 */
export class SocketSide {
  /** What may yet be read, by `costOf`. */
  #credit: number;
  #reading = false;
  #readClosed = false;
  /** Length of the transmit that was asked for; 0 for none. */
  #length = 0;
  /** How many of its bytes the system has taken. */
  #taken = 0;
  /** The socket was offered the rest, and will tell. */
  #offered = false;
  #shutdown: "no" | "wanted" | "asked" = "no";
  #release: "no" | "close" | "abort" | "asked" = "no";
  #over = false;

  /** `window`: bytes that are read ahead. */
  constructor(window: number) {
    this.#credit = window;
  }

  /** Whether the socket is over: nothing more is to be said of it. */
  get isOver(): boolean {
    return this.#over;
  }
  /** Where in the bytes of the transmit the next offer begins. */
  get taken(): number {
    return this.#taken;
  }

  // What the socket tells

  /** Bytes arrived. */
  handleData(length: number): void {
    this.#credit -= costOf(length);
  }
  /** The peer's end arrived. */
  handleReadClosed(): void {
    this.#readClosed = true;
  }
  /** The pending transmit is over: `count` more bytes were taken. */
  handleWritten(count: number): void {
    this.#offered = false;
    this.#taken += count;
  }
  /** It is over. */
  handleClosed(): void {
    this.#over = true;
  }

  // What the handler's side asks

  /** It has told what took so much. */
  handleCredit(count: number): void {
    this.#credit += count;
  }
  /** It has bytes to be sent; none are pending then. */
  handleTransmit(length: number): void {
    this.#length = length;
    this.#taken = 0;
  }
  /** Our direction is to end. */
  handleShutdown(): void {
    if (this.#shutdown === "no") this.#shutdown = "wanted";
  }
  /** The descriptor is to be given back. */
  handleClose(): void {
    if (this.#release === "no") this.#release = "close";
  }
  /** It is to be reset: asked for, or since the thread of the handler has ended. */
  handleAbort(): void {
    if (this.#release !== "asked") this.#release = "abort";
  }

  // What comes of it

  /** What to tell the socket next. */
  pollCommand(): SocketSideCommand {
    if (this.#over || this.#release === "asked") return "wait";
    if (this.#release !== "no") {
      const release = this.#release;
      this.#release = "asked";
      return release;
    }
    const reading = this.#credit > 0 && !this.#readClosed;
    if (reading !== this.#reading) {
      this.#reading = reading;
      return reading ? "startRead" : "stopRead";
    }
    if (this.#taken < this.#length && !this.#offered) return "transmit";
    if (this.#shutdown !== "wanted" || this.#length > 0) return "wait";
    this.#shutdown = "asked";
    return "shutdown";
  }

  /** What the offer of the rest came to at once. */
  transmitted(taken: number): void {
    this.#taken += taken;
    this.#offered = this.#taken < this.#length;
  }

  /** The length of a transmit that the system has taken whole; told once. */
  pollWritten(): number {
    if (this.#length === 0 || this.#taken < this.#length) return 0;
    const length = this.#length;
    this.#length = 0;
    this.#taken = 0;
    return length;
  }
}
