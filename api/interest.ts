/**
 * What is waited for at a source.
 *
 * @module
 */
import {
  EDGE,
  ONE_SHOT,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";

/**
 * What to wait for at a source, and how to be told. Failures and hang-ups are
 * always told.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, Poller, PollEvents } from "@sockeye/net";
 * import type { Interest } from "@sockeye/net";
 *
 * const listener = await listen("mem:interest");
 * const client = await connect("mem:interest");
 * using poller = new Poller();
 * const events = new PollEvents(1);
 * const once: Interest = { readable: true, oneShot: true };
 * poller.add(listener, once);
 * assert.equal(await poller.wait(events), 1);
 * assert.equal(await poller.wait(events, 0), 0); // told already
 * poller.modify(listener, once);
 * assert.equal(await poller.wait(events), 1);
 * client.abort();
 * await listener.close();
 * ```
 */
export interface Interest {
  /** Bytes, the peer's end or an error to read; a connection to accept. Default false. */
  readable?: boolean;
  /** Room to write. Default false. */
  writable?: boolean;
  /** The peer's end, also while data remains before it (`EPOLLRDHUP`). Default false. */
  readClosed?: boolean;
  /** Tell once for each arrival, not as long as the source is ready (`EPOLLET`). Default false. */
  edge?: boolean;
  /** Tell once; then nothing until `modify` (`EPOLLONESHOT`). Default false. */
  oneShot?: boolean;
}

/** Bits of `core/readiness.ts` that are waited for. */
export function bitsOf(interest: Interest): number {
  return (interest.readable ? READABLE : 0) |
    (interest.writable ? WRITABLE : 0) |
    (interest.readClosed ? READ_CLOSED : 0);
}

/** Bits that say how it is told. */
export function modeOf(interest: Interest): number {
  return (interest.edge ? EDGE : 0) | (interest.oneShot ? ONE_SHOT : 0);
}
