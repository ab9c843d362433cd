/**
 * One turn of the real event loop, without naming a runtime.
 *
 * @module
 */

/** The parts of the global scope that give a turn; which are there depends on the host. */
interface Host {
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
}

// Taken once, when the module is loaded: a test that mocks timers afterwards
// does not stop the simulation.
const host = globalThis as unknown as Host;
const { setImmediate, setTimeout } = host;

/**
 * Calls back once all microtasks have run, those that they queue included.
 *
 * `setImmediate` is on Node, Deno and Bun, and costs 1 to 3 µs; `setTimeout` is
 * on every host, and costs 1 ms. A `MessageChannel` will not do: on Deno 2.9.5
 * its message comes in front of microtasks (posting one and then awaiting
 * `null` in a loop, two of 1000 awaits were through when it arrived).
 */
export const realTurn: (callback: () => void) => void =
  setImmediate === undefined
    ? (callback) => void setTimeout(callback, 0)
    : (callback) => void setImmediate(callback);
