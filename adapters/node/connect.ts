/**
 * Connecting by `node:net`.
 *
 * @module
 */
import {
  connect as netConnect,
  type NetConnectOpts,
  type Socket,
} from "node:net";
import type { TcpAddress, UnixAddress } from "../../core/address.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
} from "../../core/transport.ts";
import { translateError } from "../_shared/errors.ts";
import { nodePath, tcpAddress } from "../_shared/net/addresses.ts";
import { NetStream, Reading } from "../_shared/net/stream.ts";
import { nameless } from "../_shared/unix_address.ts";

/** Connects to a TCP or Unix address; Node looks names up, and tries each address of one. */
export function connectStream(
  to: TcpAddress | UnixAddress,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  let over = false;
  const failed = (error: unknown): void => {
    if (over) return;
    over = true;
    events.failed(translateError(error));
  };
  const reading = new Reading();
  let socket: Socket;
  try {
    socket = netConnect(optionsOf(to, request, reading));
  } catch (error) {
    // What Node refuses to try, such as a NUL byte in a path.
    queueMicrotask(() => failed(error));
    return { cancel: () => void (over = true) };
  }
  // Nothing is read before it is asked for.
  socket.pause();
  socket.on("error", failed);
  socket.once("connect", () => {
    over = true;
    socket.off("error", failed);
    events.connected(toStream(socket, reading, to));
  });
  return {
    cancel: () => {
      if (!over) socket.destroy();
      over = true;
    },
  };
}

function optionsOf(
  to: TcpAddress | UnixAddress,
  request: ConnectRequest,
  reading: Reading,
): NetConnectOpts {
  const common = { allowHalfOpen: true, onread: reading.options };
  if (to.transport === "unix") return { ...common, path: nodePath(to) };
  const { noDelay, keepAlive, keepAliveDelay } = request;
  return {
    ...common,
    host: to.host,
    port: to.port,
    noDelay,
    keepAlive,
    keepAliveInitialDelay: keepAliveDelay,
  };
}

function toStream(
  socket: Socket,
  reading: Reading,
  to: TcpAddress | UnixAddress,
): NetStream {
  if (to.transport === "unix") {
    return new NetStream(socket, reading, nameless, to);
  }
  // The system forgets both ends of a connection that was reset already.
  const { localAddress = "", localPort = 0 } = socket;
  const { remoteAddress = to.host, remotePort = to.port } = socket;
  return new NetStream(
    socket,
    reading,
    tcpAddress(localAddress, localPort),
    tcpAddress(remoteAddress, remotePort),
  );
}
