/** Control: bare `Bun.listen` and `Bun.connect`. */
import {
  AcceptQueue,
  BareConnection,
  BareListener,
  closable,
  ControlError,
  missing,
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

/** The part of Bun's API that is compared; the other runtimes compile this file too. */
interface BunSocket {
  data: BunConnection;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  write(bytes: Uint8Array): number;
  end(): void;
  shutdown(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}
interface BunHandlers {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, bytes: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
}
interface BunListener {
  readonly hostname?: string;
  readonly port?: number;
  stop(closeActive?: boolean): void;
}
declare const Bun: {
  connect(options: object): Promise<BunSocket>;
  listen(options: object): BunListener;
};

/** Bun's own API over one transport. */
export function bun(transport: TransportName): Subject {
  return {
    name: "bun",
    transport,
    module: import.meta.url,
    bare: true,
    support: support({
      ...(transport === "unix" ? { reset: unixReset } : {}),
      cancelConnect: "Bun.connect cannot be cancelled",
    }),
    connect: open,
    listen,
    serve: (at, handlers, options) => serve(at, handlers as never, options),
  };
}

/** Unread bytes above which the connection is paused. */
const highWater = 65536;

class BunConnection extends BareConnection {
  readonly closed: Promise<Closed>;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #socket: BunSocket;
  #finish: (why: Closed) => void = () => {};
  readonly #inbox: Uint8Array[] = [];
  #unread = 0;
  #ended = false;
  #over: Error | undefined;
  #wakeReader = () => {};
  #wakeWriter = () => {};
  #closing = false;

  constructor(socket: BunSocket, path = "") {
    super();
    this.#socket = socket;
    this.localAddress = named(socket.localAddress, socket.localPort, path);
    this.remoteAddress = named(socket.remoteAddress, socket.remotePort, path);
    this.closed = new Promise((resolve) => this.#finish = resolve);
  }

  onData(bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    this.#unread += bytes.length;
    if (this.#unread > highWater) this.#socket.pause();
    this.#wakeReader();
  }
  onDrain(): void {
    this.#wakeWriter();
  }
  onEnd(): void {
    this.#ended = true;
    this.#wakeReader();
  }
  onClose(error?: Error): void {
    // Without an error it is the peer's doing, or our own.
    if (error === undefined && !this.#closing) this.#ended = true;
    this.#over = error ?? new ControlError("ERR_SOCKEYE_CLOSED");
    this.#wakeReader();
    this.#wakeWriter();
    this.#finish(error ? { how: "error", error } : { how: "close" });
  }

  protected async receive(wait: Waiting): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#inbox.shift();
      if (chunk) {
        this.#unread -= chunk.length;
        if (this.#unread === 0 && !this.#over) this.#socket.resume();
        return chunk;
      }
      if (this.#ended) return null;
      if (this.#over) throw this.#over;
      await wait(new Promise<void>((resolve) => this.#wakeReader = resolve));
    }
  }

  protected async transmit(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#over) throw this.#over;
      const count = this.#socket.write(bytes.subarray(at));
      if (count < 0) throw new ControlError("EPIPE");
      at += count;
      if (at < bytes.length) {
        await new Promise<void>((resolve) => this.#wakeWriter = resolve);
      }
    }
  }

  protected shutdown(): Promise<void> {
    if (this.#over) return Promise.reject(this.#over);
    this.#socket.shutdown();
    return Promise.resolve();
  }

  close(): Promise<Closed> {
    this.#closing = true;
    this.#socket.end();
    return this.closed;
  }

  abort(): void {
    this.#closing = true;
    this.#socket.terminate();
  }

  send(bytes: Uint8Array): boolean {
    const copy = bytes.slice();
    this.inTurn(() => this.transmit(copy)).catch(() => this.abort());
    return true;
  }

  override end(): void {
    this.closeWrite().catch(() => this.abort());
  }

  override pause(): void {
    this.#socket.pause();
  }

  override resume(): void {
    this.#socket.resume();
  }
}

const pulling: BunHandlers = {
  data: (socket, bytes) => socket.data.onData(bytes),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket, error) => socket.data?.onClose(error),
  error: (socket, error) => socket.data.onClose(error),
};

class BunListening extends BareListener {
  readonly address: Address;
  readonly queue: AcceptQueue;
  readonly #listener: BunListener;

  constructor(listener: BunListener, at: AddressLike, queue: AcceptQueue) {
    super();
    this.#listener = listener;
    this.address = addressOf(listener, at);
    this.queue = queue;
  }

  accept(op?: Op): Promise<Connection> {
    return race(this.queue.accept(), op);
  }

  close(): Promise<void> {
    this.queue.close();
    this.#listener.stop();
    return Promise.resolve();
  }
}

function open(to: AddressLike, options: ConnectOptions = {}) {
  const connecting = new Promise<Connection>((resolve, reject) => {
    const open = (socket: BunSocket) => {
      socket.data = new BunConnection(socket, pathOf(to));
      resolve(socket.data);
    };
    const socket = { ...pulling, open };
    Bun.connect({
      ...where(to),
      allowHalfOpen: options.allowHalfOpen ?? true,
      socket,
    }).catch(reject);
  });
  return race(connecting, options);
}

function bound(
  at: AddressLike,
  options: ListenOptions | undefined,
  socket: BunHandlers,
): BunListener {
  if (options?.maxConnections !== undefined) missing("a limit of connections");
  const allowHalfOpen = options?.allowHalfOpen ?? true;
  return Bun.listen({ ...where(at), allowHalfOpen, socket });
}

// deno-lint-ignore require-await
async function listen(at: AddressLike, options?: ListenOptions) {
  const queue = new AcceptQueue();
  const open = (socket: BunSocket) => {
    socket.data = new BunConnection(socket, pathOf(at));
    queue.push(socket.data);
  };
  const listener = bound(at, options, { ...pulling, open });
  return new BunListening(listener, at, queue) as Listener;
}

// deno-lint-ignore require-await
async function serve(
  at: AddressLike,
  handlers: AnyHandlers,
  options?: ServeOptions,
): Promise<Server> {
  const listener = bound(at, options, {
    open(socket) {
      socket.data = new BunConnection(socket, pathOf(at));
      socket.data.context = handlers.open?.(socket.data);
    },
    data(socket, bytes) {
      handlers.data?.(socket.data, bytes);
    },
    drain(socket) {
      socket.data.onDrain();
      handlers.drain?.(socket.data);
    },
    end(socket) {
      if (handlers.end) handlers.end(socket.data);
      else socket.data.end();
    },
    close(socket, error) {
      socket.data.onClose(error);
      handlers.closed?.(
        socket.data,
        error ? { how: "error", error } : { how: "close" },
      );
    },
    error(_socket, error) {
      options?.onError?.(error);
    },
  });
  return closable(addressOf(listener, at), () => {
    listener.stop(true);
    return Promise.resolve();
  });
}

function where(at: AddressLike): object {
  const known = netAddress(at);
  return "path" in known
    ? { unix: known.path }
    : { hostname: known.host, port: known.port };
}

function pathOf(at: AddressLike): string | undefined {
  const known = netAddress(at);
  return "path" in known ? known.path : undefined;
}

function addressOf(listener: BunListener, at: AddressLike): Address {
  const path = pathOf(at);
  if (path !== undefined) return { transport: "unix", path };
  const { hostname = "", port = 0 } = listener;
  return { transport: "tcp", host: hostname, port };
}

function named(host?: string, port?: number, path = ""): Address {
  if (!host || port === undefined) return { transport: "unix", path };
  return { transport: "tcp", host, port };
}

export { bun as subject };
