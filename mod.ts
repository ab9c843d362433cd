/**
 * Portable sockets: one server file runs unchanged on Node, Deno and Bun.
 *
 * ```ts
 * import { serve } from "@sockeye/net";
 *
 * const server = await serve(["tcp://:0", "unix:echo.sock"], {
 *   data: (channel, bytes) => void channel.send(bytes),
 * });
 * console.log(server.addresses);
 * await server.close();
 * ```
 *
 * The adapter of the runtime is loaded by the first verb. The subpaths
 * `/node`, `/deno` and `/bun` export the same verbs bound to one of them.
 *
 * @module
 */
import { withMemory } from "./adapters/memory/runtime.ts";
import { isMainModule, type ModuleMeta, type Program } from "./api/is_main.ts";
import { Poller as AnyPoller } from "./api/poller.ts";
import {
  type Bind,
  type Connect,
  createVerbs,
  type Listen,
  type Serve,
  type ServeExec,
  type Verbs,
} from "./api/verbs.ts";
import type { StandardInput } from "./api/types.ts";
import { SockeyeError } from "./core/error.ts";
import type { Capabilities, Runtime } from "./core/runtime.ts";

export * from "./api/exports.ts";

let loaded: Runtime | undefined;
let loading: Promise<Runtime> | undefined;

/** The adapter of this runtime, on first use: a top-level await would not survive `require`. */
function load(): Runtime | Promise<Runtime> {
  return loaded ?? (loading ??= loadAdapter());
}

async function loadAdapter(): Promise<Runtime> {
  const { runtime } = await importAdapter();
  return loaded = withMemory(runtime);
}

/** Bun and Deno also answer to Node's name, so Node is tested last. */
function importAdapter(): Promise<{ readonly runtime: Runtime }> {
  const found = globalThis as {
    readonly Bun?: unknown;
    readonly Deno?: unknown;
    readonly process?: { readonly versions?: { readonly node?: string } };
  };
  if (found.Bun !== undefined) return import("./adapters/bun/runtime.ts");
  if (found.Deno !== undefined) return import("./adapters/deno/runtime.ts");
  if (found.process?.versions?.node !== undefined) {
    return import("./adapters/node/runtime.ts");
  }
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    "Cannot find an adapter: this is neither Node, Deno nor Bun",
  );
}

const verbs: Verbs = createVerbs(load);

/**
 * Whether a module is the program that was started, and not imported by
 * another: so that one file can be both the program and the module whose
 * handler runs in its children. As source and as built.
 *
 * @param meta `import.meta` of the module that asks
 *
 * @example
 * ```ts
 * import { type Connection, isMain, serve } from "@sockeye/net";
 *
 * export default async function echo(connection: Connection): Promise<void> {
 *   for await (const bytes of connection) await connection.write(bytes);
 * }
 *
 * if (isMain(import.meta)) {
 *   const module = new URL(import.meta.url);
 *   const server = await serve("tcp://:0", module, { strategy: "prefork" });
 *   console.log(server.stats.children!.alive.length); // one for each processor
 *   await server.close();
 * }
 * ```
 */
export function isMain(meta: ModuleMeta): boolean {
  return isMainModule(meta, globalThis as Program);
}

/**
 * Connects to an address.
 *
 * @param to `tcp://host:port`, `unix:/path` or `mem:name`, or an address object
 * @param options limits and policies; `timeout` (ms) and `signal` end the
 * attempt, `retry` makes further ones after failures that may pass
 * @returns an open connection in the pull style; close it when done
 * @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS` for a malformed address,
 * `EINVAL` for an option out of range, `ECONNREFUSED`, `ENOENT`, `EACCES`,
 * `ENOTFOUND`, … as connect(2) and the resolver say, `ETIMEDOUT`; or
 * `signal.reason`
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sockeye/net";
 *
 * const listener = await listen("tcp://:0");
 * const client = await connect(listener.address);
 * const server = await listener.accept();
 * await client.write(new TextEncoder().encode("hello"));
 * console.log(new TextDecoder().decode((await server.read())!));
 * client.abort();
 * server.abort();
 * await listener.close();
 * ```
 *
 * @example A client that comes before its server, and comes back after it
 * ```ts
 * import { connect, serve } from "@sockeye/net";
 *
 * const connecting = connect("unix:late.sock", {
 *   timeout: 10_000,
 *   retry: { attempts: Infinity, minDelay: 20, maxDelay: 1000 },
 * });
 * const server = await serve("unix:late.sock", {});
 * const client = await connecting;
 * await client.close();
 * await server.close();
 * ```
 */
export const connect: Connect = verbs.connect;

/**
 * Listens on an address, and gives connections to whoever asks for them.
 *
 * No host is loopback; anything wider is written out (`tcp://0.0.0.0:80`). Port
 * 0 lets the system choose. A Unix socket file is taken and given back as
 * described in `core/disk_name.ts`: a stale one is replaced, a live one never.
 *
 * @param at where to listen
 * @param options limits and policies of the listener and of its connections
 * @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS`, `EINVAL`, `EADDRINUSE`,
 * `EACCES`, `EADDRNOTAVAIL`, … as bind(2) says
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sockeye/net";
 *
 * const listener = await listen("mem:one-at-a-time");
 * const client = await connect("mem:one-at-a-time");
 * await client.closeWrite();
 * for await (const connection of listener) {
 *   for await (const bytes of connection) await connection.write(bytes);
 *   await connection.close();
 *   await listener.close();
 * }
 * await client.close();
 * ```
 */
export const listen: Listen = verbs.listen;

/**
 * Serves one address or several with handlers, on this thread's event loop.
 *
 * With an object of handlers, each is called with what arrives. With a
 * function, it is called with each connection, which is closed when the
 * function returns and aborted when it throws.
 *
 * With the URL of a module and a `strategy`, the handler is the default export
 * of that module, of either kind, and runs in children: a process for each
 * connection (`"process"`), processes that share the addresses (`"prefork"`), or
 * threads that are given connections (`"workers"`). The module is loaded once in
 * each child; memory is not shared. A child that crashes costs its own
 * connections; a stuck one delays nobody else's. Limits of `maxConnections` are
 * for each child with `prefork` (its share).
 *
 * With `workers` the sockets stay with this thread, which relays their bytes, up
 * to 128 KiB ahead of a handler that does not read: any transport will do, and
 * `maxConnections` holds for all together; but this thread must not be blocked,
 * and what it can carry is the limit of all; with `reusePort` threads accept by
 * themselves. `broadcast` reaches threads with
 * whatever can be cloned, a `SharedArrayBuffer` too.
 *
 * Such a module may export two functions more: `onStart(data, signal)` is
 * called with the option `childData` before a child serves, and its signal is
 * aborted when that child is to finish; `onBroadcast(message)` is called with
 * what `Server.broadcast` sends.
 *
 * @param at one address, or several that share handlers and limits
 * @param handler handlers, a function, or where a module is that exports them
 * @param options limits and policies; `onError` is told what handlers threw
 * @throws {SockeyeError} as `listen`; `ECHILD` when the module cannot be loaded
 * in children, `ERR_SOCKEYE_UNSUPPORTED` for a strategy that is not there or an
 * address whose connections no child can be given. None of the addresses is
 * taken then
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sockeye/net";
 *
 * const server = await serve("tcp://:0", {
 *   data: (channel, bytes) => void channel.send(bytes),
 * });
 * const client = await connect(server.addresses[0]!);
 * await client.write(new Uint8Array([42]));
 * console.log(await client.read());
 * await client.close();
 * console.log(await server.close({ grace: 1000 }));
 * ```
 */
export const serve: Serve = verbs.serve;

/**
 * Serves one address or several with a program: one for each connection, which
 * it has as its standard input and output, as under inetd(8) or tcpserver(1).
 *
 * There is no shell in between, and no relay: the program reads from the socket
 * and writes to it. The client's end is the end of its input; a client that has
 * gone is SIGPIPE or `EPIPE`, as in any pipe. When the program ends, so does the
 * connection, behind all that was written to it.
 *
 * Its environment tells of the connection, by UCSPI: `PROTO` (`TCP`, `UNIX`),
 * `TCPREMOTEIP`, `TCPREMOTEPORT`, `TCPLOCALIP`, `TCPLOCALPORT`, `UNIXLOCALPATH`.
 * It has a session of its own, and on Linux it ends when the server does,
 * however that comes (`setpriv` of util-linux is needed for that).
 *
 * `close`, SIGTERM and SIGINT let programs finish; when the grace is over they
 * get SIGTERM, and half a second later SIGKILL. In `stats`, `failed` counts
 * those that ended with a status other than 0 or by a signal, and bytes are not
 * counted: the server does not see them.
 *
 * @param at one address, `tcp:` or `unix:`, or several
 * @param command the program, looked for in `PATH`, and its arguments
 * @param options environment, directory and log of the program; limits
 * @throws {SockeyeError} as `listen`; `ENOENT`, `EACCES`, `ENOTDIR` when the
 * program, its directory or its log is not to be had, `EINVAL` for what cannot
 * be an argument or a variable, `ERR_SOCKEYE_UNSUPPORTED` for an address whose
 * connections no program can be given, or where the runtime may not run it
 *
 * @example
 * ```ts
 * import { connect, serveExec } from "@sockeye/net";
 *
 * const server = await serveExec("tcp://:0", ["tr", "a-z", "A-Z"]);
 * const client = await connect(server.addresses[0]!);
 * await client.write(new TextEncoder().encode("hello"));
 * await client.closeWrite();
 * for await (const bytes of client) {
 *   console.log(new TextDecoder().decode(bytes)); // HELLO
 * }
 * await client.close();
 * await server.close();
 * ```
 */
export const serveExec: ServeExec = verbs.serveExec;

/**
 * Binds a socket for datagrams.
 *
 * No host is loopback, which reaches this machine alone; anything wider is
 * written out (`udp://0.0.0.0:53`, or `udp://[::]:53` for IPv6 and IPv4). Port 0
 * lets the system choose.
 *
 * Datagrams that nobody has received yet wait in a queue of bounded length;
 * those dropped there are counted in `stats`, those that the kernel drops
 * nobody knows of.
 *
 * @param at `udp://host:port`, or `mem:name` in the simulated network
 * @param options limits, options of the socket, and `onDatagram` for the
 * callback way
 * @returns a socket; close it when done
 * @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS`, `EINVAL` for an option out of
 * range, `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`, … as bind(2) and
 * the resolver say; or `signal.reason`
 *
 * @example
 * ```ts
 * import { bind } from "@sockeye/net";
 *
 * const server = await bind("udp://:0", {
 *   onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
 * });
 * const client = await bind("udp://:0");
 * await client.connect(server.localAddress); // from now on, only the server
 * await client.send(new TextEncoder().encode("hello"));
 * const { bytes } = await client.receive({ timeout: 1000 });
 * console.log(new TextDecoder().decode(bytes));
 * await client.close();
 * await server.close();
 * ```
 */
export const bind: Bind = verbs.bind;

/**
 * Standard input, to be read, polled and selected beside sockets: a terminal, a
 * pipe, a file, or nothing.
 *
 * There is one in a process: every call gives the same, also once it has ended
 * or was closed. From the first call on it is read ahead, up to 64 KiB that
 * nobody takes, and the process lives until the end has come or it is closed.
 *
 * @returns the one source
 *
 * @example
 * ```ts
 * import { listen, type ReadinessSource, stdin } from "@sockeye/net";
 * import { select } from "@sockeye/net/posix";
 *
 * const input = await stdin();
 * const listener = await listen("tcp://:0");
 * const read = new Set<ReadinessSource>([input, listener]);
 * if (await select({ read }, 1000) === 0) console.log("nothing happened");
 * if (read.has(input)) console.log(await input.read()); // null at its end
 * await input.close(); // the process may end
 * await listener.close();
 * ```
 */
export const stdin: () => Promise<StandardInput> = verbs.stdin;

/**
 * What this runtime can do natively, by emulation, or not at all, with the
 * reason wherever it is not native.
 *
 * @example
 * ```ts
 * import { capabilities } from "@sockeye/net";
 *
 * const { runtime, features } = await capabilities();
 * console.log(runtime, features.reset.support);
 * ```
 */
export const capabilities: () => Promise<Capabilities> = verbs.capabilities;

/**
 * Waits for many sources at once: connections, listeners, datagram sockets and
 * standard input.
 *
 * @example
 * ```ts
 * import { listen, Poller, PollEvents } from "@sockeye/net";
 *
 * const listener = await listen("tcp://:0");
 * const poller = new Poller<string>();
 * poller.add(listener, { readable: true }, "a connection waits");
 * const events = new PollEvents<string>(10);
 * console.log(await poller.wait(events, 0)); // 0: nobody came
 * poller.close();
 * await listener.close();
 * ```
 */
export class Poller<T = unknown> extends AnyPoller<T> {
  constructor() {
    super(load);
  }
}
