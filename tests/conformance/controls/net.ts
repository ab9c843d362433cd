/** Control: bare `node:net`, on each of the three runtimes. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  AcceptQueue,
  BareConnection,
  BareListener,
  closable,
  ControlError,
  race,
  support,
} from "./bare.ts";
import type { AnyHandlers, Waiting } from "./bare.ts";
import { netAddress } from "../../../conformance/addresses.ts";
import { unixReset } from "../../../conformance/harness.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Op,
  ServeOptions,
  Server,
} from "../../../api/types.ts";
import type { Address, AddressLike } from "../../../core/address.ts";
import type { Closed } from "../../../core/connection.ts";
import type { Subject, TransportName } from "../../../conformance/subject.ts";

/** `node:net` over one transport. */
export function net(transport: TransportName): Subject {
  return {
    name: "net",
    transport,
    module: import.meta.url,
    bare: true,
    support: support(transport === "unix" ? { reset: unixReset } : {}),
    connect: open,
    listen,
    serve: (at, handlers, options) => serve(at, handlers as never, options),
  };
}

class NetConnection extends BareConnection {
  readonly closed: Promise<Closed>;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #socket: Socket;
  #error: Error | undefined;
  #watched = false;
  #wake: () => void = () => {};
  #streams: ReturnType<typeof Duplex.toWeb> | undefined;

  constructor(socket: Socket, path?: string) {
    super();
    this.#socket = socket;
    this.localAddress = named(socket.localAddress, socket.localPort, path);
    this.remoteAddress = named(socket.remoteAddress, socket.remotePort, path);
    socket.on("error", (error) => this.#error = translate(error));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        if (this.#error) resolve({ how: "error", error: this.#error });
        else resolve({ how: "close" });
      });
    });
  }

  protected async receive(wait: Waiting): Promise<Uint8Array | null> {
    const socket = this.#socket;
    if (!this.#watched) {
      this.#watched = true;
      const wake = () => this.#wake();
      socket.on("readable", wake).on("end", wake).on("close", wake);
    }
    for (;;) {
      const chunk = socket.read() as Uint8Array | null;
      if (chunk !== null) return chunk;
      if (socket.readableEnded) return null;
      if (socket.destroyed) {
        throw this.#error ?? new ControlError("ERR_SOCKEYE_CLOSED");
      }
      await wait(new Promise<void>((resolve) => this.#wake = resolve));
    }
  }

  protected transmit(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) reject(translate(error));
        else resolve();
      });
    });
  }

  protected shutdown(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.end((error?: Error | null) => {
        if (error) reject(translate(error));
        else resolve();
      });
    });
  }

  /** A stream of Node's has a queue of its own. */
  protected override inTurn(act: () => Promise<void>): Promise<void> {
    return act();
  }

  close(): Promise<Closed> {
    this.#socket.destroySoon();
    return this.closed;
  }

  abort(): void {
    // Not for Unix sockets, says the documentation of resetAndDestroy.
    if (this.#socket.remotePort === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  override pause(): void {
    this.#socket.pause();
  }

  override resume(): void {
    this.#socket.resume();
  }

  override get readable(): ReadableStream<Uint8Array> {
    this.#streams ??= Duplex.toWeb(this.#socket);
    return this.#streams.readable as unknown as ReadableStream<Uint8Array>;
  }

  override get writable(): WritableStream<Uint8Array> {
    this.#streams ??= Duplex.toWeb(this.#socket);
    return this.#streams.writable;
  }
}

class NetListener extends BareListener {
  readonly address: Address;
  readonly queue: AcceptQueue;
  readonly #server: NetServer;

  constructor(server: NetServer, at: AddressLike, queue: AcceptQueue) {
    super();
    this.#server = server;
    this.address = addressOf(server, at);
    this.queue = queue;
  }

  accept(op?: Op): Promise<Connection> {
    return race(this.queue.accept(), op);
  }

  close(): Promise<void> {
    this.queue.close();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function open(to: AddressLike, options: ConnectOptions = {}) {
  const at = netAddress(to);
  const { signal, timeout } = options;
  const connecting = new Promise<Connection>((resolve, reject) => {
    const socket = connect({
      ...at,
      allowHalfOpen: options.allowHalfOpen ?? true,
      noDelay: true,
      ...(signal ? { signal } : {}),
    });
    if (timeout !== undefined) {
      socket.setTimeout(timeout, () => {
        socket.destroy(new ControlError("ETIMEDOUT"));
      });
    }
    const failed = (error: Error) => {
      reject(signal?.aborted ? signal.reason : translate(error));
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      socket.setTimeout(0);
      resolve(new NetConnection(socket, "path" in at ? at.path : undefined));
    });
  });
  return connecting;
}

async function bound(
  at: AddressLike,
  options: ListenOptions | undefined,
  connection: (socket: Socket) => void,
): Promise<NetServer> {
  const server = createServer({
    allowHalfOpen: options?.allowHalfOpen ?? true,
    noDelay: true,
  });
  server.on("connection", connection);
  server.maxConnections = options?.maxConnections ?? Infinity;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(translate(error)));
    server.listen(
      { ...netAddress(at), backlog: options?.backlog ?? 511 },
      () => resolve(),
    );
  });
  return server;
}

async function listen(
  at: AddressLike,
  options?: ListenOptions,
): Promise<Listener> {
  const queue = new AcceptQueue();
  const server = await bound(at, options, (socket) => {
    queue.push(new NetConnection(socket, pathOf(at)));
  });
  return new NetListener(server, at, queue);
}

async function serve(
  at: AddressLike,
  handlers: AnyHandlers,
  options?: ServeOptions,
): Promise<Server> {
  const channels = new Set<NetConnection>();
  const server = await bound(at, options, (socket) => {
    const channel = new NetConnection(socket, pathOf(at));
    channels.add(channel);
    channel.closed.then((why) => {
      channels.delete(channel);
      handlers.closed?.(channel, why);
    });
    socket.on("data", (bytes) => handlers.data?.(channel, bytes));
    socket.on("drain", () => handlers.drain?.(channel));
    socket.on("end", () => {
      if (handlers.end) handlers.end(channel);
      else socket.end();
    });
    channel.context = handlers.open?.(channel);
  });
  return closable(addressOf(server, at), async () => {
    for (const channel of channels) channel.abort();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

function addressOf(server: NetServer, at: AddressLike): Address {
  const path = pathOf(at);
  if (path !== undefined) return { transport: "unix", path };
  const { address, port } = server.address() as AddressInfo;
  return { transport: "tcp", host: address, port };
}

function pathOf(at: AddressLike): string | undefined {
  const known = netAddress(at);
  return "path" in known ? known.path : undefined;
}

function named(host?: string, port?: number, path = ""): Address {
  if (host === undefined || port === undefined) {
    return { transport: "unix", path };
  }
  return { transport: "tcp", host, port };
}

function translate(error: Error & { code?: string }): Error {
  const closed = ["ERR_STREAM_DESTROYED", "ABORT_ERR", "ERR_SOCKET_CLOSED"];
  const state = ["ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_ALREADY_FINISHED"];
  const code = error.code ?? "";
  if (closed.includes(code)) {
    return new ControlError("ERR_SOCKEYE_CLOSED", error);
  }
  if (state.includes(code)) return new ControlError("ERR_SOCKEYE_STATE", error);
  return error;
}

export { net as subject };
