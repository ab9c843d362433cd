/**
 * A server whose connections are served by child processes or threads: it
 * listens, has children started as `core/pool.ts` decides, gives them connections,
 * and waits for their ends.
 *
 * The listeners stay open here whatever becomes of the children: with `prefork`
 * too, where what is accepted here is handed on like any other.
 *
 * @module
 */
import { type Address, formatAddress } from "../../core/address.ts";
import { Admission } from "../../core/admission.ts";
import type { Starter } from "../../core/children.ts";
import { SockeyeError } from "../../core/error.ts";
import { PoolMachine } from "../../core/pool.ts";
import type { Deadlined } from "../../core/timers.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { ListenHandle, StreamHandle } from "../../core/transport.ts";
import { Acceptor, type Taker } from "../acceptor.ts";
import type { PoolPolicy } from "./options.ts";
import { serverStatsOf } from "./stats.ts";
import { Loop } from "../loop.ts";
import type { Capacity } from "../options.ts";
import { checkGrace, defaultGrace } from "../serve.ts";
import type { Staff, StaffEvents } from "./staff.ts";
import type { Server, ServerClosed, ServerStats } from "../types.ts";

/** What a pool server is made from. */
export interface PoolServerParts {
  readonly runtime: Runtime;
  readonly children: Starter;
  readonly handles: readonly ListenHandle[];
  /** Makes those who serve. */
  readonly staff: (pool: PoolMachine, events: StaffEvents) => Staff;
  readonly policy: PoolPolicy;
  readonly capacity: Capacity;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** An accepted connection that waits for a child. */
interface Waiting {
  readonly handle: StreamHandle;
  readonly index: number;
}

/** A server over a pool. */
export class PoolServer implements Server, Deadlined {
  readonly addresses: readonly Address[];
  readonly closed: Promise<ServerClosed>;
  /** Resolves when the members, or a first child, are ready; rejects if it never comes to that. */
  readonly started: Promise<void>;
  timerIndex = -1;

  readonly #parts: PoolServerParts;
  readonly #loop: Loop;
  readonly #pool: PoolMachine;
  readonly #admission: Admission;
  readonly #acceptors: Acceptor[];
  readonly #staff: Staff;
  readonly #waiting: Waiting[] = [];
  #forgetSignals: () => void = () => {};
  #standing: number;
  #draining = false;
  #poolClosed = false;
  #over = false;
  #acceptErrors = 0;
  #resolveClosed!: (how: ServerClosed) => void;
  #resolveStarted!: () => void;
  #rejectStarted!: (error: SockeyeError) => void;

  constructor(parts: PoolServerParts) {
    const { runtime, handles, policy, capacity } = parts;
    this.#parts = parts;
    this.#loop = Loop.of(runtime);
    this.#pool = new PoolMachine(policy.limits);
    this.#staff = parts.staff(this.#pool, {
      changed: () => this.#changed(),
      // Its place in the queue is the first: it has waited already.
      returned: (handle, index) => this.#waiting.unshift({ handle, index }),
      freed: (count) => {
        for (let i = 0; i < count; i++) this.#admission.handleLeft(true);
      },
      failed: (error) => this.#report(error),
    });
    this.#admission = new Admission(policy.places);
    this.addresses = handles.map((handle) => handle.address);
    this.#standing = handles.length;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.#acceptors = handles.map((handle) =>
      new Acceptor(runtime, handle, capacity, this.#admission)
    );
    this.#acceptors.forEach((acceptor, index) => {
      acceptor.start(this.#taker(index));
    });
    this.#heedSignals();
    this.#changed();
  }

  #taker(index: number): Taker {
    return {
      onConnection: (handle) => this.#arrived({ handle, index }),
      onArrived: () => {},
      onAcceptFailed: (error) => {
        this.#acceptErrors++;
        if (this.#parts.onError !== undefined) this.#report(error);
      },
      onRefused: (error) => this.#report(error),
      onOver: (error) => {
        this.#standing--;
        if (error !== undefined) this.#report(error);
        this.#settle();
      },
    };
  }

  #heedSignals(): void {
    const { children, policy } = this.#parts;
    if (!policy.signals) return;
    let asked = false;
    this.#forgetSignals = children.onSignals(
      ["SIGTERM", "SIGINT", "SIGHUP"],
      (name) => {
        if (name === "SIGHUP") return this.restart();
        void this.close({ grace: asked ? 0 : policy.grace });
        asked = true;
      },
    );
  }

  // What users ask

  get stats(): ServerStats {
    const machines = this.#acceptors.map(({ machine }) => machine);
    return serverStatsOf(this.#pool, this.#staff, {
      waiting: machines.reduce((sum, { waiting }) => sum + waiting, 0),
      rejected: machines.reduce((sum, { rejected }) => sum + rejected, 0),
      acceptErrors: this.#acceptErrors,
    });
  }

  restart(): void {
    this.#staff.renew?.();
    this.#pool.restart(this.#now());
    this.#drain();
  }

  broadcast(message: unknown): number {
    return this.#staff.broadcast(message);
  }

  close(options: { grace?: number } = {}): Promise<ServerClosed> {
    const { grace = defaultGrace } = options;
    const wrong = checkGrace(grace);
    if (wrong !== undefined) return Promise.reject(wrong);
    for (const acceptor of this.#acceptors) {
      acceptor.machine.close();
      acceptor.drain();
    }
    this.#pool.close(this.#now(), grace);
    this.#drain();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Time

  pollTimeout(): number {
    return this.#pool.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.#pool.handleTimeout(now);
    this.#drain();
  }

  #now(): number {
    return this.#parts.runtime.now();
  }

  // Connections

  #arrived(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#pool.handleWaiting(this.#now());
    this.#drain();
  }

  #deliver(id: number): void {
    const { handle, index } = this.#waiting.shift()!;
    this.#staff.give(id, handle, index);
  }

  #drop(): void {
    const { handle } = this.#waiting.shift()!;
    this.#staff.ledger.handleDropped();
    handle.attach({
      data: () => false,
      written: () => {},
      readClosed: () => {},
      shutdownDone: () => {},
      closed: () => this.#admission.handleLeft(true),
    });
    handle.abort();
  }

  // Doing what the pool says

  #changed(): void {
    this.#drain();
    if (this.#pool.manned) this.#resolveStarted();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#drainPool();
    } finally {
      this.#draining = false;
    }
    this.#loop.update(this);
    this.#settle();
  }

  #drainPool(): void {
    for (;;) {
      const output = this.#pool.pollOutput(this.#now());
      switch (output.do) {
        case "start":
          this.#staff.start(output.child);
          break;
        case "deliver":
          this.#deliver(output.child);
          break;
        case "retire":
          this.#staff.retire(output.child, output.grace);
          break;
        case "kill":
          this.#staff.kill(output.child);
          break;
        case "drop":
          this.#drop();
          break;
        case "closed":
          this.#poolClosed = true;
          break;
        case "wait":
          if (!this.#wantMore()) return;
          break;
        default:
          output satisfies never;
      }
    }
  }

  /** Accepts as many as there will be children for; true if some came by that. */
  #wantMore(): boolean {
    if (this.#pool.error !== undefined) this.#stopListening();
    const before = this.#waiting.length;
    for (const acceptor of this.#acceptors) {
      acceptor.machine.setWanted(this.#pool.room);
      acceptor.drain();
    }
    return this.#waiting.length > before;
  }

  #stopListening(): void {
    for (const acceptor of this.#acceptors) acceptor.machine.close();
  }

  #settle(): void {
    if (this.#over || !this.#poolClosed || this.#standing > 0) return;
    this.#over = true;
    this.#forgetSignals();
    this.#staff.close?.();
    const { ledger } = this.#staff;
    const { drained } = ledger;
    const aborted = ledger.aborted + this.#pool.lostAtEnd;
    const cause = this.#pool.error;
    if (cause === undefined) {
      this.#rejectStarted(
        this.#error("ERR_SOCKEYE_CLOSED", "it was closed here"),
      );
      return this.#resolveClosed({ drained, aborted });
    }
    const error = this.#error(cause.code, cause.message, cause.cause);
    this.#rejectStarted(error);
    this.#report(error);
    this.#resolveClosed({ drained, aborted, error });
  }

  #error(
    code: SockeyeError["code"],
    words: string,
    cause?: unknown,
  ): SockeyeError {
    const at = this.addresses.map(formatAddress).join(", ");
    const options = cause === undefined ? {} : { cause };
    return new SockeyeError(code, `Cannot serve ${at}: ${words}`, options);
  }

  /** Tells `onError`, or the runtime where nobody asked to be told. */
  #report(error: unknown): void {
    const { runtime, onError } = this.#parts;
    try {
      if (onError === undefined) runtime.report(error);
      else onError(error);
    } catch (thrown) {
      runtime.report(thrown);
    }
  }
}
