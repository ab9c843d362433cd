/**
 * Who was heard of, and when: the clients of a server that has no connections.
 *
 * @module
 */
import { type Address, formatAddress } from "../address.ts";

/**
 * Limits of {@linkcode Peers}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseAddress, Peers, type PeersOptions } from "@sockeye/net";
 *
 * const options: PeersOptions = { idle: 30_000, max: 1 };
 * const peers = new Peers<string>(options);
 * peers.heard(parseAddress("udp://:7001"), 0, () => "Ada");
 * assert.equal(peers.pollTimeout(), 30_000);
 * peers.heard(parseAddress("udp://:7002"), 1, () => "Bob"); // one too many
 * assert.equal(peers.size, 1);
 * ```
 */
export interface PeersOptions {
  /** Milliseconds of silence after which a peer is expired. Default `Infinity`. */
  idle?: number;
  /** Peers at most: anyone can send from any address. Default 65536. */
  max?: number;
}

interface Entry<T> {
  readonly address: Address;
  readonly value: T;
  heardAt: number;
}

/**
 * The peers of a datagram socket by their address, and something of yours for
 * each.
 *
 * Time is an argument, on whatever clock, in ms. Hearing of a peer and
 * expiring one cost the same whatever their number: they are kept in the order
 * in which they were last heard of, so time must not run backwards.
 *
 * @example
 * ```ts
 * import { parseAddress, Peers } from "@sockeye/net";
 *
 * const peers = new Peers<{ name: string }>({ idle: 30_000 });
 * const from = parseAddress("udp://127.0.0.1:7000");
 * peers.heard(from, 0, () => ({ name: "ada" }));
 * peers.heard(from, 20_000); // still there
 * console.log(peers.expire(49_999).length); // 0
 * for (const { address, value } of peers.expire(50_000)) {
 *   console.log("silent for too long:", address, value.name);
 * }
 * ```
 */
export class Peers<T> implements Iterable<readonly [Address, T]> {
  readonly #idle: number;
  readonly #max: number;
  /** By address, the one that was silent for longest first. */
  readonly #entries: Map<string, Entry<T>> = new Map();

  /** Knows nobody yet. */
  constructor(options: PeersOptions = {}) {
    this.#idle = options.idle ?? Infinity;
    this.#max = options.max ?? 65_536;
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** What is kept for a peer; says nothing about whether it is alive. */
  get(address: Address): T | undefined {
    return this.#entries.get(formatAddress(address))?.value;
  }

  /**
   * Notes that a peer was heard of.
   *
   * @param make gives what is kept for it, if it was not there
   * @returns what is kept for it; undefined if it was not there, and cannot
   * be taken in: there is no `make`, or there are too many
   */
  heard(address: Address, now: number, make?: () => T): T | undefined {
    const key = formatAddress(address);
    let entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.delete(key);
      entry.heardAt = now;
    } else {
      if (make === undefined || this.#entries.size >= this.#max) {
        return undefined;
      }
      entry = { address, value: make(), heardAt: now };
    }
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Forgets a peer; false if it was not there. */
  delete(address: Address): boolean {
    return this.#entries.delete(formatAddress(address));
  }

  /** Forgets those that were silent for too long, and gives them. */
  expire(now: number): { readonly address: Address; readonly value: T }[] {
    const expired: Entry<T>[] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.heardAt + this.#idle > now) break;
      this.#entries.delete(key);
      expired.push(entry);
    }
    return expired.map(({ address, value }) => ({ address, value }));
  }

  /** When the next one expires, on the clock of `heard`; `Infinity` for never. */
  pollTimeout(): number {
    for (const entry of this.#entries.values()) {
      return entry.heardAt + this.#idle;
    }
    return Infinity;
  }

  /** Their addresses, and what is kept for each; the longest silent first. */
  *[Symbol.iterator](): IterableIterator<readonly [Address, T]> {
    for (const { address, value } of this.#entries.values()) {
      yield [address, value];
    }
  }
}
