/**
 * Requests to an adapter with nothing out of the ordinary in them.
 *
 * @module
 */
import type {
  ConnectRequest,
  ListenRequest,
  StreamRequest,
} from "../core/transport.ts";

const streamRequest: StreamRequest = {
  noDelay: true,
  keepAlive: false,
  keepAliveDelay: 0,
  identify: false,
  handshakeTimeout: 10_000,
};

export const connectRequest: ConnectRequest = {
  ...streamRequest,
  expectServer: undefined,
};

export const listenRequest: ListenRequest = {
  ...streamRequest,
  backlog: 511,
  ipv6Only: false,
  mode: 0o600,
  group: undefined,
  allowUsers: undefined,
};
