/** Control: bare `Deno.listen` and `Deno.connect`. */
import {
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

/** The part of Deno's API that is compared; the other runtimes compile this file too. */
interface DenoConn {
  readonly localAddr: DenoAddr;
  readonly remoteAddr: DenoAddr;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}
type DenoAddr =
  | { transport: "tcp"; hostname: string; port: number }
  | { transport: "unix"; path: string };
interface DenoListener extends AsyncIterable<DenoConn> {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn>;
  close(): void;
}
declare const Deno: {
  connect(options: object): Promise<DenoConn>;
  listen(options: object): DenoListener;
};

/** Deno's own API over one transport. */
export function deno(transport: TransportName): Subject {
  return {
    name: "deno",
    transport,
    module: import.meta.url,
    bare: true,
    support: support({ reset: "Deno's own API cannot send a reset" }),
    connect: open,
    listen,
    serve: (at, handlers, options) => serve(at, handlers as never, options),
  };
}

class DenoConnection extends BareConnection {
  readonly closed: Promise<Closed>;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #conn: DenoConn;
  #finish: (why: Closed) => void = () => {};
  #resumed: Promise<void> | undefined;
  #resume: () => void = () => {};
  #readOver = false;
  #writeOver = false;

  constructor(conn: DenoConn) {
    super();
    this.#conn = conn;
    this.localAddress = named(conn.localAddr);
    this.remoteAddress = named(conn.remoteAddr);
    this.closed = new Promise((resolve) => this.#finish = resolve);
  }

  protected async receive(wait: Waiting): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(65536);
    const count = await wait(this.#conn.read(buffer).catch(translate));
    return count === null ? null : buffer.subarray(0, count);
  }

  protected async transmit(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#conn.write(bytes.subarray(at)).catch(translate);
    }
  }

  protected async shutdown(): Promise<void> {
    await this.#conn.closeWrite().catch(translate);
  }

  close(): Promise<Closed> {
    this.finish({ how: "close" });
    return this.closed;
  }

  abort(): void {
    this.finish({ how: "abort" });
  }

  finish(why: Closed): void {
    this.#finish(why);
    try {
      this.#conn.close();
    } catch {
      // Closed before; Deno throws then.
    }
  }

  send(bytes: Uint8Array): boolean {
    const copy = bytes.slice();
    this.inTurn(() => this.transmit(copy)).catch((error) => this.failed(error));
    return true;
  }

  override end(): void {
    const ended = this.inTurn(() => this.shutdown());
    ended.then(() => this.over("write"), (error) => this.failed(error));
  }

  /** Closes once both directions are over, as the last line of a handler does. */
  over(side: "read" | "write"): void {
    if (side === "read") this.#readOver = true;
    else this.#writeOver = true;
    if (this.#readOver && this.#writeOver) this.finish({ how: "close" });
  }

  failed(error: unknown): void {
    this.finish({ how: "error", error });
  }

  /** Whoever reads in a loop pauses by not going on. */
  override pause(): void {
    this.#resumed ??= new Promise((resolve) => this.#resume = resolve);
  }

  override resume(): void {
    this.#resume();
    this.#resumed = undefined;
  }

  /** What the loop of a server awaits before it goes on. */
  get flowing(): Promise<void> | undefined {
    return this.#resumed;
  }

  override get readable(): ReadableStream<Uint8Array> {
    return this.#conn.readable;
  }

  override get writable(): WritableStream<Uint8Array> {
    return this.#conn.writable;
  }
}

class DenoListening extends BareListener {
  readonly address: Address;
  readonly #listener: DenoListener;
  #closed = false;

  constructor(listener: DenoListener) {
    super();
    this.#listener = listener;
    this.address = named(listener.addr);
  }

  accept(op?: Op): Promise<Connection> {
    const accepting = this.#listener.accept().catch(translate);
    return race(accepting.then((conn) => new DenoConnection(conn)), op);
  }

  close(): Promise<void> {
    // A second time would throw.
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
    return Promise.resolve();
  }
}

async function open(to: AddressLike, options: ConnectOptions = {}) {
  const { signal } = options;
  const connecting = Deno.connect({ ...where(to), ...(signal && { signal }) });
  const { timeout } = options;
  const conn = await race(
    connecting.catch((error) =>
      signal?.aborted ? fail(error) : translate(error)
    ),
    timeout === undefined ? {} : { timeout },
  );
  return new DenoConnection(conn);
}

function bound(at: AddressLike, options?: ListenOptions): DenoListener {
  if (options?.maxConnections !== undefined) missing("a limit of connections");
  if (options?.allowHalfOpen === false) missing("an end that follows");
  try {
    return Deno.listen({ ...where(at), tcpBacklog: options?.backlog ?? 511 });
  } catch (error) {
    return translate(error);
  }
}

// deno-lint-ignore require-await
async function listen(at: AddressLike, options?: ListenOptions) {
  return new DenoListening(bound(at, options)) as Listener;
}

// deno-lint-ignore require-await
async function serve(
  at: AddressLike,
  handlers: AnyHandlers,
  options?: ServeOptions,
): Promise<Server> {
  const listener = bound(at, options);
  const channels = new Set<DenoConnection>();
  const handle = async (conn: DenoConn) => {
    const channel = new DenoConnection(conn);
    channels.add(channel);
    try {
      channel.context = await handlers.open?.(channel);
      for (let bytes; (bytes = await channel.read()) !== null;) {
        await channel.flowing;
        await handlers.data?.(channel, bytes);
      }
      await channel.flowing;
      channel.over("read");
      if (handlers.end) await handlers.end(channel);
      else channel.end();
    } catch (error) {
      options?.onError?.(error);
      channel.failed(error);
    }
    const why = await channel.closed;
    channels.delete(channel);
    handlers.closed?.(channel, why);
  };
  const accepting = (async () => {
    for await (const conn of listener) handle(conn);
  })();
  let closed = false;
  return closable(named(listener.addr), async () => {
    if (!closed) listener.close();
    closed = true;
    await accepting;
    for (const channel of channels) channel.abort();
  });
}

function where(at: AddressLike): object {
  const known = netAddress(at);
  return "path" in known
    ? { transport: "unix", path: known.path }
    : { hostname: known.host, port: known.port };
}

function named(addr: DenoAddr): Address {
  return addr.transport === "unix"
    ? { transport: "unix", path: addr.path }
    : { transport: "tcp", host: addr.hostname, port: addr.port };
}

function fail(error: unknown): never {
  throw error;
}

function translate(error: unknown): never {
  const { name } = error as Error;
  const closed = name === "BadResource" || name === "Interrupted";
  throw closed ? new ControlError("ERR_SOCKEYE_CLOSED", error) : error;
}

export { deno as subject };
