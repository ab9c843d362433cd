/**
 * The pure machines of what happens before a connection is open, and beside
 * connections: names on disk, the handshakes over FIFOs and Unix sockets, trying
 * again, datagrams, and pools of processes. For those who write an adapter, or another program that
 * speaks these protocols; as `@sockeye/net/core`, they know no runtime, clock,
 * promise or timer.
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
export * from "../core/backoff.ts";
export * from "../core/credentials.ts";
export * from "../core/datagram.ts";
export * from "../core/datagram/address.ts";
export * from "../core/datagram/transport.ts";
export * from "../core/deque.ts";
export * from "../core/disk_name/effects.ts";
export * from "../core/disk_name.ts";
export * from "../core/disk_name/release.ts";
export {
  HandshakeMachine,
  type Interruption,
  Talk,
} from "../core/credentials/handshake.ts";
export * from "../core/credentials/lines.ts";
export * from "../core/credentials/challenges.ts";
export * from "../core/credentials/effects.ts";
export {
  PlaceMachine,
  preparePlace,
  proofDirectory,
  proofPath,
  type ProofPlace,
  removePlace,
} from "../core/credentials/place.ts";
export * from "../core/input.ts";
export * from "../core/datagram/ip.ts";
export * from "../core/datagram/peers.ts";
export * from "../core/children/ending.ts";
export * from "../core/children/post.ts";
export * from "../core/pool.ts";
export * from "../core/pool/child.ts";
export * from "../core/pool/failures.ts";
export * from "../core/pool/output.ts";
export { type PoolCounts } from "../core/pool/population.ts";
export * from "../core/pool/size.ts";
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
export * from "../core/rendezvous/records.ts";
export * from "../core/rendezvous/server.ts";
export * from "../core/rendezvous/sweep.ts";
export * from "../core/retry.ts";
