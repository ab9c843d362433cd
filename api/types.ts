/**
 * What users of the streams hold and hand in: types only.
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import type { Closed } from "../core/connection.ts";
import type { SockeyeError } from "../core/error.ts";
import type { State } from "../core/transitions.ts";
import type { Credentials } from "../core/transport.ts";
import type { ChildrenStats } from "./children/stats_types.ts";
import type { ReadinessSource } from "./source.ts";

/**
 * Options of one waiting operation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type Op } from "@sockeye/net";
 *
 * const listener = await listen("mem:slow");
 * const client = await connect("mem:slow");
 * const server = await listener.accept();
 * const soon: Op = { timeout: 1 };
 * await assert.rejects(client.read(soon), { code: "ETIMEDOUT" });
 * await server.write(new Uint8Array([1])); // the connection lives on
 * assert.deepEqual([...(await client.read())!], [1]);
 * await Promise.all([client.close(), server.close(), listener.close()]);
 * ```
 */
export interface Op {
  /** Ends the wait with `signal.reason`; the connection lives on. Default: none. */
  signal?: AbortSignal;
  /**
   * Ends the wait with `ETIMEDOUT` after so many milliseconds, from 0 up; the
   * connection lives on. Default: no limit.
   */
  timeout?: number;
}

/**
 * What handlers hold: a connection that gives its data by itself.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Channel, connect, serve } from "@sockeye/net";
 *
 * function greet(channel: Channel): void {
 *   channel.send(new TextEncoder().encode(`You are number ${channel.id}`));
 *   void channel.close(); // behind what is queued
 * }
 *
 * const server = await serve("mem:numbers", { open: greet });
 * const client = await connect("mem:numbers");
 * const greeting = new TextDecoder().decode((await client.read())!);
 * assert.match(greeting, /^You are number \d+$/);
 * await client.close();
 * await server.close();
 * ```
 */
export interface Channel<T = unknown> {
  /** Yours: what `open` returned, until you set something else. */
  context: T;
  /** Counts up from 1 in this process. */
  readonly id: number;
  /** Where in its life the connection is; see `core/transitions.ts`. */
  readonly state: State;
  /** Our own address. */
  readonly localAddress: Address;
  /** The peer's address; of a Unix peer without a name, its path is empty. */
  readonly remoteAddress: Address;
  /** Who the peer is; undefined unless it had to show that (`identify`, FIFOs). */
  readonly credentials: Credentials | undefined;
  /** Bytes that arrived from the peer so far. */
  readonly bytesRead: number;
  /** Bytes that the system has taken from us so far. */
  readonly bytesWritten: number;
  /** Bytes queued by us that the system has not taken yet. */
  readonly bytesQueued: number;
  /** Resolves once, last, with how and why it ended; never rejects. */
  readonly closed: Promise<Closed>;
  /**
   * Sends bytes; takes all of them and never throws for what the peer or the
   * network did: once they have ended the connection, it is false. What the
   * system does not take at once is copied.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_STATE` after our own `end`, and
   * `ERR_SOCKEYE_CLOSED` after our own `close`, until that is carried out:
   * what the caller does wrong is told as long as it can be
   * @returns false when more than `writeHighWater` bytes are queued now: `data`
   * is then withheld until `drain`. Above `maxQueued` the connection is aborted.
   */
  send(bytes: Uint8Array): boolean;
  /** Withholds `data` until `resume`; the kernel stops the peer. */
  pause(): void;
  /** Gives `data` again, first what arrived meanwhile. */
  resume(): void;
  /** Sends what is queued, then our end; reading goes on. */
  end(): void;
  /** Sends what is queued, then our end, drops what still arrives, and closes. */
  close(): Promise<Closed>;
  /** Resets the connection at once; what is queued is lost. */
  abort(reason?: unknown): void;
}

/**
 * What bytes are read from, in the pull style: a connection, or standard input.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ByteSource, connect, serve } from "@sockeye/net";
 *
 * async function textOf(source: ByteSource): Promise<string> {
 *   const decoder = new TextDecoder();
 *   let text = "";
 *   for await (const bytes of source) {
 *     text += decoder.decode(bytes, { stream: true });
 *   }
 *   return text;
 * }
 *
 * const server = await serve("mem:greeting", (connection) =>
 *   connection.write(new TextEncoder().encode("Grüße")));
 * const client = await connect("mem:greeting");
 * assert.equal(await textOf(client), "Grüße"); // or that of `stdin()`
 * await client.close();
 * await server.close();
 * ```
 */
export interface ByteSource extends AsyncIterable<Uint8Array>, ReadinessSource {
  /** Bytes that arrived so far. */
  readonly bytesRead: number;
  /**
   * Waits for bytes.
   *
   * @returns what has arrived, up to 64 KiB where the runtime gives no more at
   * a time, yours to keep; or `null` at the end, again and again.
   * @throws {SockeyeError} `ECONNRESET` after a reset, `ERR_SOCKEYE_CLOSED`
   * after our own close, `ECONNABORTED` after our own abort, `ETIMEDOUT` at a
   * deadline, `ERR_SOCKEYE_STATE` if another read waits; or `signal.reason`.
   */
  read(op?: Op): Promise<Uint8Array | null>;
  /** As `read`, into your buffer; gives how many bytes were put there. */
  readInto(buffer: Uint8Array, op?: Op): Promise<number | null>;
  /** As `readInto`, at once: `undefined` says that it would have to wait. */
  tryRead(buffer: Uint8Array): number | null | undefined;
  /** The same bytes as a stream, made on first use. */
  readonly readable: ReadableStream<Uint8Array>;
}

/**
 * Standard input: the bytes of a terminal, a pipe, a socket or a file. What
 * nobody reads is not taken from it, but for 64 KiB and one chunk.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { StandardInput } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * async function count(input: StandardInput): Promise<number> {
 *   for await (const bytes of input) console.log(`${bytes.length} more`);
 *   return input.bytesRead;
 * }
 *
 * const { run, stdin, input } = createSimulation();
 * input.write(new TextEncoder().encode("hello\n")); // somebody types
 * input.end();
 * assert.equal(await run(async () => count(await stdin())), 6);
 * ```
 */
export interface StandardInput extends ByteSource, AsyncDisposable {
  /**
   * Resolves when it was closed, or reading failed, with how and why; never
   * rejects. `how` is `"end"` where its end had come before, else `"close"`; or
   * `"error"`.
   */
  readonly closed: Promise<Closed>;
  /**
   * Reads no more, and lets the process end although whoever writes to it may
   * still be there. What is unread is dropped. The descriptor stays open, for
   * it is the process's.
   */
  close(): Promise<Closed>;
}

/**
 * A stream connection in the pull style: you ask for its bytes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type Connection, serve } from "@sockeye/net";
 *
 * async function double(connection: Connection): Promise<void> {
 *   for await (const bytes of connection) {
 *     await connection.write(bytes.map((byte) => 2 * byte));
 *   }
 * } // returning closes it
 *
 * const server = await serve("mem:double", double);
 * const client = await connect("mem:double");
 * await client.write(new Uint8Array([21]));
 * await client.closeWrite();
 * assert.deepEqual([...(await client.read())!], [42]);
 * assert.equal(await client.read(), null);
 * await client.close();
 * await server.close();
 * ```
 */
export interface Connection extends Channel, AsyncDisposable, ByteSource {
  /**
   * Writes all the bytes, in order; they are lent to the connection until this
   * settles. A rejection carries `bytesTaken`.
   *
   * @throws {SockeyeError} `ECONNRESET` or `EPIPE` once the peer has gone,
   * `ERR_SOCKEYE_STATE` after our own `closeWrite`, `ERR_SOCKEYE_CLOSED` after
   * our own close, `ECONNABORTED` after our own abort, `ETIMEDOUT` at a deadline,
   * `EINVAL` for what are no bytes; or `signal.reason`.
   */
  write(bytes: Uint8Array, op?: Op): Promise<void>;
  /**
   * Queues what fits below `writeHighWater`, copied; gives how many bytes that was.
   *
   * @throws {SockeyeError} as `write`
   */
  tryWrite(bytes: Uint8Array): number;
  /**
   * Sends what is queued, then our end; resolves when that is handed over, also
   * when it was before.
   *
   * @throws {SockeyeError} why the connection ended, if that comes first;
   * `ETIMEDOUT` at a deadline; or `signal.reason`
   */
  closeWrite(op?: Op): Promise<void>;
  /**
   * Ends the waits of one side, or both, `ms` from now (at once when it is 0 or
   * less) with `ETIMEDOUT`, and those that follow, until it is set anew; `null`
   * clears it. Without `side` it is both.
   *
   * @throws {SockeyeError} `EINVAL` for what is neither a number nor `null`
   */
  setDeadline(ms: number | null, side?: "read" | "write"): void;
  /** The writing side as a stream, made on first use. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Handlers of connections in the push style. Each is called with the channel.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type Handlers, serve } from "@sockeye/net";
 *
 * const count: Handlers<{ bytes: number }> = {
 *   open: () => ({ bytes: 0 }), // becomes the context
 *   data: ({ context }, bytes) => void (context.bytes += bytes.length),
 *   end(channel) {
 *     channel.send(new TextEncoder().encode(`${channel.context.bytes} bytes`));
 *     channel.end();
 *   },
 * };
 * const server = await serve("mem:count", count);
 * const client = await connect("mem:count");
 * await client.write(new Uint8Array(1000));
 * await client.closeWrite();
 * const answer = new TextDecoder().decode((await client.read())!);
 * assert.equal(answer, "1000 bytes");
 * await client.close();
 * await server.close();
 * ```
 */
export interface Handlers<T = unknown> {
  /**
   * A connection is open; the result becomes `context`. Nothing else is called
   * before it settles, but `closed` if we close or abort it meanwhile.
   */
  open?(channel: Channel<T>): T | Promise<T>;
  /** Bytes arrived. A promise holds back the next `data` until it settles. */
  data?(channel: Channel<T>, bytes: Uint8Array): void | Promise<void>;
  /** After `send` gave false: all that was queued has been taken. */
  drain?(channel: Channel<T>): void | Promise<void>;
  /** The peer's end. Without this handler ours follows by itself, once what is queued is sent. */
  end?(channel: Channel<T>): void | Promise<void>;
  /** It is over; nothing is called after this. */
  closed?(channel: Channel<T>, why: Closed): void | Promise<void>;
}

/**
 * Options that connections are made with, whichever side they are on. A value
 * out of its range is refused with `EINVAL`, here and in all other options.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type StreamOptions } from "@sockeye/net";
 *
 * const small: StreamOptions = { writeHighWater: 4, flushTimeout: 1000 };
 * const listener = await listen("mem:small", small); // for both sides
 * const client = await connect("mem:small", small);
 * assert.equal(client.tryWrite(new Uint8Array(6)), 4); // the others do not fit
 * client.abort();
 * await listener.close();
 * ```
 */
export interface StreamOptions {
  /** Send small writes at once (`TCP_NODELAY`). Default true. */
  noDelay?: boolean;
  /** Let the kernel probe an idle peer (`SO_KEEPALIVE`). Default false. */
  keepAlive?: boolean;
  /** Idle milliseconds before the first probe. Default 0: the system's. */
  keepAliveDelay?: number;
  /** False: our end follows the peer's by itself. Default true. */
  allowHalfOpen?: boolean;
  /** Unread bytes above which the kernel stops the peer. Default 65536. */
  readHighWater?: number;
  /** Queued bytes above which `send` gives false and `tryWrite` 0. Default 65536. */
  writeHighWater?: number;
  /** Queued bytes above which the connection is aborted. Default 16 MiB. */
  maxQueued?: number;
  /** While closing: milliseconds without any byte taken before it is aborted. Default 30000. */
  flushTimeout?: number;
  /** While closing: milliseconds for the peer's end, after ours was handed over. Default 2000. */
  lingerTimeout?: number;
  /**
   * On Unix sockets with a path: the client shows which user it acts for, before
   * any user data; what that proves is written in `core/credentials.ts`. Both
   * sides must say so: a server refuses who does not answer, a client leaves a
   * server that does not ask. Callers of other users need a `mode` of 0o660 or
   * 0o666. Default false; FIFOs always do it.
   */
  identify?: boolean;
  /** Milliseconds that a handshake may take, on FIFOs and with `identify`. Default 10000. */
  handshakeTimeout?: number;
}

/**
 * Attempts to connect again, after a failure that may pass: nobody listens
 * there (`ECONNREFUSED`, `ENOENT`, `ENXIO`), the way is interrupted
 * (`EHOSTUNREACH`, `ENETUNREACH`, `ETIMEDOUT`, …), the peer breaks off
 * (`ECONNRESET`, `EPIPE`), or something has run out (`EAGAIN`, `EMFILE`, …).
 * Anything else fails at once: it would fail again (`EACCES`, `ENOTFOUND`, …).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type RetryOptions } from "@sockeye/net";
 *
 * const codes: string[] = [];
 * const retry: RetryOptions = {
 *   attempts: 3,
 *   minDelay: 1,
 *   onFailure: ({ code }) => void codes.push(code),
 * };
 * const error = await connect("mem:never there", { retry })
 *   .catch((error) => error);
 * assert.equal(error.code, "ECONNREFUSED");
 * assert.deepEqual(codes, ["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED"]);
 * ```
 */
export interface RetryOptions {
  /** Attempts in all, the first one included; `Infinity` for no end. Default 10. */
  attempts?: number;
  /**
   * The first pause, milliseconds; each is twice as long as the one before.
   * Chance takes up to half of a pause away, so that clients that lost one
   * server do not come back at once. Default 100.
   */
  minDelay?: number;
  /** The longest pause, milliseconds. Default 10000. */
  maxDelay?: number;
  /** Told of each attempt that failed, and how many have by now. */
  onFailure?: (error: SockeyeError, failures: number) => void;
}

/**
 * Options of `connect`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type ConnectOptions } from "@sockeye/net";
 *
 * const patient: ConnectOptions = {
 *   timeout: 5, // of all attempts together
 *   retry: { attempts: Infinity, minDelay: 1 },
 * };
 * const connecting = connect("mem:still nobody", patient);
 * await assert.rejects(connecting, { code: "ETIMEDOUT" });
 * ```
 */
export interface ConnectOptions extends StreamOptions, Op {
  /**
   * Try again after failures that may pass. `timeout` and `signal` then span
   * all attempts and the pauses between them. Default: one attempt.
   */
  retry?: RetryOptions;
  /**
   * The user id that must own the name on disk, else the attempt fails with
   * `EACCES`. On Unix sockets it is looked at before connecting, and nobody but
   * this user, root and ourselves may be able to change where the path leads.
   * Default: any.
   */
  expectServer?: number;
}

/**
 * Options of `listen`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type ListenOptions } from "@sockeye/net";
 *
 * const options: ListenOptions = { maxConnections: 1, overflow: "reject" };
 * const listener = await listen("mem:one place", options);
 * const first = await connect("mem:one place");
 * const served = await listener.accept();
 * const second = await connect("mem:one place");
 * await assert.rejects(second.read(), { code: "ECONNRESET" });
 * await Promise.all([first.close(), served.close(), listener.close()]);
 * ```
 */
export interface ListenOptions extends StreamOptions {
  /** Length of the kernel's queue of connections not accepted yet. Default 511. */
  backlog?: number;
  /** Take IPv6 only, on an IPv6 wildcard. Default false. */
  ipv6Only?: boolean;
  /**
   * Permission bits of a Unix socket file or FIFO. Default 0o600. To let others
   * in, a socket needs 0o666, and a FIFO, which they only write to, 0o622.
   */
  mode?: number;
  /** Group id that is to own a Unix socket file or FIFO. Default the process's. */
  group?: number;
  /**
   * User ids that may connect, on FIFOs and with `identify`; others are refused
   * with `EACCES`. Default: whomever `mode` lets in.
   */
  allowUsers?: readonly number[];
  /** Connections open at once; beyond it `overflow` says what happens. Default: what the descriptor limit leaves. */
  maxConnections?: number;
  /** Beyond `maxConnections`: let clients wait, or reset them. Default `"defer"`. */
  overflow?: "defer" | "reject";
  /**
   * Where the runtime accepts eagerly: connections held unread beyond
   * `maxConnections`, before further ones are reset. Default 511.
   */
  maxWaiting?: number;
  /** Ends the start-up; a listener that stands is not touched. */
  signal?: AbortSignal;
  /**
   * Told what went wrong outside of any call: what a handler threw (default:
   * shown on standard error), and failed accepts (default: only counted).
   */
  onError?: (error: unknown) => void;
}

/**
 * Options of `serve`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve, type ServeOptions } from "@sockeye/net";
 *
 * const thrown: unknown[] = [];
 * const options: ServeOptions = {
 *   borrow: true, // `data` keeps nothing of its bytes
 *   maxConnections: 100,
 *   onError: (error) => thrown.push(error),
 * };
 * const server = await serve("mem:faulty", {
 *   data: () => {
 *     throw new Error("no such command");
 *   },
 * }, options);
 * const client = await connect("mem:faulty");
 * await client.write(new Uint8Array(1));
 * await assert.rejects(client.read(), { code: "ECONNRESET" });
 * assert.equal((thrown[0] as Error).message, "no such command");
 * await server.close();
 * ```
 */
export interface ServeOptions extends ListenOptions {
  /** How handlers run. Only `"loop"`, the default: all on this thread's event loop. */
  strategy?: "loop";
  /**
   * Lend `data` its bytes until the handler returns, instead of giving them
   * away; `send` then holds on to what it is given of them, so leave that as it
   * is. Default false.
   */
  borrow?: boolean;
}

/**
 * Waits for connections in the pull style.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type Listener } from "@sockeye/net";
 *
 * const listener: Listener = await listen("mem:at once");
 * assert.equal(listener.tryAccept(), undefined); // nobody is there
 * const client = await connect("mem:at once");
 * const connection = listener.tryAccept()!;
 * assert.equal(connection.state, "open");
 * await Promise.all([client.close(), connection.close(), listener.close()]);
 * ```
 */
export interface Listener
  extends AsyncDisposable, AsyncIterable<Connection>, ReadinessSource {
  /** Where it listens, with the port that the system chose. */
  readonly address: Address;
  /** Resolves when the listener is over and its name given back; never rejects. */
  readonly closed: Promise<void>;
  /**
   * Waits for a connection.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_CLOSED` once the listener is closed,
   * `ETIMEDOUT`; or `signal.reason`.
   */
  accept(op?: Op): Promise<Connection>;
  /** As `accept`, at once: `undefined` says that it would have to wait. */
  tryAccept(): Connection | undefined;
  /** Accepts no more until `resume`; clients wait in the kernel's queue where the runtime can. */
  pause(): void;
  /** Accepts again. */
  resume(): void;
  /**
   * Stops listening and gives the name on disk back. Connections live on;
   * those that nobody accepted are reset. Waiting accepts end.
   */
  close(): Promise<void>;
}

/**
 * Counts of a server since it was started.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve, type ServerStats } from "@sockeye/net";
 *
 * const server = await serve("mem:counted", {
 *   data: (channel, bytes) => void channel.send(bytes),
 * });
 * const client = await connect("mem:counted");
 * await client.write(new Uint8Array(3));
 * await client.read();
 * const { accepted, open, bytesRead }: ServerStats = server.stats;
 * assert.deepEqual([accepted, open, bytesRead], [1, 1, 3]);
 * await client.close();
 * await server.close();
 * ```
 */
export interface ServerStats {
  /** Connections accepted and handed to a handler. */
  readonly accepted: number;
  /** Open now. */
  readonly open: number;
  /** Accepted and held unread, because of `maxConnections`. */
  readonly waiting: number;
  /** Reset, because of `maxConnections` and `maxWaiting`. */
  readonly rejected: number;
  /** Failed accepts. */
  readonly acceptErrors: number;
  /** Clients that did not get through the handshake, on FIFOs and with `identify`. */
  readonly refused: number;
  /** Connections that ended by a reset, a timeout or an error of a handler. */
  readonly failed: number;
  /** Bytes that arrived, in total. */
  readonly bytesRead: number;
  /** Bytes that the system took, in total. */
  readonly bytesWritten: number;
  /** What children did; undefined where handlers run on this thread's loop. */
  readonly children: ChildrenStats | undefined;
}

/**
 * How the connections of a server ended when it was closed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve, type ServerClosed } from "@sockeye/net";
 *
 * const server = await serve("mem:closing", {
 *   open: (channel) => void channel.send(new Uint8Array([1])),
 * });
 * const client = await connect("mem:closing");
 * await client.read(); // it is served now, and stays
 * const { drained, aborted }: ServerClosed = await server.close({ grace: 0 });
 * assert.deepEqual([drained, aborted], [0, 1]);
 * ```
 */
export interface ServerClosed {
  /** Connections that finished by themselves within `grace`. */
  readonly drained: number;
  /** Connections that were aborted at its end. */
  readonly aborted: number;
  /** Why the server closed by itself: with children, why there are none any more. */
  readonly error?: SockeyeError;
}

/**
 * A server that calls handlers, on one or several addresses.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve, type Server } from "@sockeye/net";
 *
 * async function stop(server: Server): Promise<string> {
 *   const { drained, aborted } = await server.close({ grace: 1000 });
 *   return `${drained} finished, ${aborted} did not`;
 * }
 *
 * const server = await serve(["tcp://:0", "mem:stopped"], {});
 * assert.equal(server.addresses.length, 2);
 * const client = await connect(server.addresses[0]!);
 * await client.close();
 * assert.match(await stop(server), /finished, 0 did not$/);
 * ```
 */
export interface Server extends AsyncDisposable {
  /** Where it listens, with the ports that the system chose. */
  readonly addresses: readonly Address[];
  /** Counts since it was started; a fresh snapshot each time. */
  readonly stats: ServerStats;
  /** Resolves when the server is over, with how its connections ended; never rejects. */
  readonly closed: Promise<ServerClosed>;
  /**
   * Stops accepting and lets connections finish; those still there after
   * `grace` milliseconds (default 5000; 0 aborts at once) are aborted.
   *
   * @throws {SockeyeError} `EINVAL` for a grace that is negative or no number
   */
  close(options?: { grace?: number }): Promise<ServerClosed>;
  /**
   * Replaces the children one by one, each before it goes; no connection is
   * refused or ended for it. Does nothing where there are none.
   */
  restart(): void;
  /**
   * Sends plain data (as JSON takes it; to threads, whatever can be cloned) to
   * every child, where the module's export `onBroadcast` is called with it.
   *
   * @returns how many children it was sent to
   * @throws {SockeyeError} `EINVAL` for what cannot be sent
   */
  broadcast(message: unknown): number;
}
