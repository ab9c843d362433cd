/**
 * The pure core: machines that decide, for those who write an adapter, a
 * simulation, or another driver. It knows no runtime, clock, promise or timer.
 *
 * @module
 */
export * from "../core/address.ts";
export * from "../core/admission.ts";
export * from "../core/backoff.ts";
export * from "../core/connection.ts";
export * from "../core/credentials.ts";
export * from "../core/datagram.ts";
export * from "../core/datagram_address.ts";
export * from "../core/datagram_transport.ts";
export * from "../core/deque.ts";
export * from "../core/disk_effects.ts";
export * from "../core/disk_name.ts";
export * from "../core/disk_release.ts";
export * from "../core/ending.ts";
export * from "../core/error.ts";
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
export * from "../core/listener.ts";
export * from "../core/peers.ts";
export * from "../core/pool.ts";
export * from "../core/pool_child.ts";
export * from "../core/pool_failures.ts";
export * from "../core/pool_size.ts";
export * from "../core/read_side.ts";
export * from "../core/readiness.ts";
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
export * from "../core/timers.ts";
export * from "../core/transitions.ts";
export * from "../core/transport.ts";
export * from "../core/wait.ts";
export * from "../core/write_side.ts";
