/**
 * The pure machines of what happens before a connection is open, and beside
 * connections: names on disk, the handshakes over FIFOs and Unix sockets, trying
 * again, datagrams, and pools of processes. For those who write an adapter, or
 * another program that speaks these protocols; as `@sockeye/net/core`, they know
 * no runtime, clock, promise or timer.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Backoff, isPassing } from "@sockeye/net/protocols";
 *
 * assert.ok(isPassing("ECONNREFUSED") && !isPassing("EACCES"));
 * const backoff = new Backoff(50, 1000); // ms
 * assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [50, 100, 200]);
 * ```
 *
 * @module
 */
// Trying again
export * from "../core/backoff.ts";
export * from "../core/retry.ts";

// Names on disk
export * from "../core/disk_name.ts";
export * from "../core/disk_name/effects.ts";
export * from "../core/disk_name/release.ts";

// Credentials over Unix sockets
export * from "../core/credentials.ts";
export * from "../core/credentials/challenges.ts";
export * from "../core/credentials/effects.ts";
export {
  HandshakeMachine,
  type Interruption,
  Talk,
} from "../core/credentials/handshake.ts";
export {
  formatLine,
  HandshakeLines,
  MAX_HANDSHAKE_LINE,
  parseLine,
} from "../core/credentials/lines.ts";
export {
  PlaceMachine,
  preparePlace,
  proofDirectory,
  proofPath,
  type ProofPlace,
  removePlace,
} from "../core/credentials/place.ts";

// The rendezvous over FIFOs
export * from "../core/rendezvous.ts";
export * from "../core/rendezvous/client.ts";
export {
  type ClientEffect,
  type FileEffect,
  type RendezvousEnd,
  type RendezvousResult,
  type ServerEffect,
} from "../core/rendezvous/effects.ts";
export * from "../core/rendezvous/handshake.ts";
export {
  type Announcement,
  formatAnnouncement,
  formatAnswer,
  type Line,
  LineReader,
  MAX_LINE,
  parseAnnouncement,
  parseAnswer,
} from "../core/rendezvous/records.ts";
export * from "../core/rendezvous/server.ts";
export * from "../core/rendezvous/sweep.ts";

// Datagrams
export * from "../core/datagram.ts";
export {
  canonicalAddress,
  checkGroup,
  isNamed,
  isSamePeer,
  type Reach,
} from "../core/datagram/address.ts";
export * from "../core/datagram/ip.ts";
export * from "../core/datagram/peers.ts";
export * from "../core/datagram/transport.ts";

// Children
export * from "../core/children/ending.ts";
export * from "../core/children/post.ts";
export * from "../core/pool.ts";
export {
  type ChildExit,
  type ChildInput,
  type ChildState,
  type PoolChild,
} from "../core/pool/child.ts";
export {
  maxFailures,
  maxFirstFailures,
  stableAfter,
} from "../core/pool/failures.ts";
export * from "../core/pool/output.ts";
export { type PoolCounts } from "../core/pool/population.ts";
export { type PoolLimits } from "../core/pool/size.ts";

// Standard input
export * from "../core/input.ts";

// What several of them are made from
export * from "../core/deque.ts";
