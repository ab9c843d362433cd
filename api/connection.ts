/**
 * A connection in the pull style: reads and writes that somebody waits for.
 *
 * @module
 */
import type { How } from "../core/connection.ts";
import { SockeyeError } from "../core/error.ts";
import type { Runtime } from "../core/transport.ts";
import { StreamChannel } from "./channel.ts";
import type { Consumer, Driver } from "./driver.ts";
import type { WriteWaiter } from "./outbox.ts";
import { readableOf, writableOf } from "./streams.ts";
import type { Connection, Op } from "./types.ts";
import { checkBytes, checkSignal, deadlineOf, Waiter } from "./wait.ts";

/** The one read that waits: for a chunk, or for bytes in a buffer of the caller's. */
interface Reader {
  readonly waiter: Waiter<Uint8Array | number | null>;
  readonly buffer: Uint8Array | undefined;
}

/** What we did that also ends reading behind our own close, or behind the peer's end. */
const endsReading: ReadonlySet<How> = new Set<How>([
  "abort",
  "handler",
  "drain",
  "limit",
]);

/** A connection over a driver. */
export class StreamConnection extends StreamChannel
  implements Connection, Consumer {
  readonly #driver: Driver;
  #reader: Reader | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  readonly #opened: (() => void) | undefined;

  /** `opened` is called once the connection is open, outside of any call of the user's. */
  constructor(driver: Driver, opened?: () => void) {
    super(driver);
    this.#driver = driver;
    this.#opened = opened;
  }

  // Reading

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

  #read(
    buffer: Uint8Array | undefined,
    op: Op | undefined,
  ): Promise<Uint8Array | number | null> | Uint8Array | number | null {
    const driver = this.#driver;
    if (this.#reader !== undefined) throw this.#busy();
    checkSignal(op?.signal);
    const now = driver.runtime.now();
    const deadline = deadlineOf(op, now);
    if (deadline <= now || driver.machine.readWait.expired(now)) {
      throw this.#timedOut("read from");
    }
    const taken = this.#take(buffer);
    if (taken !== undefined) return taken;
    const waiter = new Waiter<Uint8Array | number | null>(
      deadline,
      op?.signal,
      (reason) => this.#endRead()?.reject(reason),
    );
    this.#reader = { waiter, buffer };
    driver.machine.readWait.set(true, deadline);
    driver.kick();
    return waiter.promise;
  }

  /** What a read gives at once; undefined where it has to wait. */
  #take(
    buffer: Uint8Array | undefined,
  ): Uint8Array | number | null | undefined {
    const { machine, inbox } = this.#driver;
    if (machine.unread > 0 && machine.delivering) {
      const taken = buffer === undefined
        ? inbox.shift(false)
        : inbox.copyInto(buffer);
      this.#driver.consumed(typeof taken === "number" ? taken : taken.length);
      return taken;
    }
    if (machine.unread > 0) return undefined;
    const how = machine.reason?.how;
    const ended = how !== undefined && endsReading.has(how);
    // Our own close beats whatever the peer did then: nobody was to read it.
    if (machine.closedHere && !ended) {
      throw this.#driver.closedHere("read from");
    }
    if (machine.closing || ended) throw this.#driver.failure("read from");
    if (machine.readClosed) return null;
    if (how !== undefined) throw this.#driver.failure("read from");
    return undefined;
  }

  #endRead(): Waiter<Uint8Array | number | null> | undefined {
    const waiter = this.#reader?.waiter;
    this.#reader = undefined;
    this.#driver.machine.readWait.set(false, Infinity);
    return waiter;
  }

  /** Gives the waiting read what there is for it now, if anything. */
  #serveReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      const taken = this.#take(reader.buffer);
      if (taken !== undefined) this.#endRead()!.resolve(taken);
    } catch (error) {
      this.#endRead()!.reject(error);
    }
  }

  // Writing

  async write(bytes: Uint8Array, op?: Op): Promise<void> {
    checkBytes(bytes, "write");
    const driver = this.#driver;
    checkSignal(op?.signal);
    const now = driver.runtime.now();
    const deadline = deadlineOf(op, now);
    if (!driver.machine.canWrite) throw this.#cannotWrite();
    if (deadline <= now || driver.machine.writeWait.expired(now)) {
      throw this.#timedOut("write to", 0);
    }
    if (bytes.length > 0) await this.#queueWrite(bytes, deadline, op?.signal);
  }

  #queueWrite(
    bytes: Uint8Array,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const driver = this.#driver;
    let reason: { readonly of: unknown } | undefined;
    const waiter = new Waiter<void>(deadline, signal, (signalled) => {
      reason = { of: signalled };
      driver.rejectWrite(entry);
    });
    const entry: WriteWaiter = {
      deadline,
      resolve: () => waiter.resolve(),
      reject: (bytesTaken) =>
        waiter.reject(
          reason !== undefined
            ? reason.of
            : driver.machine.reason !== undefined
            ? driver.failure("write to", bytesTaken)
            : this.#timedOut("write to", bytesTaken),
        ),
    };
    driver.write(bytes, entry);
    return waiter.promise;
  }

  #cannotWrite(): SockeyeError {
    const driver = this.#driver;
    return driver.failure("write to", 0);
  }

  tryWrite(bytes: Uint8Array): number {
    checkBytes(bytes, "write");
    const { machine } = this.#driver;
    if (!machine.canWrite) throw this.#cannotWrite();
    const count = Math.min(bytes.length, machine.room);
    if (count > 0) {
      this.#driver.send(
        count < bytes.length ? bytes.subarray(0, count) : bytes,
      );
    }
    if (count < bytes.length || machine.room === 0) machine.block();
    return count;
  }

  async closeWrite(op?: Op): Promise<void> {
    const driver = this.#driver;
    const { machine } = driver;
    checkSignal(op?.signal);
    const deadline = deadlineOf(op, driver.runtime.now());
    if (machine.shutdownDone) return;
    if (machine.reason !== undefined) throw driver.failure("shut down");
    const waiter = new Waiter<void>(deadline, op?.signal, (reason) => {
      driver.sender.forgetEnd(entry);
      waiter.reject(reason);
    });
    const entry: WriteWaiter = {
      deadline,
      resolve: () => waiter.resolve(),
      reject: () =>
        waiter.reject(
          machine.reason !== undefined
            ? driver.failure("shut down")
            : this.#timedOut("shut down"),
        ),
    };
    driver.closeWrite(entry);
    await waiter.promise;
  }

  // Deadlines and ends

  setDeadline(ms: number | null, side?: "read" | "write"): void {
    const driver = this.#driver;
    if (ms !== null && (typeof ms !== "number" || Number.isNaN(ms))) {
      throw new SockeyeError(
        "EINVAL",
        `Cannot set a deadline: ms is ${String(ms)}, expected a number or null`,
      );
    }
    const at = ms === null ? Infinity : driver.runtime.now() + ms;
    if (side !== "write") driver.machine.readWait.deadline = at;
    if (side !== "read") driver.machine.writeWait.deadline = at;
    driver.kick();
  }

  #timedOut(action: string, bytesTaken?: number): SockeyeError {
    return new SockeyeError(
      "ETIMEDOUT",
      this.#driver.describe(action, "the time was over"),
      bytesTaken === undefined ? {} : { bytesTaken },
    );
  }

  #busy(): SockeyeError {
    return new SockeyeError(
      "ERR_SOCKEYE_STATE",
      this.#driver.describe("read from", "another read waits"),
    );
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const bytes = await this.read();
      if (bytes === null) return;
      yield bytes;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the driver tells

  onOpened(): void {
    this.#opened?.();
  }

  onData(): void {
    this.#serveReader();
  }
  onEnd(): void {
    this.#serveReader();
  }
  onWritable(): void {}

  onSettle(now: number): void {
    const waiter = this.#reader?.waiter;
    if (waiter === undefined) return;
    const { machine } = this.#driver;
    if (waiter.deadline <= now || machine.readWait.expired(now)) {
      this.#endRead()!.reject(this.#timedOut("read from"));
    } else this.#serveReader();
  }

  onClosed(): void {
    this.#serveReader();
  }

  // Readiness

  get readiness(): number {
    return this.#driver.readiness;
  }
  get runtime(): Runtime {
    return this.#driver.runtime;
  }
  watch(listener: (arrived: number) => void): () => void {
    return this.#driver.watch(listener);
  }
}
