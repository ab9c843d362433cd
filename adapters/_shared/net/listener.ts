/**
 * Listeners of `node:net`, as the contract wants them.
 *
 * Node accepts whatever comes and cannot be told to wait. It takes names on
 * disk by `adapters/_shared/disk_name.ts`, bound in a temporary directory: the
 * path that Node's `close()` unlinks is gone by then.
 *
 * @module
 */
import {
  createServer,
  type ListenOptions,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from "node:net";
import { getSystemErrorName } from "node:util";
import type {
  Address,
  TcpAddress,
  UnixAddress,
} from "../../../core/address.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../../core/transport.ts";
import { translateError } from "../errors.ts";
import { takeName } from "../disk_name.ts";
import { probe, tcpAddress } from "./addresses.ts";
import { NetStream, Reading } from "./stream.ts";
import { nameless } from "../unix_address.ts";

/** What Node holds of an accepted connection, before there is a socket; private. */
type Accepted = NonNullable<unknown>;

/** The private part of a server by which accepted connections can be adopted. */
interface Adoptable {
  _handle?: { onconnection?: unknown } | null;
}

/** One listening socket. */
export class NetListener implements ListenHandle {
  readonly acceptsOnDemand = false;
  /** Node's own; other processes can be given it. */
  readonly server: Server;
  readonly #request: ListenRequest;
  readonly #adopts: boolean;
  #address: Address;
  #events: ListenEvents | undefined;
  /** Accepted before `attach`. */
  #early: NetStream[] = [];
  #releaseName: (() => void) | undefined;
  #closed = false;

  /** `adopts`: whether accepted connections are taken by Node's private parts. */
  constructor(
    at: Address,
    request: ListenRequest,
    adopts = true,
    server: Server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
    }),
  ) {
    this.server = server;
    this.#address = at;
    this.#request = request;
    this.#adopts = adopts;
  }

  get address(): Address {
    return this.#address;
  }

  /** Binds and listens; calls back once, later, without an error if that worked. */
  listen(options: ListenOptions, callback: (error?: unknown) => void): void {
    const server = this.server;
    server.once("error", callback);
    server.once("listening", () => {
      server.off("error", callback);
      const bound = server.address();
      if (bound !== null && typeof bound === "object") {
        this.#address = tcpAddress(bound.address, bound.port);
      }
      this.take();
      callback();
    });
    try {
      server.listen(options);
    } catch (error) {
      // What Node refuses to try, such as a NUL byte in a path.
      queueMicrotask(() => callback(error));
    }
  }

  /** Takes the connections of a server that listens. */
  take(): void {
    const { server } = this;
    server.on("connection", (socket) => this.#accept(socket, new Reading()));
    server.on("error", (error) => this.#acceptFailed(error));
    if (this.#adopts) this.#adopt();
  }

  /** The way to give the name on disk back, before the descriptor is closed. */
  ownName(release: () => void): void {
    this.#releaseName = release;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
    for (const stream of this.#early.splice(0)) events.connection(stream);
  }

  // Node accepts whatever comes: the driver holds it unread.
  startAccept(): void {}
  stopAccept(): void {}

  close(): void {
    if (!this.discard()) return;
    queueMicrotask(() => this.#events?.closed());
  }

  /** Gives back the name and the descriptor; false if that was done before. */
  discard(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#releaseName?.();
    // The descriptor is closed within this call; `close` would be told only
    // when the last of its connections is over, too.
    this.server.close();
    for (const stream of this.#early.splice(0)) stream.abort();
    return true;
  }

  /**
   * Takes accepted connections before Node makes sockets of them: only so can
   * they have an `onread`. Without the private parts `connection` comes.
   */
  #adopt(): void {
    const handle = (this.server as unknown as Adoptable)._handle;
    if (typeof handle?.onconnection !== "function") return;
    handle.onconnection = (status: number, accepted?: Accepted) => {
      if (status !== 0 || accepted === undefined) {
        this.#acceptFailed(systemError(status));
        return;
      }
      const reading = new Reading();
      const options: SocketConstructorOpts = {
        allowHalfOpen: true,
        onread: reading.options,
      };
      Object.assign(options, { handle: accepted, pauseOnCreate: true });
      this.#accept(new Socket(options), reading);
    };
  }

  #accept(socket: Socket, reading: Reading): void {
    const stream = this.#toStream(socket, reading);
    if (this.#closed) stream.abort();
    else if (this.#events !== undefined) this.#events.connection(stream);
    else this.#early.push(stream);
  }

  #toStream(socket: Socket, reading: Reading): NetStream {
    return acceptedStream(socket, reading, this.#address, this.#request);
  }

  #acceptFailed(error: unknown): void {
    this.#events?.acceptFailed(translateError(error));
  }
}

/** A connection that was accepted at an address, here or by another process. */
export function acceptedStream(
  socket: Socket,
  reading: Reading,
  at: Address,
  request: ListenRequest,
): NetStream {
  if (at.transport !== "tcp") {
    return new NetStream(socket, reading, at, nameless);
  }
  const { noDelay, keepAlive, keepAliveDelay } = request;
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true, keepAliveDelay);
  // The system forgets both ends of a connection that was reset already.
  const { localAddress = at.host, remoteAddress = "" } = socket;
  return new NetStream(
    socket,
    reading,
    tcpAddress(localAddress, at.port),
    tcpAddress(remoteAddress, socket.remotePort ?? 0),
  );
}

function systemError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`accept ${code}`), { code });
}

/** Listens at a TCP address, or at a name in Linux's abstract namespace. */
export function listenDirectly(
  at: TcpAddress | UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
  adopts = true,
): Pending {
  let cancelled = false;
  const listener = new NetListener(at, request, adopts);
  const { backlog, ipv6Only, reusePort = false } = request;
  const where = at.transport === "tcp"
    ? { host: at.host, port: at.port, ipv6Only, reusePort }
    : { path: `\0${at.path.slice(1)}` };
  listener.listen({ ...where, backlog }, (error) => {
    if (cancelled) listener.discard();
    else if (error !== undefined) events.failed(translateError(error));
    else events.listening(listener);
  });
  return { cancel: () => void (cancelled = true) };
}

/** Listens at a path, with the name taken and given back as all adapters do. */
export function listenAtPath(
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
  adopts = true,
): Pending {
  const { mode, group, backlog } = request;
  return takeName<NetListener>(
    { kind: "socket", path: at.path, mode, group },
    {
      bind: (path) =>
        new Promise((resolve, reject) => {
          const listener = new NetListener(at, request, adopts);
          listener.listen({ path, backlog }, (error) => {
            if (error === undefined) resolve(listener);
            else reject(error);
          });
        }),
      unbind: (listener) => void listener.discard(),
      probe,
    },
    {
      taken: ({ listener, release }) => {
        listener.ownName(release);
        events.listening(listener);
      },
      failed: (error) => events.failed(error),
    },
  );
}
