/**
 * A connection in the pull style: reads and writes that somebody waits for.
 *
 * @module
 */
import { SockeyeError } from "../core/error.ts";
import type { RuntimeBase } from "../core/runtime.ts";
import { StreamChannel } from "./channel.ts";
import type { Consumer, Driver } from "./driver.ts";
import type { WriteWaiter } from "./outbox.ts";
import { Reading } from "./reading.ts";
import { readableOf, writableOf } from "./streams.ts";
import type { Connection, Op } from "./types.ts";
import { checkBytes, checkSignal, deadlineOf, Waiter } from "./wait.ts";

/** A connection over a driver. */
export class StreamConnection extends StreamChannel
  implements Connection, Consumer {
  readonly #driver: Driver;
  readonly #reading: Reading;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  readonly #opened: (() => void) | undefined;

  /** `opened` is called once the connection is open, outside of any call of the user's. */
  constructor(driver: Driver, opened?: () => void) {
    super(driver);
    this.#driver = driver;
    this.#reading = new Reading(driver);
    this.#opened = opened;
  }

  // Reading

  read(op?: Op): Promise<Uint8Array | null> {
    return this.#reading.read(op);
  }

  readInto(buffer: Uint8Array, op?: Op): Promise<number | null> {
    return this.#reading.readInto(buffer, op);
  }

  tryRead(buffer: Uint8Array): number | null | undefined {
    return this.#reading.tryRead(buffer);
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

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#reading.chunks();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the driver tells

  onOpened(): void {
    this.#opened?.();
  }

  onData(): void {
    this.#reading.serve();
  }
  onEnd(): void {
    this.#reading.serve();
  }
  onWritable(): void {}
  onSettle(now: number): void {
    this.#reading.settle(now);
  }
  onClosed(): void {
    this.#reading.serve();
  }

  // Readiness

  get readiness(): number {
    return this.#driver.readiness;
  }
  get runtime(): RuntimeBase {
    return this.#driver.runtime;
  }
  watch(listener: (arrived: number) => void): () => void {
    return this.#driver.watch(listener);
  }
}
