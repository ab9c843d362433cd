/**
 * One listening socket over `Deno.Listener`, and how it comes to be.
 *
 * @module
 */
import type { Address, TcpAddress, UnixAddress } from "../../core/address.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../core/transport.ts";
import { type Binder, takeName } from "../_shared/disk_name.ts";
import { listenDirectly as listenByNet } from "../_shared/net/listener.ts";
import { systemPath } from "../_shared/unix_address.ts";
import { configure, fromDeno } from "./conn.ts";
import { translateError } from "./errors.ts";
import { DenoStream } from "./stream.ts";

/** The longest timer there is, ms: it is there for its reference alone. */
const forever = 0x7fffffff;

/**
 * Whether `Deno.listen` may be asked to share a port: it is unstable, and
 * without its flag Deno ends the process. Only with that is there this other
 * one. By `node:net` it is stable.
 */
const mayReusePort = "Deno" in globalThis && "listenDatagram" in Deno;

/** Listens at a TCP address, or at an abstract name: nothing is on disk. */
export function listenDirectly(
  at: TcpAddress | UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  if (request.reusePort && !mayReusePort) {
    return listenByNet(at, request, events, false);
  }
  let cancelled = false;
  queueMicrotask(() => {
    if (cancelled) return;
    let listener: Deno.Listener;
    try {
      listener = bind(at, request);
    } catch (error) {
      return events.failed(translateError(error));
    }
    const address = fromDeno(listener.addr);
    events.listening(new DenoListener(listener, address, request));
  });
  return {
    cancel(): void {
      cancelled = true;
    },
  };
}

function bind(
  at: TcpAddress | UnixAddress,
  { backlog: tcpBacklog, reusePort = false }: ListenRequest,
): Deno.Listener {
  if (at.transport === "unix") {
    return Deno.listen({ transport: "unix", path: systemPath(at) });
  }
  const { host: hostname, port } = at;
  // Deno looks a name up in this very call, and stands still until then.
  const shared = reusePort ? { reusePort } : {};
  return Deno.listen({ hostname, port, tcpBacklog, ...shared });
}

/** Listens at a path, taking and giving back the name as all adapters do. */
export function listenAtPath(
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  const { mode, group } = request;
  const name = { kind: "socket", path: at.path, mode, group } as const;
  return takeName(name, binder, {
    taken({ listener, release }): void {
      events.listening(new DenoListener(listener, at, request, release));
    },
    failed: (error) => events.failed(error),
  });
}

/**
 * Deno unlinks the path that a listener was bound to when it is closed; that
 * is the temporary one, in a directory which is gone by then.
 */
const binder: Binder<Deno.Listener> = {
  bind: (path) =>
    new Promise((resolve) => resolve(Deno.listen({ transport: "unix", path }))),
  unbind: (listener) => listener.close(),
  async probe(path) {
    try {
      (await Deno.connect({ transport: "unix", path })).close();
      return "alive";
    } catch (error) {
      return translateError(error).code;
    }
  },
};

/** A listener that stands. */
class DenoListener implements ListenHandle {
  readonly address: Address;
  /** No `accept()`, no connection: they stay in the kernel's queue. */
  readonly acceptsOnDemand = true;

  readonly #listener: Deno.Listener;
  readonly #request: ListenRequest;
  /** Gives the name on disk back. */
  readonly #release: () => void;
  /** Without a pending `accept()` Deno would let the process end. */
  readonly #alive = setInterval(() => {}, forever);
  #events!: ListenEvents;
  #wanted = false;
  #accepting = false;
  #closing = false;

  constructor(
    listener: Deno.Listener,
    address: Address,
    request: ListenRequest,
    release: () => void = () => {},
  ) {
    this.#listener = listener;
    this.address = address;
    this.#request = request;
    this.#release = release;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
  }

  startAccept(): void {
    this.#wanted = true;
    if (!this.#accepting && !this.#closing) this.#accept();
  }

  /** An outstanding `accept()` cannot be taken back: it lets one through. */
  stopAccept(): void {
    this.#wanted = false;
  }

  #accept(): void {
    this.#accepting = true;
    this.#listener.accept().then(this.#onAccept, this.#onAcceptError);
  }

  readonly #onAccept = (conn: Deno.Conn): void => {
    if (this.#closing || this.#refuses(conn)) conn.close();
    else this.#events.connection(this.#stream(conn));
    this.#accepting = false;
    if (this.#closing) this.#over();
    else if (this.#wanted) this.#accept();
  };

  /** Deno cannot set IPV6_V6ONLY, so who came by IPv4 is sent away. */
  #refuses(conn: Deno.Conn): boolean {
    const { remoteAddr } = conn;
    return this.#request.ipv6Only && remoteAddr.transport === "tcp" &&
      remoteAddr.hostname.startsWith("::ffff:");
  }

  #stream(conn: Deno.Conn): DenoStream {
    configure(conn, this.#request);
    // A Unix socket was bound elsewhere, before it got its name.
    const local = this.address.transport === "unix"
      ? this.address
      : fromDeno(conn.localAddr);
    return new DenoStream(conn, local, fromDeno(conn.remoteAddr));
  }

  /** Also ENOTCONN, for a client that reset its connection in the queue. */
  readonly #onAcceptError = (error: unknown): void => {
    this.#accepting = false;
    if (this.#closing) return this.#over();
    this.#wanted = false;
    this.#events.acceptFailed(translateError(error));
  };

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#release();
    this.#listener.close();
    // An outstanding accept holds the descriptor until it is rejected.
    if (!this.#accepting) this.#over();
  }

  #over(): void {
    clearInterval(this.#alive);
    this.#events.closed();
  }
}
