/**
 * Somebody who waits for one value, but not for ever.
 *
 * @module
 */
import type { SockeyeError } from "../core/error.ts";
import type { Deadlined } from "../core/timers.ts";
import type { Loop } from "./loop.ts";
import { Waiter } from "./wait.ts";

/** Whose waiters they are. */
export interface WaiterHost {
  readonly loop: Loop;
  /** The wait is over by time or by its signal: it is to be forgotten. */
  giveUp(waiter: unknown): void;
  /** The error of a wait that took too long. */
  late(waiter: unknown): SockeyeError;
}

/** A waiter that its host gives up at its deadline, and when its signal fires. */
export class TimedWaiter<T> implements Deadlined {
  timerIndex = -1;
  readonly #host: WaiterHost;
  readonly #waiter: Waiter<T>;
  #over = false;

  /** `deadline` is absolute, `Infinity` for none. */
  constructor(
    host: WaiterHost,
    deadline: number,
    signal: AbortSignal | undefined,
  ) {
    this.#host = host;
    this.#waiter = new Waiter<T>(deadline, signal, (reason) => {
      this.#host.giveUp(this);
      this.reject(reason);
    });
    if (deadline < Infinity) host.loop.update(this);
  }

  get promise(): Promise<T> {
    return this.#waiter.promise;
  }

  resolve(value: T): void {
    this.#end();
    this.#waiter.resolve(value);
  }

  reject(reason: unknown): void {
    this.#end();
    this.#waiter.reject(reason);
  }

  pollTimeout(): number {
    return this.#over ? Infinity : this.#waiter.deadline;
  }

  handleTimeout(): void {
    const error = this.#host.late(this);
    this.#host.giveUp(this);
    this.reject(error);
  }

  #end(): void {
    this.#over = true;
    if (this.timerIndex >= 0) this.#host.loop.update(this);
  }
}
