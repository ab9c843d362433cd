/**
 * Chance from a seed, the same on every runtime.
 *
 * @module
 */
import { SockeyeError } from "../../core/error.ts";

/**
 * What a seed may be; a number and its decimal string are the same seed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Seed, VirtualClock } from "@sockeye/net/memory";
 *
 * const first = (seed: Seed) => new VirtualClock({ seed }).random();
 * assert.equal(first(42), first("42"));
 * assert.notEqual(first("nightly"), first("weekly"));
 * ```
 */
export type Seed = number | string;

/**
 * A fixed amount, or one drawn evenly from `[least, most]`, both included.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, type Range } from "@sockeye/net/memory";
 *
 * const latency: Range = [20, 40]; // ms
 * const { run, listen, connect, clock } = createSimulation({ latency });
 * await run(async () => {
 *   const listener = await listen("mem:far");
 *   (await connect("mem:far")).abort();
 *   assert.ok(clock.now() >= 40 && clock.now() <= 80); // there and back
 *   await listener.close();
 * });
 * ```
 */
export type Range = number | readonly [least: number, most: number];

/** A source of numbers in [0, 1). */
export type Random = () => number;

/**
 * The generator sfc32 of PractRand (Chris Doty-Humphrey, public domain), with
 * its seeding and 12 rounds of warm-up.
 *
 * @param purpose separates generators of one seed, so that what one consumer
 * draws does not shift what another gets.
 */
export function seeded(seed: Seed, purpose: string): Random {
  let a = 0;
  let b = fnv1a(String(seed));
  let c = fnv1a(purpose);
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** FNV-1a of the UTF-16 code units, 32 bits (Fowler, Noll, Vo; public domain). */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
}

/** An amount from a range; a fixed one costs no number of the generator. */
export function draw(range: Range, random: Random): number {
  if (typeof range === "number") return range;
  const [least, most] = range;
  return least + random() * (most - least);
}

/** A whole amount from a range. */
export function drawWhole(range: Range, random: Random): number {
  if (typeof range === "number") return range;
  const [least, most] = range;
  return least + Math.floor(random() * (most - least + 1));
}

/**
 * Refuses a range that goes below `least`, is not a number, or is upside down.
 *
 * @throws {SockeyeError} `EINVAL`
 */
export function checkRange(
  option: string,
  range: Range | undefined,
  least: number,
): void {
  if (range === undefined) return;
  const [low, high] = typeof range === "number" ? [range, range] : range;
  if (low >= least && high >= low) return;
  const given = typeof range === "number" ? `${range}` : `[${low}, ${high}]`;
  throw new SockeyeError(
    "EINVAL",
    `Cannot simulate ${option} ${given}: expected ${least} or more, ` +
      "or [least, most] of these",
  );
}
