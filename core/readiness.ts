/**
 * Readiness: what a source is ready for, and who is told about it.
 *
 * Only readable and writable are promises; wake-ups may be spurious.
 *
 * {@linkcode ReadinessSet} decides as epoll(7) does. Sources that may be ready
 * stand in one queue. A pass takes them off its head and looks at each again:
 * what is not ready after all is dropped, an edge waits for the next arrival,
 * a one-shot for being armed again, and a level goes to the queue's tail. So
 * who was served last is served last again, however few a pass can take, and
 * a pass costs what is ready, not what is watched.
 *
 * @module
 */
import { SockeyeError } from "./error.ts";

/**
 * A read gives bytes, the end or the error at once; a listener has a connection
 * waiting.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, READABLE } from "@sockeye/net";
 *
 * const listener = await listen("mem:readable");
 * const client = await connect("mem:readable");
 * assert.equal(listener.readiness & READABLE, READABLE);
 * const connection = await listener.accept();
 * assert.equal(listener.readiness & READABLE, 0); // nobody else waits
 * connection.abort();
 * client.abort();
 * await listener.close();
 * ```
 */
export const READABLE = 1;
/**
 * A write is taken at once, at least in part.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, WRITABLE } from "@sockeye/net";
 *
 * const listener = await listen("mem:writable"); // nobody reads there
 * const client = await connect("mem:writable");
 * let queued = 0;
 * while (client.readiness & WRITABLE) {
 *   queued += client.tryWrite(new Uint8Array(65_536));
 * }
 * assert.ok(queued > 0);
 * assert.equal(client.tryWrite(new Uint8Array(1)), 0);
 * client.abort();
 * await listener.close();
 * ```
 */
export const WRITABLE = 2;
/**
 * The peer ended its direction; data may remain (`POLLRDHUP`).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, READ_CLOSED } from "@sockeye/net";
 *
 * const listener = await listen("mem:read closed");
 * const client = await connect("mem:read closed");
 * const server = await listener.accept();
 * assert.equal(client.readiness & READ_CLOSED, 0);
 * await server.closeWrite();
 * assert.equal(await client.read(), null);
 * assert.equal(client.readiness & READ_CLOSED, READ_CLOSED);
 * await Promise.all([client.close(), server.close(), listener.close()]);
 * ```
 */
export const READ_CLOSED = 4;
/**
 * Both directions are over or the connection failed, and nothing remains to
 * read (`POLLHUP`).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, HUP, listen } from "@sockeye/net";
 *
 * const listener = await listen("mem:hang-up");
 * const client = await connect("mem:hang-up");
 * const server = await listener.accept();
 * await server.closeWrite();
 * await client.read(); // null: the peer's direction is over
 * assert.equal(client.readiness & HUP, 0);
 * await client.closeWrite(); // and ours
 * assert.equal(client.readiness & HUP, HUP);
 * await Promise.all([client.close(), server.close(), listener.close()]);
 * ```
 */
export const HUP = 8;
/**
 * The connection failed (`POLLERR`); set together with `HUP` once all is read.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, ERROR, HUP, listen } from "@sockeye/net";
 *
 * const listener = await listen("mem:failed");
 * const client = await connect("mem:failed");
 * const server = await listener.accept();
 * server.abort();
 * await assert.rejects(client.read(), { code: "ECONNRESET" });
 * assert.equal(client.readiness & (ERROR | HUP), ERROR | HUP);
 * await listener.close();
 * ```
 */
export const ERROR = 16;
/**
 * We closed or aborted it ourselves: a closed descriptor (`POLLNVAL`). Whoever
 * watches it forgets it, as epoll does on close(2).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { GONE, listen, Poller } from "@sockeye/net";
 *
 * const listener = await listen("mem:gone");
 * await listener.close();
 * assert.equal(listener.readiness, GONE);
 * using poller = new Poller();
 * assert.throws(() => poller.add(listener, {}), { code: "EBADF" });
 * ```
 */
export const GONE = 32;

/**
 * How a source is reported: 0 as long as it is ready (level), or these bits.
 * This one: once for each arrival, whatever of it remains.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EDGE, READABLE, ReadinessSet } from "@sockeye/net/core";
 *
 * const set = new ReadinessSet();
 * const token = set.add(READABLE, EDGE, READABLE);
 * set.beginPass();
 * assert.equal(set.report(set.pollToken(), READABLE), READABLE);
 * set.beginPass();
 * assert.equal(set.pollToken(), 0); // still readable, and not told
 * set.handleArrived(token, READABLE);
 * set.beginPass();
 * assert.equal(set.pollToken(), token);
 * ```
 */
export const EDGE = 1;
/**
 * Once, until it is armed again by `modify`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ONE_SHOT, READABLE, ReadinessSet } from "@sockeye/net/core";
 *
 * const set = new ReadinessSet();
 * const token = set.add(READABLE, ONE_SHOT, READABLE);
 * set.beginPass();
 * set.report(set.pollToken(), READABLE);
 * set.handleArrived(token, READABLE);
 * assert.equal(set.queued, 0); // not even a new arrival
 * set.modify(token, READABLE, ONE_SHOT, READABLE);
 * assert.equal(set.queued, 1);
 * ```
 */
export const ONE_SHOT = 2;

/**
 * No token: an empty queue, or the end of a pass. No source has it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { NO_TOKEN, READABLE, ReadinessSet } from "@sockeye/net/core";
 *
 * const set = new ReadinessSet();
 * set.beginPass();
 * assert.equal(set.pollToken(), NO_TOKEN);
 * assert.notEqual(set.add(READABLE, 0, 0), NO_TOKEN);
 * ```
 */
export const NO_TOKEN = 0;

/** Sources in one set, at most; the low bits of a token are the place. */
const places = 2 ** 21;
const placeMask = places - 1;
const maxToken = Number.MAX_SAFE_INTEGER - places;

/** Reported whether asked for or not, as epoll does. */
const always = HUP | ERROR;

/**
 * Where a token's source may be kept in an array of the caller's: a small
 * number from 1, used again after `remove`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { placeOf, READABLE, ReadinessSet } from "@sockeye/net/core";
 *
 * const set = new ReadinessSet();
 * const first = set.add(READABLE, 0, 0);
 * set.remove(first);
 * const second = set.add(READABLE, 0, 0);
 * assert.notEqual(second, first); // nobody is taken for somebody else
 * assert.equal(placeOf(second), placeOf(first));
 * ```
 */
export function placeOf(token: number): number {
  return token & placeMask;
}

/**
 * Interest and readiness of many sources by token.
 *
 * A token is a place and a generation in one number: it is never issued twice,
 * and one that was removed is not confused with whoever has its place now.
 * Nothing is allocated but when the set grows.
 *
 * A pass is `beginPass()`, then `pollToken()` and `report()` in turn until
 * there is no token or no room for another event.
 *
 * @example
 * ```ts
 * import { NO_TOKEN, placeOf, READABLE, ReadinessSet } from "@sockeye/net/core";
 *
 * const sources = [{ readiness: 0 }];
 * const set = new ReadinessSet();
 * const source = { readiness: READABLE };
 * const token = set.add(READABLE, 0, source.readiness);
 * sources[placeOf(token)] = source;
 *
 * set.beginPass();
 * for (;;) {
 *   const next = set.pollToken();
 *   if (next === NO_TOKEN) break;
 *   const ready = set.report(next, sources[placeOf(next)]?.readiness ?? 0);
 *   if (ready !== 0) console.log(`source ${next} is ready: ${ready}`);
 * }
 * ```
 */
export class ReadinessSet {
  /** By place: the token that holds it; of a free place the next one, negated. */
  #tokens: Float64Array;
  /** By place: what is waited for; 0 while a one-shot is not armed. */
  #wanted: Uint8Array;
  #modes: Uint8Array;
  /** By place: what arrived since the last report. */
  #arrived: Uint8Array;
  /** The queue, a ring through place 0; 0 for a place that is not in it. */
  #next: Int32Array;
  #previous: Int32Array;
  /** Free places, chained through `#next`. */
  #free = 0;
  /** Places that were used at least once are below it. */
  #used = 1;
  #size = 0;
  #queued = 0;
  /** The place that this pass ends behind; 0 when it is over. */
  #passEnd = 0;

  /**
   * Makes an empty set.
   *
   * @param capacity sources to have room for; grows by itself
   */
  constructor(capacity = 15) {
    const length = Math.min(Math.max(capacity, 1) + 1, places);
    this.#tokens = new Float64Array(length);
    this.#wanted = new Uint8Array(length);
    this.#modes = new Uint8Array(length);
    this.#arrived = new Uint8Array(length);
    this.#next = new Int32Array(length);
    this.#previous = new Int32Array(length);
  }

  /** Sources in the set. */
  get size(): number {
    return this.#size;
  }

  /** Sources that may be ready. */
  get queued(): number {
    return this.#queued;
  }

  /** Whether a token is in the set. */
  has(token: number): boolean {
    return token > 0 && this.#tokens[token & placeMask] === token;
  }

  /**
   * Takes a source in.
   *
   * @param interest bits to wait for; `HUP` and `ERROR` are always among them
   * @param mode 0 for level, or `EDGE`, `ONE_SHOT` or both
   * @param readiness what the source is ready for now: counts as arrived
   * @returns its token
   * @throws {SockeyeError} `ENOSPC` if the set holds 2097151 sources
   */
  add(interest: number, mode: number, readiness: number): number {
    const place = this.#takePlace();
    const token = -this.#tokens[place]!;
    this.#tokens[place] = token;
    this.#size++;
    this.#arm(place, interest, mode, readiness);
    return token;
  }

  /**
   * Changes interest and mode, and arms a one-shot again. As by epoll's
   * `EPOLL_CTL_MOD`, what the source is ready for now counts as arrived.
   *
   * @returns false if the token is not in the set
   */
  modify(
    token: number,
    interest: number,
    mode: number,
    readiness: number,
  ): boolean {
    if (!this.has(token)) return false;
    this.#arm(token & placeMask, interest, mode, readiness);
    return true;
  }

  /**
   * Takes a source out; its token is never polled from now on.
   *
   * @returns false if the token is not in the set
   */
  remove(token: number): boolean {
    if (!this.has(token)) return false;
    const place = token & placeMask;
    this.#dequeue(place);
    this.#wanted[place] = 0;
    this.#arrived[place] = 0;
    this.#tokens[place] = token < maxToken ? -(token + places) : -place;
    this.#next[place] = this.#free;
    this.#free = place;
    this.#size--;
    return true;
  }

  /**
   * Something arrived at a source. Tokens that are not in the set, and
   * arrivals that nobody waits for, are ignored.
   *
   * @returns whether a pass is worth while now
   */
  handleArrived(token: number, arrived: number): boolean {
    if (!this.has(token)) return false;
    const place = token & placeMask;
    const news = arrived & this.#wanted[place]!;
    if (news === 0) return false;
    this.#arrived[place] = this.#arrived[place]! | news;
    this.#enqueue(place);
    return true;
  }

  /** Begins a pass over what is queued now: no token is polled twice in it. */
  beginPass(): void {
    this.#passEnd = this.#previous[0]!;
  }

  /** Takes the next token of this pass off the queue; `NO_TOKEN` at its end. */
  pollToken(): number {
    if (this.#passEnd === 0) return NO_TOKEN;
    const place = this.#next[0]!;
    this.#dequeue(place);
    return this.#tokens[place]!;
  }

  /**
   * Decides about a token that was polled.
   *
   * @param readiness what the source is ready for now
   * @returns bits to report: all that it is ready for among what is waited
   * for; 0 for nothing (spurious, or an edge that is over)
   */
  report(token: number, readiness: number): number {
    if (!this.has(token)) return 0;
    const place = token & placeMask;
    const ready = readiness & this.#wanted[place]!;
    const news = ready & this.#arrived[place]!;
    const mode = this.#modes[place]!;
    this.#arrived[place] = 0;
    if (ready === 0) return 0;
    if ((mode & EDGE) !== 0 && news === 0) return 0;
    if ((mode & ONE_SHOT) !== 0) this.#wanted[place] = 0;
    else if ((mode & EDGE) === 0) this.#enqueue(place);
    return ready;
  }

  #arm(
    place: number,
    interest: number,
    mode: number,
    readiness: number,
  ): void {
    const wanted = interest | always;
    this.#wanted[place] = wanted;
    this.#modes[place] = mode;
    this.#arrived[place] = readiness & wanted;
    if (this.#arrived[place] !== 0) this.#enqueue(place);
    else this.#dequeue(place);
  }

  #enqueue(place: number): void {
    if (this.#previous[place] !== 0 || this.#next[0] === place) return;
    const last = this.#previous[0]!;
    this.#next[last] = place;
    this.#previous[place] = last;
    this.#next[place] = 0;
    this.#previous[0] = place;
    this.#queued++;
  }

  #dequeue(place: number): void {
    if (this.#previous[place] === 0 && this.#next[0] !== place) return;
    const next = this.#next[place]!;
    const previous = this.#previous[place]!;
    if (place === this.#passEnd) this.#passEnd = previous;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#next[place] = 0;
    this.#previous[place] = 0;
    this.#queued--;
  }

  #takePlace(): number {
    const free = this.#free;
    if (free !== 0) {
      this.#free = this.#next[free]!;
      this.#next[free] = 0;
      return free;
    }
    if (this.#used === this.#tokens.length) this.#grow();
    const place = this.#used++;
    this.#tokens[place] = -place;
    return place;
  }

  #grow(): void {
    const length = this.#tokens.length;
    if (length === places) {
      throw new SockeyeError(
        "ENOSPC",
        `Cannot watch another source: ${this.#size} are watched`,
      );
    }
    const wider = Math.min(length * 2, places);
    this.#tokens = copyInto(new Float64Array(wider), this.#tokens);
    this.#wanted = copyInto(new Uint8Array(wider), this.#wanted);
    this.#modes = copyInto(new Uint8Array(wider), this.#modes);
    this.#arrived = copyInto(new Uint8Array(wider), this.#arrived);
    this.#next = copyInto(new Int32Array(wider), this.#next);
    this.#previous = copyInto(new Int32Array(wider), this.#previous);
  }
}

function copyInto<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from);
  return to;
}
