/**
 * What bytes that are read ahead take of the window of a relay.
 *
 * @module
 */

/**
 * What a chunk takes at least: each that waits is an object or two of its own.
 * 128 KiB of one-byte packets were 131,072 of them, tens of MiB.
 */
const leastCost = 512;

/** What a chunk of this length takes. */
export function costOf(length: number): number {
  return Math.max(length, leastCost);
}
