/**
 * A listener in the pull style: connections that somebody asks for.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import { Admission } from "../core/admission.ts";
import type { ConnectionLimits } from "../core/connection.ts";
import { SockeyeError } from "../core/error.ts";
import { GONE, HUP, READABLE } from "../core/readiness.ts";
import type { Deadlined } from "../core/timers.ts";
import type { Runtime } from "../core/runtime.ts";
import type { ListenHandle, StreamHandle } from "../core/transport.ts";
import { Acceptor, type Taker } from "./acceptor.ts";
import { StreamConnection } from "./connection.ts";
import { Driver } from "./driver.ts";
import { Loop } from "./loop.ts";
import { capacityOf, limitsOf } from "./options.ts";
import type { Connection, Listener, ListenOptions, Op } from "./types.ts";
import { checkSignal, deadlineOf, Waiter } from "./wait.ts";
import { Watchers } from "./watchers.ts";

/** A listener over an acceptor. */
export class StreamListener implements Listener, Taker {
  readonly runtime: Runtime;
  readonly closed: Promise<void>;

  readonly #options: ListenOptions;
  readonly #limits: ConnectionLimits;
  readonly #admission: Admission;
  readonly #acceptor: Acceptor;
  readonly #accepts: Waiter<Connection>[] = [];
  readonly #watchers: Watchers;
  readonly #timeouts: Deadlined = {
    timerIndex: -1,
    pollTimeout: () =>
      this.#accepts.reduce(
        (least, waiter) => Math.min(least, waiter.deadline),
        Infinity,
      ),
    handleTimeout: (now) => this.#expire(now),
  };
  #closedByUs = false;
  #taken: Connection | undefined;
  #resolveClosed!: () => void;

  constructor(runtime: Runtime, handle: ListenHandle, options: ListenOptions) {
    this.runtime = runtime;
    this.#watchers = new Watchers(Loop.of(runtime).report);
    this.#options = options;
    this.#limits = limitsOf(options);
    const capacity = capacityOf(options);
    this.#admission = new Admission(capacity.maxConnections);
    this.#acceptor = new Acceptor(runtime, handle, capacity, this.#admission);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#acceptor.start(this);
  }

  get address(): Address {
    return this.#acceptor.address;
  }

  async accept(op?: Op): Promise<Connection> {
    checkSignal(op?.signal);
    const now = this.runtime.now();
    const deadline = deadlineOf(op, now);
    this.#checkOpen();
    if (deadline <= now) throw this.#error("ETIMEDOUT", "the time was over");
    const waiter = new Waiter<Connection>(deadline, op?.signal, (reason) => {
      this.#forget(waiter);
      waiter.reject(reason);
    });
    this.#accepts.push(waiter);
    this.#want();
    return await waiter.promise;
  }

  tryAccept(): Connection | undefined {
    this.#checkOpen();
    // Those who wait were here before.
    if (this.#accepts.length > 0) return undefined;
    this.#acceptor.machine.setWanted(1);
    this.#acceptor.drain();
    this.#acceptor.machine.setWanted(0);
    const taken = this.#taken;
    this.#taken = undefined;
    return taken;
  }

  pause(): void {
    this.#acceptor.machine.pause();
    this.#acceptor.drain();
  }

  resume(): void {
    this.#acceptor.machine.resume();
    this.#acceptor.drain();
    // Who waits arrived while nobody could be told of it.
    if (this.#acceptor.machine.readable) {
      this.runtime.defer(() => this.onArrived());
    }
  }

  close(): Promise<void> {
    this.#acceptor.machine.close();
    for (const waiter of this.#accepts.splice(0)) {
      waiter.reject(this.#error("ERR_SOCKEYE_CLOSED", "it was closed here"));
    }
    this.#closedByUs = true;
    this.#want();
    this.runtime.defer(() => this.#watchers.tell(GONE));
    return this.closed;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Connection> {
    while (this.#acceptor.machine.state === "listening") {
      let connection: Connection;
      try {
        connection = await this.accept();
      } catch (error) {
        if (this.#acceptor.machine.state !== "listening") return;
        throw error;
      }
      yield connection;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #want(): void {
    this.#acceptor.machine.setWanted(this.#accepts.length);
    this.#acceptor.drain();
    Loop.of(this.runtime).update(this.#timeouts);
  }

  #forget(waiter: Waiter<Connection>): void {
    const index = this.#accepts.indexOf(waiter);
    if (index >= 0) this.#accepts.splice(index, 1);
    this.#want();
  }

  #expire(now: number): void {
    for (const waiter of this.#accepts.filter((w) => w.deadline <= now)) {
      this.#forget(waiter);
      waiter.reject(this.#error("ETIMEDOUT", "the time was over"));
    }
  }

  #checkOpen(): void {
    if (this.#acceptor.machine.state === "listening") return;
    throw this.#error("ERR_SOCKEYE_CLOSED", "the listener is closed");
  }

  #error(
    code: "ETIMEDOUT" | "ERR_SOCKEYE_CLOSED",
    words: string,
  ): SockeyeError {
    const at = formatAddress(this.address);
    return new SockeyeError(code, `Cannot accept on ${at}: ${words}`);
  }

  // What the acceptor tells

  onConnection(handle: StreamHandle): void {
    const driver = new Driver(
      Loop.of(this.runtime),
      handle,
      this.#limits,
      false,
    );
    const connection = new StreamConnection(driver);
    driver.onOver = () => {
      this.#admission.handleLeft(true);
      this.#acceptor.drain();
      // There was no room for who waits: nobody else tells that there is now.
      if (this.#acceptor.machine.readable) this.onArrived();
    };
    driver.start(connection);
    const waiter = this.#accepts.shift();
    if (waiter === undefined) this.#taken = connection;
    else waiter.resolve(connection);
  }

  onArrived(): void {
    this.#watchers.tell(READABLE);
  }

  onAcceptFailed(error: SockeyeError): void {
    this.#report(error);
  }

  onRefused(error: SockeyeError): void {
    this.#report(error);
  }

  onOver(error: SockeyeError | undefined): void {
    if (error !== undefined) this.#report(error);
    for (const waiter of this.#accepts.splice(0)) {
      waiter.reject(this.#error("ERR_SOCKEYE_CLOSED", "the listener is over"));
    }
    // Some transports tell this within our own close().
    this.runtime.defer(() => this.#watchers.tell(HUP));
    this.#resolveClosed();
  }

  /** What `onError` throws must not stop the accepting. */
  #report(error: SockeyeError): void {
    try {
      this.#options.onError?.(error);
    } catch (thrown) {
      this.runtime.report(thrown);
    }
  }

  // Readiness

  get readiness(): number {
    const { machine } = this.#acceptor;
    if (this.#closedByUs) return GONE;
    if (machine.readable) return READABLE;
    return machine.state === "closed" ? HUP : 0;
  }

  watch(listener: (arrived: number) => void): () => void {
    return this.#watchers.add(listener);
  }
}
