/**
 * Draining: what follows every mutation of a machine, whatever it decides for.
 *
 * Outputs go to whoever is told, then commands to the transport, until both
 * are through. A drain within a drain is left to the outer one. What the user
 * calls runs commands at once and leaves the outputs to `Runtime.defer`, so
 * that no handler runs in the caller's call.
 *
 * @module
 */
import type { Deadlined } from "../core/timers.ts";
import type { RuntimeBase } from "../core/runtime.ts";
import type { Drainable, Loop } from "./loop.ts";
import { Watchers } from "./watchers.ts";

/** What draining needs to know of a machine. */
export interface Machine {
  /** Whether an output waits to be polled. */
  readonly hasOutput: boolean;
  /** The next deadline, absolute ms; `Infinity` for none. */
  pollTimeout(): number;
  /** The deadline may have come; early calls are no-ops. */
  handleTimeout(now: number): void;
}

/** A driver of a machine. */
export abstract class Drained implements Deadlined, Drainable {
  abstract readonly machine: Machine;
  readonly loop: Loop;
  readonly runtime: RuntimeBase;
  timerIndex = -1;
  /** What arrived and watchers are to be told: bits of `core/readiness.ts`. */
  protected arrived = 0;
  readonly #watchers: Watchers;
  #draining = false;
  #deferred = false;

  constructor(loop: Loop) {
    this.loop = loop;
    this.runtime = loop.runtime;
    this.#watchers = new Watchers(loop.report);
  }

  /** Polls the machine's outputs until it says `"wait"`. */
  protected abstract runOutputs(): void;
  /** Polls the machine's commands until it says `"wait"`. */
  protected abstract runCommands(): void;

  /** Polls everything out of the machine, handlers included. */
  drain(): void {
    this.#deferred = false;
    if (this.#draining) return;
    this.#draining = true;
    try {
      do {
        this.runOutputs();
        this.runCommands();
      } while (this.machine.hasOutput);
    } finally {
      this.#draining = false;
    }
    this.updateTimer();
    if (this.arrived !== 0) this.#tellWatchers();
  }

  /** After a verb of the user: runs commands now, leaves the rest for soon. */
  kick(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.runCommands();
    } finally {
      this.#draining = false;
    }
    this.updateTimer();
    if (this.#deferred || (!this.machine.hasOutput && this.arrived === 0)) {
      return;
    }
    this.#deferred = true;
    this.loop.drainSoon(this);
  }

  /** Runs something of which no event may drain in between. */
  protected undrained(run: () => void): void {
    const outer = this.#draining;
    this.#draining = true;
    try {
      run();
    } finally {
      this.#draining = outer;
    }
  }

  /** Most have no deadline most of the time. */
  protected updateTimer(): void {
    if (this.timerIndex < 0 && this.machine.pollTimeout() === Infinity) return;
    this.loop.update(this);
  }

  // What the loop's timer tells

  pollTimeout(): number {
    return this.machine.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.machine.handleTimeout(now);
    this.drain();
  }

  // Watching

  watch(listener: (arrived: number) => void): () => void {
    return this.#watchers.add(listener);
  }

  #tellWatchers(): void {
    const arrived = this.arrived;
    this.arrived = 0;
    this.#watchers.tell(arrived);
  }
}
