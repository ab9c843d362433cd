// How many programs the scripts run at once: two, or one where there is one
// processor. Tests wait more than they work, but some of them measure.
import { availableParallelism } from "node:os";

let free = Math.min(2, availableParallelism());
/** @type {(() => void)[]} */
const waiting = [];

/**
 * Does some work when there is room for it, in the order of the calls.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inLane(work) {
  if (free > 0) free--;
  else await new Promise((start) => waiting.push(() => start(undefined)));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  }
}
