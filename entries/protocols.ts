/**
 * The pure machines of what happens before a connection is open, and beside
 * connections: names on disk, the handshakes over FIFOs and Unix sockets, trying
 * again, datagrams, and pools of processes. For those who write an adapter, or another program that
 * speaks these protocols; as `@sockeye/net/core`, they know no runtime, clock,
 * promise or timer.
 *
 * @module
 */
export * from "../core/backoff.ts";
export * from "../core/credentials.ts";
export * from "../core/datagram.ts";
export * from "../core/datagram_address.ts";
export * from "../core/datagram_transport.ts";
export * from "../core/deque.ts";
export * from "../core/disk_effects.ts";
export * from "../core/disk_name.ts";
export * from "../core/disk_release.ts";
export {
  HandshakeMachine,
  type Interruption,
  Talk,
} from "../core/handshake.ts";
export * from "../core/handshake_lines.ts";
export * from "../core/challenges.ts";
export * from "../core/identify_effects.ts";
export {
  PlaceMachine,
  preparePlace,
  proofDirectory,
  proofPath,
  type ProofPlace,
  removePlace,
} from "../core/identify_place.ts";
export * from "../core/input.ts";
export * from "../core/ip.ts";
export * from "../core/peers.ts";
export * from "../core/pool.ts";
export * from "../core/pool_child.ts";
export * from "../core/pool_failures.ts";
export * from "../core/pool_size.ts";
export * from "../core/rendezvous.ts";
export * from "../core/rendezvous_client.ts";
export {
  type ClientEffect,
  type FileEffect,
  type RendezvousEnd,
  type RendezvousResult,
  type ServerEffect,
} from "../core/rendezvous_effects.ts";
export * from "../core/rendezvous_handshake.ts";
export * from "../core/rendezvous_records.ts";
export * from "../core/rendezvous_server.ts";
export * from "../core/rendezvous_sweep.ts";
export * from "../core/retry.ts";
