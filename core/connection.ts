/**
 * One connection: what happens to reads, writes, ends, closes and aborts.
 *
 * The machine counts lengths; the bytes are the driver's. Inputs (`handleX`)
 * and verbs go in, with the time where it matters; after every one of them the
 * driver drains: it polls outputs (for the user) and commands (for the
 * transport) until both say `"wait"`. The lifecycle moves through
 * `transitions.ts` only; what each direction has is counted in
 * `connection/read_side.ts` and `connection/write_side.ts`, how the descriptor
 * goes back in `connection/ending.ts`; here is decided what one means for the
 * other.
 *
 * @module
 */
import { Ending } from "./connection/ending.ts";
import { type ErrorCode, SockeyeError } from "./error.ts";
import { CONGESTED, PAUSED, ReadSide } from "./connection/read_side.ts";
import { type Input, type State, transitions } from "./transitions.ts";
import { Wait } from "./wait.ts";
import { WriteSide } from "./connection/write_side.ts";

/**
 * How a connection ended:
 *
 * - `close`: we closed it before the peer had ended, and what was queued went out
 * - `end`: the peer had ended, then we did, and what was queued went out
 * - `reset`: the peer reset it, or went away
 * - `abort`: we aborted it
 * - `timeout`: closing took longer than `flushTimeout` without progress
 * - `limit`: more than `maxQueued` was queued
 * - `handler`: a handler threw or rejected
 * - `drain`: the server closed and its grace was over
 * - `error`: the system reported something else
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type How, serve } from "@sockeye/net";
 *
 * const ends: How[] = [];
 * const server = await serve("mem:ends", {
 *   closed: (_channel, { how }) => void ends.push(how),
 * });
 * const client = await connect("mem:ends");
 * client.abort();
 * await server.close();
 * assert.deepEqual(ends, ["reset"]); // as the server sees it
 * ```
 */
export type How =
  | "close"
  | "end"
  | "reset"
  | "abort"
  | "timeout"
  | "limit"
  | "handler"
  | "drain"
  | "error";

/**
 * How and why a connection ended.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Closed, connect, listen } from "@sockeye/net";
 *
 * const listener = await listen("mem:reasons");
 * const client = await connect("mem:reasons");
 * client.abort(new Error("no longer needed"));
 * const why: Closed = await client.closed;
 * assert.equal(why.how, "abort");
 * assert.equal((why.error as Error).message, "no longer needed");
 * await listener.close();
 * ```
 */
export interface Closed {
  /** How it ended. */
  readonly how: How;
  /** Absent after `close` and `end`; the reason as it was given after `abort`. */
  readonly error?: unknown;
}

/** Limits and policies of one connection, all decided before. */
export interface ConnectionLimits {
  /** Unread bytes at which reading stops. */
  readonly readHighWater: number;
  /** Queued bytes above which the connection is congested. */
  readonly writeHighWater: number;
  /** Copied bytes queued above which the connection is aborted. */
  readonly maxQueued: number;
  /** While draining: ms without any byte taken before it is aborted. */
  readonly flushTimeout: number;
  /** While draining: ms for the peer's end after ours was handed over. */
  readonly lingerTimeout: number;
  /** False: our end follows the peer's by itself. */
  readonly allowHalfOpen: boolean;
}

/** What the driver is to do for the user; polled in this order. */
export type Output =
  | "opened"
  | "data"
  | "end"
  | "writable"
  | "settle"
  | "closed"
  | "wait";

/** What the driver is to tell the transport; polled in this order. */
export type Command =
  | "startRead"
  | "stopRead"
  | "transmit"
  | "shutdown"
  | "close"
  | "abort"
  | "wait";

const OPENED = 1;
const DATA = 2;
const END = 4;
const WRITABLE = 8;
const SETTLE = 16;
const CLOSED = 32;

/**
 * The machine of one connection.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConnectionMachine } from "@sockeye/net/core";
 *
 * const machine = new ConnectionMachine({
 *   readHighWater: 65_536,
 *   writeHighWater: 65_536,
 *   maxQueued: 1_000_000,
 *   flushTimeout: 10_000,
 *   lingerTimeout: 2000,
 *   allowHalfOpen: true,
 * }, true);
 * const told: string[] = [];
 * const drain = () => {
 *   let next: string;
 *   while ((next = machine.pollOutput()) !== "wait") told.push(next);
 *   while ((next = machine.pollCommand()) !== "wait") told.push(next);
 * };
 * machine.handleAccepted();
 * drain();
 * machine.handleData(5); // five bytes arrived
 * drain();
 * machine.consume(5);
 * machine.handleReadClosed(20); // the peer's end, at 20 ms
 * drain();
 * assert.deepEqual(told, ["opened", "startRead", "data", "end"]);
 * assert.equal(machine.state, "halfClosedRemote");
 * ```
 */
export class ConnectionMachine {
  readonly #limits: ConnectionLimits;
  /** Handlers are called (`data` is withheld while congested; `closed` comes behind the data). */
  readonly #push: boolean;
  readonly #read: ReadSide;
  readonly #write: WriteSide;
  readonly #ending: Ending;

  #state: State = "idle";
  #opened = false;
  #outputs = 0;

  #closing = false;
  #closedHere = false;
  #endedHere = false;
  /** The peer's end came before our own close. */
  #peerFirst = true;
  #how: How | undefined;
  #error: unknown;
  #closedTold = false;

  /** Waits for data or the end. */
  readonly readWait: Wait = new Wait();
  /** Waits for bytes to be taken or our end to be handed over. */
  readonly writeWait: Wait = new Wait();

  /** With `push`, handlers are called; without, somebody reads by themselves. */
  constructor(limits: ConnectionLimits, push: boolean) {
    this.#limits = limits;
    this.#push = push;
    this.#read = new ReadSide(limits.readHighWater);
    this.#write = new WriteSide(limits.writeHighWater);
    this.#ending = new Ending(limits.flushTimeout, limits.lingerTimeout);
  }

  // What it is now

  /** Where in its life it is. */
  get state(): State {
    return this.#state;
  }
  /** Bytes that arrived from the peer, dropped ones included. */
  get bytesRead(): number {
    return this.#read.bytesRead;
  }
  /** Bytes that the system took. */
  get bytesWritten(): number {
    return this.#write.bytesWritten;
  }
  /** Bytes queued and not taken yet. */
  get queued(): number {
    return this.#write.queued;
  }
  /** Bytes that arrived and that nobody consumed. */
  get unread(): number {
    return this.#read.unread;
  }
  /** Whether the peer's end has arrived. */
  get readClosed(): boolean {
    return this.#read.closed;
  }
  /** Whether our end has been handed over. */
  get shutdownDone(): boolean {
    return this.#write.ended;
  }
  /** Whether the user gets data now; false while paused, busy or congested. */
  get delivering(): boolean {
    return this.#read.delivering;
  }
  /** Whether bytes that arrive now are wanted; else they are counted and dropped. */
  get takesData(): boolean {
    return !this.#closing && this.#state !== "closed";
  }
  /** Whether writing is allowed in this state. */
  get canWrite(): boolean {
    return this.#state === "open" || this.#state === "halfClosedRemote";
  }
  /** Whether writing would be taken without waiting. */
  get writable(): boolean {
    return !this.#write.congested && this.canWrite;
  }
  /** Whether bytes may go to the transport past the queue, since nothing is in front of them. */
  get writesDirectly(): boolean {
    return this.#write.isIdle && this.canWrite;
  }
  /** Bytes that may be queued before it is congested. */
  get room(): number {
    return this.#write.room;
  }
  /** Whether the user asked for `close`. */
  get closing(): boolean {
    return this.#closing;
  }
  /** Whether the user closed it while it lived, whatever came then. */
  get closedHere(): boolean {
    return this.#closedHere;
  }
  /** Whether the user ended our direction, as opposed to a policy behind the peer's end. */
  get endedHere(): boolean {
    return this.#endedHere;
  }
  /** Whether the time at which bytes are taken matters; else any will do. */
  get timesProgress(): boolean {
    return this.#state === "draining";
  }
  /** Whether an output waits to be polled. */
  get hasOutput(): boolean {
    return this.#outputs !== 0;
  }
  /** How and why it ended; undefined while it lives. */
  get reason(): Closed | undefined {
    if (this.#how === undefined) return undefined;
    return this.#error === undefined
      ? { how: this.#how }
      : { how: this.#how, error: this.#error };
  }

  // How it comes to be

  /** The transport is being connected. */
  handleConnecting(): void {
    this.#move("connect");
  }

  /** The transport stands, connected or accepted, and user data may flow. */
  handleAccepted(): void {
    this.#move("accept");
    this.#open();
  }

  /** The transport stands, and the two sides must agree before user data flows. */
  handleHandshake(): void {
    this.#move("handshake");
  }

  /** The handshake is over, or the transport stands and needs none. */
  handleEstablished(): void {
    this.#move("established");
    this.#open();
  }

  #open(): void {
    if (this.#opened || this.#state !== "open") return;
    this.#opened = true;
    this.#outputs |= OPENED;
  }

  // What the transport tells

  /** `length` bytes arrived. */
  handleData(length: number): void {
    this.#read.bytesRead += length;
    if (this.takesData) {
      this.#read.unread += length;
      this.#tellInput();
    } else if (this.#write.ended) this.#ending.drop(length);
  }

  /** The peer's end arrived, behind all its bytes. */
  handleReadClosed(now: number): void {
    if (this.#read.closed || this.#state === "closed") return;
    if (this.#state === "handshaking") {
      this.#end("reset", undefined, "readClosed");
      this.#ending.want("close");
      return;
    }
    const before = this.#state;
    this.#move("readClosed");
    this.#read.close();
    this.#tellEnd();
    if (this.#state === "draining") this.#drain(before, now);
    else if (!this.#limits.allowHalfOpen) this.followEnd(now);
  }

  /** The pending transmit is over: `count` more bytes were taken. */
  handleWritten(now: number, count: number): void {
    this.#write.transmitOver();
    this.#take(now, count);
  }

  /** Our end has been handed over. */
  handleShutdownDone(now: number): void {
    if (this.#state === "closed" || !this.#write.end()) return;
    this.#outputs |= SETTLE;
    this.#ending.linger(now);
    this.#releaseIfOver();
  }

  /** The descriptor is back, because we asked or by itself. */
  handleClosed(error?: unknown): void {
    if (this.#ending.isReleased) return;
    const asked = this.#ending.released();
    if (this.#state !== "closed") {
      if (error !== undefined || !(asked || this.#bothEnded)) this.#fail(error);
      // Some runtimes close when both directions have ended; whoever reads by
      // themselves still holds the connection until they close it.
      else if (this.#push || this.#closing) this.#released();
    }
    this.#tellClosed();
  }

  get #bothEnded(): boolean {
    return this.#read.closed && this.#write.ended;
  }

  #released(): void {
    this.#end(this.#peerFirst ? "end" : "close", undefined, "released");
  }

  /**
   * A peer that went away is EPIPE where its end had been seen, else
   * ECONNRESET, for reads and writes alike. The runtimes choose between the
   * two by which of their calls met the reset first.
   */
  #fail(error: unknown): void {
    const code = error instanceof SockeyeError ? error.code : undefined;
    if (
      error !== undefined && code !== "ECONNRESET" && code !== "EPIPE"
    ) return this.#end("error", error, "failed");
    const same: ErrorCode = this.#read.closed ? "EPIPE" : "ECONNRESET";
    const told = code === same
      ? error
      : new SockeyeError(same, "The peer went away", { cause: error });
    this.#end("reset", told, "failed");
  }

  // What the user asks of the reading side

  /** Withholds data and the end until `resume`. */
  pause(): void {
    this.withhold(PAUSED);
  }

  /** Undoes `pause`. */
  resume(): void {
    this.unwithhold(PAUSED);
  }

  /** Withholds data and the end for a reason, a bit of `connection/read_side.ts`. */
  withhold(reason: number): void {
    this.#read.withhold(reason);
    // What was to be told in this drain waits too, `closed` behind it.
    if ((this.#outputs & END) !== 0) this.#read.endTold = false;
    if ((this.#outputs & CLOSED) !== 0) this.#closedTold = false;
    this.#outputs &= ~(DATA | END | CLOSED);
    this.#tellClosed();
  }

  /** Undoes `withhold`; what waited is told once no reason is left. */
  unwithhold(reason: number): void {
    if (this.#read.unwithhold(reason)) this.#tellInput();
  }

  /** The user took `length` unread bytes. */
  consume(length: number): void {
    this.#read.unread -= length;
    this.#tellInput();
  }

  // What the user asks of the writing side

  /**
   * Queues `length` bytes; `copied` is how many bytes of copies are held then.
   * With more than `maxQueued` of them the connection is aborted and this
   * gives false. Bytes that a `write` lends are bounded by whoever waits for it.
   */
  queueWrite(length: number, copied: number): boolean {
    if (copied > this.#limits.maxQueued) {
      const error = new SockeyeError(
        "ERR_SOCKEYE_LIMIT",
        `Cannot queue ${length} bytes: that makes ${copied}, and maxQueued ` +
          `is ${this.#limits.maxQueued}`,
      );
      this.abort("limit", error);
      return false;
    }
    this.#write.queued += length;
    return true;
  }

  /** After a send or a write has been offered: what remains may be too much. */
  checkCongestion(): void {
    if (this.#write.isFull) this.block();
  }

  /** Notes that the user met a full queue: `writable` is told when it is empty. */
  block(): void {
    if (this.#write.block() && this.#push) this.withhold(CONGESTED);
  }

  /** What a transmit of `offered` queued bytes came to at once. */
  transmitted(now: number, offered: number, taken: number): void {
    if (this.#state === "closed") return;
    this.#write.transmitted(offered, taken);
    this.#take(now, taken);
  }

  /** As `transmitted`, of bytes that never were queued: `queueWrite` follows for the rest. */
  transmittedDirectly(offered: number, taken: number): void {
    if (this.#state === "closed") return;
    this.#write.transmitted(offered, taken);
    this.#write.bytesWritten += taken;
  }

  /** Takes `length` bytes that nobody waits for any more out of the queue. */
  unqueue(length: number): void {
    if (this.#state === "closed") return;
    if (this.#write.unqueue(length)) this.#outputs |= WRITABLE;
  }

  /** Ends our direction, behind what is queued. */
  closeWrite(now: number): void {
    this.followEnd(now);
    this.#endedHere = true;
  }

  /** As `closeWrite`, of which the user knows nothing: the peer has ended. */
  followEnd(now: number): void {
    const before = this.#state;
    this.#move("closeWrite");
    this.#write.wantEnd();
    if (this.#state === "draining") this.#drain(before, now);
  }

  // How it comes to an end

  /** Flushes, ends, lingers for the peer's end, gives the descriptor back. */
  close(now: number): void {
    if (this.#closing) return;
    if (this.#state === "closed") return this.#leave();
    if (!this.#opened) {
      this.#end("close", undefined, "close");
      this.#ending.want("abort");
      return;
    }
    this.#move("close");
    this.#closing = true;
    this.#closedHere = true;
    this.#endedHere = true;
    this.#peerFirst = this.#read.closed;
    this.#write.wantEnd();
    this.#dropInput();
    this.#outputs |= SETTLE;
    if (this.#ending.isReleased) {
      this.#released();
      this.#tellClosed();
    } else this.#drainSince(now);
  }

  /** Resets now; unread and queued bytes are dropped. */
  abort(how: How, error: unknown): void {
    if (this.#state !== "closed") {
      this.#end(how, error, "abort");
      this.#ending.want("abort");
    }
    this.#leave();
  }

  /**
   * The user left: what is unread is dropped, so that no read may take what
   * follows for the peer's end, and one that waits is told.
   */
  #leave(): void {
    this.#closing = true;
    this.#dropInput();
    if (this.readWait.waiting) this.#outputs |= SETTLE;
    this.#tellClosed();
  }

  /** The next deadline, absolute ms; `Infinity` for none. */
  pollTimeout(): number {
    const waits = Math.min(
      this.readWait.pollTimeout(),
      this.writeWait.pollTimeout(),
    );
    return Math.min(waits, this.#drainDeadline());
  }

  #drainDeadline(): number {
    if (this.#state !== "draining") return Infinity;
    return this.#ending.deadline(this.#write.ended, this.#read.closed);
  }

  /** The deadline may have come; early calls are no-ops. */
  handleTimeout(now: number): void {
    if (now >= this.#drainDeadline()) this.#drainExpired();
    if (
      now >= this.readWait.pollTimeout() || now >= this.writeWait.pollTimeout()
    ) this.#outputs |= SETTLE;
  }

  #drainExpired(): void {
    // The peer has all that we sent and does not end: enough.
    if (this.#write.ended) return this.#ending.want("close");
    const error = new SockeyeError(
      "ETIMEDOUT",
      `Cannot flush ${this.queued} bytes: none was taken in ` +
        `${this.#limits.flushTimeout} ms, state is "draining"`,
    );
    this.abort("timeout", error);
  }

  // What comes out

  /** What to do for the user next. */
  pollOutput(): Output {
    const outputs = this.#outputs;
    if (outputs === 0) return "wait";
    const next = outputs & -outputs;
    this.#outputs = outputs & ~next;
    switch (next) {
      case OPENED:
        return "opened";
      case DATA:
        return "data";
      case END:
        return "end";
      case WRITABLE:
        // Data that was withheld for it comes behind it.
        this.unwithhold(CONGESTED);
        return "writable";
      case SETTLE:
        return "settle";
      default:
        return "closed";
    }
  }

  /** What to tell the transport next. */
  pollCommand(): Command {
    if (this.#ending.isReleasing) return this.#ending.pollCommand();
    if (!this.#opened) return "wait";
    const reading = this.#read.pollCommand();
    return reading !== "wait" ? reading : this.#write.pollCommand();
  }

  // The pieces

  #move(input: Input): void {
    const next = transitions[this.#state][input];
    if (next === "refused") {
      throw new SockeyeError(
        "ERR_SOCKEYE_STATE",
        `Cannot take "${input}": state is "${this.#state}"`,
      );
    }
    if (next !== "ignored") this.#state = next;
  }

  #take(now: number, count: number): void {
    if (count === 0 || this.#state === "closed") return;
    this.#ending.progress(now);
    if (this.writeWait.waiting) this.#outputs |= SETTLE;
    if (this.#write.take(count)) this.#outputs |= WRITABLE;
  }

  /** Tells what there is to read now, and `closed` if it comes behind that. */
  #tellInput(): void {
    if (this.#read.dataIsDue) this.#outputs |= DATA;
    else this.#tellEnd();
    this.#tellClosed();
  }

  #tellEnd(): void {
    if (!this.#read.endIsDue) return;
    this.#read.endTold = true;
    this.#outputs |= END;
  }

  /** Handlers see all that arrived, then `closed`; whoever reads by themselves learns of it at once. */
  #tellClosed(): void {
    if (!this.#ending.isReleased || this.#state !== "closed") return;
    if (this.#closedTold || (this.#push && !this.#read.allTold)) return;
    this.#closedTold = true;
    this.#outputs |= SETTLE | CLOSED;
  }

  #dropInput(): void {
    this.#read.drop();
    this.#outputs &= ~(DATA | END);
  }

  /** Ends the life: from here on only the descriptor and the telling remain. */
  #end(how: How, error: unknown, input: Input): void {
    this.#how = how;
    this.#error = error;
    this.#move(input);
    this.#write.clear();
    this.#outputs = (this.#outputs | SETTLE) & ~WRITABLE;
    this.unwithhold(CONGESTED);
  }

  /** What happens while it drains is no progress: its deadlines count from the beginning. */
  #drain(before: State, now: number): void {
    if (before === "draining") this.#releaseIfOver();
    else this.#drainSince(now);
  }

  #drainSince(now: number): void {
    this.#ending.begin(now);
    this.#releaseIfOver();
  }

  #releaseIfOver(): void {
    if (!this.#push && !this.#closing) return;
    if (this.#bothEnded) this.#ending.want("close");
  }
}
