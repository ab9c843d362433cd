/**
 * What every entry point exports besides its verbs: the words of the API.
 *
 * @module
 */
export {
  type Address,
  type AddressLike,
  type FifoAddress,
  formatAddress,
  type MemAddress,
  parseAddress,
  type TcpAddress,
  type UdpAddress,
  type UnixAddress,
} from "../core/address.ts";
export type { Closed, How } from "../core/connection.ts";
export {
  type ErrnoCode,
  type ErrorCode,
  type SockeyeCode,
  SockeyeError,
  type SockeyeErrorOptions,
} from "../core/error.ts";
export { Peers, type PeersOptions } from "../core/datagram/peers.ts";
export {
  ERROR,
  GONE,
  HUP,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";
export type { State } from "../core/transitions.ts";
export type {
  Capabilities,
  Capability,
  Feature,
  RuntimeName,
  Scheduler,
  Support,
} from "../core/runtime.ts";
export type { Credentials } from "../core/transport.ts";
export type {
  BindOptions,
  Datagram,
  DatagramSocket,
  DatagramStats,
} from "./datagram/types.ts";
export type { ChildrenStats, ChildStats } from "./children/stats_types.ts";
export type { ChildrenOptions, ModuleLocation } from "./children/types.ts";
export type { ExecOptions } from "./exec/types.ts";
export type { ModuleMeta } from "./is_main.ts";
export { PollEvents } from "./poll_events.ts";
export type { PollEvent } from "./poll_events.ts";
export type { Interest, PollerWaitOptions } from "./poller.ts";
export type { Handler } from "./serve.ts";
export type { ReadinessSource } from "./source.ts";
export type {
  ByteSource,
  Channel,
  Connection,
  ConnectOptions,
  Handlers,
  Listener,
  ListenOptions,
  Op,
  RetryOptions,
  ServeOptions,
  Server,
  ServerClosed,
  ServerStats,
  StandardInput,
  StreamOptions,
} from "./types.ts";
export type {
  Bind,
  Connect,
  Listen,
  Serve,
  ServeExec,
  Verbs,
} from "./verbs.ts";
