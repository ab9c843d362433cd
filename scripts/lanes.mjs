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

/** What ends last of each name. @type {Map<string, Promise<unknown>>} */
const named = new Map();

/**
 * As `inLane`, but never at once with other work of the same name.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function inLaneAlone(name, work) {
  const before = named.get(name) ?? Promise.resolve();
  const over = before.then(() => inLane(work));
  named.set(name, over.catch(() => {}));
  return over;
}
