/**
 * A connection, as it is read and written, and the handlers of one.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { Closed } from "../../core/connection.ts";
import type { State } from "../../core/transitions.ts";
import type { Credentials } from "../../core/transport.ts";
import type { ReadinessSource } from "../source.ts";

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
