/// <reference types="bun-types" />
/**
 * Listeners of Bun's own API.
 *
 * Bun accepts eagerly and cannot be told to wait, and its `stop()` unlinks by
 * path: a Unix listener is therefore bound in a temporary directory, which is
 * gone by then, and its name given back by `adapters/_shared/disk_name.ts`.
 *
 * @module
 */
import { lookup } from "node:dns";
import { isIP } from "node:net";
import type { Address, TcpAddress, UnixAddress } from "../../core/address.ts";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
  StreamHandle,
} from "../../core/transport.ts";
import { errorCode, translateError } from "../_shared/errors.ts";
import { takeName, type TakenName } from "../_shared/disk_name.ts";
import { nameless, systemPath } from "../_shared/unix_address.ts";
import { descriptorsExhausted, unwatch, watch } from "./reserve.ts";
import {
  type BunSocket,
  BunStream,
  localAddressOf,
  type Opener,
  remoteAddressOf,
  setOptions,
  socketHandlers,
} from "./stream.ts";
import { askPath } from "./unix_probe.ts";

/** One listening socket as the contract wants it. */
class BunListener implements ListenHandle, Opener {
  readonly acceptsOnDemand = false;
  readonly #request: ListenRequest;
  #address: Address;
  #server: Bun.SocketListener<Opener | BunStream> | undefined;
  /** Bound to no address in particular: each socket knows its own. */
  #wildcard = false;
  #name: TakenName<BunListener> | undefined;
  #events: ListenEvents | undefined;
  /** Accepted before `attach`. */
  #early: StreamHandle[] | undefined;

  constructor(at: Address, request: ListenRequest) {
    this.#address = at;
    this.#request = request;
  }

  get address(): Address {
    return this.#address;
  }

  /** Binds and listens; throws Bun's error. */
  listenTcp(host: string, port: number): void {
    const options: Bun.TCPSocketListenOptions<Opener | BunStream> = {
      hostname: host,
      port,
      allowHalfOpen: true,
      socket: socketHandlers,
      data: this,
    };
    // bun-types 1.4.4 does not know these here; Bun honours them.
    const { ipv6Only, reusePort = false } = this.#request;
    const server = Bun.listen(
      Object.assign(options, { ipv6Only, reusePort }),
    );
    this.#server = server;
    this.#wildcard = host === "::" || host === "0.0.0.0";
    this.#address = { transport: "tcp", host, port: server.port };
  }

  /** Binds and listens; throws Bun's error. */
  listenUnix(path: string): void {
    this.#server = Bun.listen<Opener | BunStream>({
      unix: path,
      allowHalfOpen: true,
      socket: socketHandlers,
      data: this,
    });
  }

  /** The name on disk, to be given back before the descriptor is closed. */
  own(name: TakenName<BunListener>): void {
    this.#name = name;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
    watch(this);
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    queueMicrotask(() => {
      for (const stream of early) events.connection(stream);
    });
  }

  // Bun accepts whatever comes: the driver holds it unread.
  startAccept(): void {}
  stopAccept(): void {}

  close(): void {
    if (!this.discard()) return;
    queueMicrotask(() => this.#events?.closed());
  }

  /** Gives back the name and the descriptor; false if that was done before. */
  discard(): boolean {
    const server = this.#server;
    if (server === undefined) return false;
    this.#server = undefined;
    unwatch(this);
    this.#name?.release();
    server.stop();
    // Given up before anybody was told of them.
    for (const stream of this.#early ?? []) stream.abort();
    return true;
  }

  acceptFailed(error: SockeyeError): void {
    this.#events?.acceptFailed(error);
  }

  opened(socket: BunSocket): void {
    const stream = this.#toStream(socket);
    socket.data = stream;
    if (this.#events !== undefined) this.#events.connection(stream);
    else (this.#early ??= []).push(stream);
    stream.opened();
  }

  /** Bun does not say that accepting failed; see `reserve.ts`. */
  failed(): void {}

  #toStream(socket: BunSocket): BunStream {
    if (this.#address.transport !== "tcp") {
      return new BunStream(socket, this.#address, nameless);
    }
    setOptions(socket, this.#request);
    const local = this.#wildcard ? localAddressOf(socket) : this.#address;
    return new BunStream(socket, local, remoteAddressOf(socket));
  }
}

/** Listens at a TCP address, or at an abstract name. */
export function listenDirectly(
  at: TcpAddress | UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  return at.transport === "tcp"
    ? listenTcp(at, request, events)
    : listenAbstract(at, request, events);
}

function listenTcp(
  at: TcpAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  let cancelled = false;
  const start = (error: Error | null, host: string): void => {
    if (cancelled) return;
    const listener = new BunListener(at, request);
    try {
      if (error) throw error;
      listener.listenTcp(host, at.port);
    } catch (error) {
      return events.failed(listenError(error));
    }
    events.listening(listener);
  };
  // Bun would look a name up while the whole process waits, and give no code.
  if (isIP(at.host) === 0) lookup(at.host, start);
  else queueMicrotask(() => start(null, at.host));
  return { cancel: () => void (cancelled = true) };
}

function listenAbstract(
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  let cancelled = false;
  queueMicrotask(() => {
    if (cancelled) return;
    const listener = new BunListener(at, request);
    try {
      listener.listenUnix(systemPath(at));
    } catch (error) {
      return events.failed(listenError(error));
    }
    events.listening(listener);
  });
  return { cancel: () => void (cancelled = true) };
}

/** Listens at a path, taking and giving back the name as all adapters do. */
export function listenAtPath(
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  const { mode, group } = request;
  return takeName<BunListener>({ kind: "socket", path: at.path, mode, group }, {
    bind: (path) => bindAt(path, at, request),
    unbind: (listener) => void listener.discard(),
    probe: probePath,
  }, {
    taken: (name) => {
      name.listener.own(name);
      events.listening(name.listener);
    },
    failed: (error) => events.failed(error),
  });
}

async function bindAt(
  path: string,
  at: UnixAddress,
  request: ListenRequest,
): Promise<BunListener> {
  const listener = new BunListener(at, request);
  try {
    listener.listenUnix(path);
  } catch (error) {
    throw listenError(error);
  }
  return await Promise.resolve(listener);
}

/** Whether anybody has the socket at a path open. */
async function probePath(path: string): Promise<"alive" | ErrorCode> {
  const standing = askPath(path);
  if (standing === "stream" || standing === "datagram") return "alive";
  return standing ?? await probeByConnecting(path);
}

/** Where the system cannot be asked itself, Bun's word must do. */
async function probeByConnecting(path: string): Promise<"alive" | ErrorCode> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.end();
    return "alive";
  } catch (error) {
    return descriptorsExhausted() ?? errorCode(error);
  }
}

/** Bun gives no code for a listen that got no descriptor. */
function listenError(error: unknown): SockeyeError {
  const translated = translateError(error);
  if (translated.code !== "EIO") return translated;
  const code = descriptorsExhausted();
  if (code === undefined) return translated;
  return new SockeyeError(code, translated.message, { cause: error });
}
