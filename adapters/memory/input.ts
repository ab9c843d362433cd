/**
 * A standard input that a test writes.
 *
 * @module
 */
import type { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import type { StdinEvents, StdinHandle } from "../../core/transport.ts";

/**
 * What a test does with the standard input of a simulation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, stdin, input } = createSimulation();
 * await run(async () => {
 *   const typed = await stdin();
 *   input.write(new TextEncoder().encode("quit\n"));
 *   input.end();
 *   assert.equal((await typed.read())?.length, 5);
 *   assert.equal(input.waiting, 0);
 *   assert.equal(await typed.read(), null); // Ctrl-D
 * });
 * ```
 */
export interface InputControls {
  /** Bytes that were written and that the program has not taken. */
  readonly waiting: number;
  /** Types bytes, or pipes them: they are there at once, copied. Ignored behind the end. */
  write(bytes: Uint8Array): void;
  /** Ends it, behind what was written. */
  end(): void;
  /** Lets reading fail, behind what was written. */
  fail(error: SockeyeError): void;
}

/** Most bytes given to `data` at a time. */
const mostAtOnce = 65536;

/** A standard input in simulated time; what is told is told in a turn of its own. */
export class MemoryInput implements InputControls, StdinHandle {
  readonly #scheduler: Scheduler;
  readonly #written: Uint8Array[] = [];
  #tellEnd: ((events: StdinEvents) => void) | undefined;
  #events: StdinEvents | undefined;
  #reading = false;
  #woken = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  // What a test does

  get waiting(): number {
    return this.#written.reduce((sum, { length }) => sum + length, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#tellEnd !== undefined || bytes.length === 0) return;
    this.#written.push(new Uint8Array(bytes));
    this.#wake();
  }

  end(): void {
    this.#finish((events) => events.readClosed());
  }

  fail(error: SockeyeError): void {
    this.#finish((events) => events.failed(error));
  }

  #finish(tell: (events: StdinEvents) => void): void {
    this.#tellEnd ??= tell;
    this.#wake();
  }

  // What the program does

  attach(events: StdinEvents): void {
    this.#events = events;
  }

  startRead(): void {
    this.#reading = true;
    this.#wake();
  }

  stopRead(): void {
    this.#reading = false;
  }

  close(): void {
    this.#events = undefined;
  }

  #wake(): void {
    if (this.#woken || !this.#reading || this.#events === undefined) return;
    this.#woken = true;
    this.#scheduler.turn(this.#turn);
  }

  readonly #turn = (): void => {
    this.#woken = false;
    const events = this.#events;
    if (events === undefined || !this.#reading) return;
    const first = this.#written.shift();
    if (first !== undefined) {
      const rest = first.subarray(mostAtOnce);
      if (rest.length > 0) this.#written.unshift(rest);
      events.data(first.subarray(0, mostAtOnce), false);
      return this.#wake();
    }
    if (this.#tellEnd === undefined) return;
    this.#events = undefined;
    this.#tellEnd(events);
  };
}
