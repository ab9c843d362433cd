// How many programs the scripts run at once: one more than there are processors,
// since tests wait about as much as they work; three at most, since some measure.
import { availableParallelism } from "node:os";

let free = Math.min(3, availableParallelism() + 1);
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
