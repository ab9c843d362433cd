/**
 * Options of servers whose handlers run in children: types only.
 *
 * @module
 */
import type { ServeOptions } from "../types.ts";

/**
 * Where a module is: a `URL`, usually `new URL(import.meta.url)`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ModuleLocation } from "@sockeye/net";
 *
 * const beside: ModuleLocation = new URL("./handler.ts", import.meta.url);
 * assert.ok(beside.href.endsWith("/handler.ts"));
 * ```
 */
export interface ModuleLocation {
  /** The URL as text. */
  readonly href: string;
}

/**
 * Options of `serve` for a module whose handler runs in children.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ChildrenOptions, serve } from "@sockeye/net";
 *
 * const options: ChildrenOptions = {
 *   strategy: "prefork",
 *   children: 4,
 *   maxConnections: 1000, // 250 for each
 *   maxAge: 3_600_000, // each is replaced after an hour
 *   childData: { root: "public" }, // what `onStart` is given
 * };
 * const module = new URL("./handler.ts", import.meta.url);
 * const tooFew = serve("tcp://:0", module, { ...options, maxConnections: 3 });
 * await assert.rejects(tooFew, { code: "EINVAL" });
 * ```
 */
export interface ChildrenOptions extends Omit<ServeOptions, "strategy"> {
  /**
   * `"process"`: a child process for each connection, as fork(2) after
   * accept(2). `"prefork"`: members that were started before, share the
   * addresses and accept by themselves. `"workers"`: threads that were started
   * before and are given connections, whose bytes pass through this thread.
   */
  strategy: "process" | "prefork" | "workers";
  /**
   * With `prefork` and `workers`: how many members there are. Those that accept
   * by themselves, with `prefork` and `reusePort`, have equal shares of
   * `maxConnections`, rounded down, and there may be no more of them than that.
   * Default: one for each processor, at least 2.
   */
  children?: number;
  /**
   * With `prefork` and `workers`, over TCP: each member listens by itself, and the system
   * spreads connections over them (SO_REUSEPORT, socket(7)), where else processes
   * accept from one queue, and threads are given what this one relays. Default
   * false.
   *
   * This loses connections where the other way loses none: when a member leaves,
   * at a restart or by its death, those that are queued at it are reset (40 of
   * 11,900 in 31 restarts under load on Deno, 22 of 6,700 on Bun). The
   * parent keeps a listener of its own, whose connections it hands on, so that
   * the port stays taken whatever happens to the members.
   */
  reusePort?: boolean;
  /**
   * Children alive at once, those that finish included. With `process` whoever
   * comes beyond waits in the queue. Default: 64 with `process`, else
   * twice `children`, so that each can be replaced before it goes.
   */
  maxChildren?: number;
  /**
   * With `process`: idle children that are kept ready, so that a connection
   * need not wait for one to start. Default 1.
   */
  spareChildren?: number;
  /** Connections after which a child is replaced. Default: 1 with `process`, else no limit. */
  maxConnectionsPerChild?: number;
  /** Age at which a child is replaced, milliseconds. Default: no limit. */
  maxAge?: number;
  /**
   * What the module's export `onStart` is called with, in each child before its
   * first connection: plain data, as JSON takes it; with `workers` whatever can
   * be cloned, a `SharedArrayBuffer` too. Default: undefined.
   *
   * Its second argument is an `AbortSignal`: aborted when that child is to
   * finish, so that a handler asks no client for more. A promise is waited for;
   * a child whose `onStart` fails cannot serve.
   */
  childData?: unknown;
  /** How long a child may take to load and to start the module, milliseconds. Default 10000. */
  startTimeout?: number;
  /**
   * Whether the server heeds signals: SIGTERM and SIGINT close it, a second one
   * aborts what is left, SIGHUP replaces the children. Default true.
   *
   * The exit status stays the program's: `Server.closed` tells how many were
   * `aborted`, and `process.exitCode` is there to be set.
   */
  signals?: boolean;
  /** What connections are given to finish after SIGTERM or SIGINT, milliseconds. Default 5000. */
  grace?: number;
}
