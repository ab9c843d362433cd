/**
 * Time and chance, the same on Node, Deno and Bun.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Scheduler } from "../../core/runtime.ts";

/** The scheduler of a real runtime. */
export const scheduler: Scheduler = {
  now: () => performance.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  // A microtask: it also runs before the callbacks of the event being handled
  // go on, which a tick of node:process does on Node alone.
  defer: (callback) => queueMicrotask(callback),
  turn: (callback) => {
    setImmediate(callback);
  },
  random: () => Math.random(),
  report: (error) => console.error(error),
};
