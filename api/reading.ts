/**
 * Reads that somebody waits for, of whatever has an inbox.
 *
 * @module
 */
import { SockeyeError } from "../core/error.ts";
import type { RuntimeBase } from "../core/runtime.ts";
import type { Wait } from "../core/wait.ts";
import type { Inbox } from "./inbox.ts";
import type { Op } from "./types.ts";
import { checkBytes, checkSignal, deadlineOf, Waiter } from "./wait.ts";

/** What reading needs of a driver. */
export interface Readable {
  readonly runtime: RuntimeBase;
  readonly inbox: Inbox;
  readonly machine: {
    /** Bytes that arrived and that nobody consumed. */
    readonly unread: number;
    /** Whether the user gets them now. */
    readonly delivering: boolean;
    readonly readWait: Wait;
  };
  /** The user took so many bytes out of the inbox. */
  consumed(length: number): void;
  /**
   * What a read gives where nothing is unread: `null` at the end, undefined
   * where it has to wait. Throws why there is nothing to wait for.
   */
  readEnd(): null | undefined;
  kick(): void;
  describe(action: string, words: string): string;
}

/** The one read that waits: for a chunk, or for bytes in a buffer of the caller's. */
interface Reader {
  readonly waiter: Waiter<Uint8Array | number | null>;
  readonly buffer: Uint8Array | undefined;
}

/** The reads of one source, of which one may wait at a time. */
export class Reading {
  readonly #source: Readable;
  #reader: Reader | undefined;

  constructor(source: Readable) {
    this.#source = source;
  }

  async read(op?: Op): Promise<Uint8Array | null> {
    return await this.#read(undefined, op) as Uint8Array | null;
  }

  async readInto(buffer: Uint8Array, op?: Op): Promise<number | null> {
    checkBytes(buffer, "read into a buffer");
    return await this.#read(buffer, op) as number | null;
  }

  tryRead(buffer: Uint8Array): number | null | undefined {
    checkBytes(buffer, "read into a buffer");
    if (this.#reader !== undefined) throw this.#busy();
    return this.#take(buffer) as number | null | undefined;
  }

  /** Chunks up to the end. */
  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const bytes = await this.read();
      if (bytes === null) return;
      yield bytes;
    }
  }

  /** Gives the waiting read what there is for it now, if anything. */
  serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      const taken = this.#take(reader.buffer);
      if (taken !== undefined) this.#end()!.resolve(taken);
    } catch (error) {
      this.#end()!.reject(error);
    }
  }

  /** As `serve`; the waiting read may also be over by time. */
  settle(now: number): void {
    const waiter = this.#reader?.waiter;
    if (waiter === undefined) return;
    if (
      waiter.deadline <= now || this.#source.machine.readWait.expired(now)
    ) this.#end()!.reject(this.#timedOut());
    else this.serve();
  }

  #read(
    buffer: Uint8Array | undefined,
    op: Op | undefined,
  ): Promise<Uint8Array | number | null> | Uint8Array | number | null {
    const source = this.#source;
    if (this.#reader !== undefined) throw this.#busy();
    checkSignal(op?.signal);
    const now = source.runtime.now();
    const deadline = deadlineOf(op, now);
    if (deadline <= now || source.machine.readWait.expired(now)) {
      throw this.#timedOut();
    }
    const taken = this.#take(buffer);
    if (taken !== undefined) return taken;
    const waiter = new Waiter<Uint8Array | number | null>(
      deadline,
      op?.signal,
      (reason) => this.#end()?.reject(reason),
    );
    this.#reader = { waiter, buffer };
    source.machine.readWait.set(true, deadline);
    source.kick();
    return waiter.promise;
  }

  /** What a read gives at once; undefined where it has to wait. */
  #take(
    buffer: Uint8Array | undefined,
  ): Uint8Array | number | null | undefined {
    const { machine, inbox } = this.#source;
    if (machine.unread === 0) return this.#source.readEnd();
    if (!machine.delivering) return undefined;
    const taken = buffer === undefined
      ? inbox.shift(false)
      : inbox.copyInto(buffer);
    this.#source.consumed(typeof taken === "number" ? taken : taken.length);
    return taken;
  }

  #end(): Waiter<Uint8Array | number | null> | undefined {
    const waiter = this.#reader?.waiter;
    this.#reader = undefined;
    this.#source.machine.readWait.set(false, Infinity);
    return waiter;
  }

  #timedOut(): SockeyeError {
    return new SockeyeError(
      "ETIMEDOUT",
      this.#source.describe("read from", "the time was over"),
    );
  }

  #busy(): SockeyeError {
    return new SockeyeError(
      "ERR_SOCKEYE_STATE",
      this.#source.describe("read from", "another read waits"),
    );
  }
}
