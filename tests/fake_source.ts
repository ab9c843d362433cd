/**
 * A source whose readiness a test sets by hand, and schedulers to run it on.
 *
 * @module
 */
import { scheduler } from "../adapters/_shared/scheduler.ts";
import { VirtualClock } from "../adapters/memory/clock.ts";
import type { ReadinessSource } from "../api/source.ts";
import { GONE } from "../core/readiness.ts";
import type { Runtime, Scheduler } from "../core/runtime.ts";

/** A runtime of which nothing is used but time. */
export function runtimeOf(time: Scheduler): Runtime {
  return time as Runtime;
}

/** Simulated time, as a clock and as a runtime. */
export function simulated(): { clock: VirtualClock; runtime: Runtime } {
  const clock = new VirtualClock();
  return { clock, runtime: runtimeOf(clock) };
}

/** Real time. */
export const real: Runtime = runtimeOf(scheduler);

/** A source that is told what it is ready for. */
export class FakeSource implements ReadinessSource {
  readonly runtime: Runtime;
  readonly watchers: Set<(arrived: number) => void> = new Set();
  readiness: number;

  constructor(runtime: Runtime, readiness = 0) {
    this.runtime = runtime;
    this.readiness = readiness;
  }

  watch(listener: (arrived: number) => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  /** Something arrives, as from a transport's event. */
  arrive(bits: number): void {
    this.readiness |= bits;
    this.tell(bits);
  }

  /** It is consumed: nothing to tell. */
  consume(bits: number): void {
    this.readiness &= ~bits;
  }

  /** We close it. */
  close(): void {
    this.readiness = GONE;
    this.tell(GONE);
  }

  tell(bits: number): void {
    for (const listener of this.watchers) listener(bits);
  }
}
