/**
 * The options of `connect`, `listen` and `serve`.
 *
 * @module
 */
import type { SockeyeError } from "../../core/error.ts";
import type { Op } from "./connection.ts";

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
