/**
 * A listener, and a server with its statistics.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { SockeyeError } from "../../core/error.ts";
import type { ChildrenStats } from "../children/stats_types.ts";
import type { ReadinessSource } from "../source.ts";
import type { Connection, Op } from "./connection.ts";

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
