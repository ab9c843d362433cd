/**
 * The contract between the core and an adapter: callbacks and commands, no
 * promise, no event emitter, nothing of a runtime.
 *
 * An adapter translates and decides nothing. What it must keep:
 *
 * - **Commands may be called from within events, and events from within
 *   commands.** The driver is guarded against both; an adapter need not defer.
 * - **After `closed` nothing else is called**, and `closed` is called exactly
 *   once for every stream handle: when the descriptor has been given back,
 *   whoever asked for it. Its error says what ended the connection from
 *   outside; after our own `close()` or `abort()` there is none.
 * - **Errors arrive normalised**, as `SockeyeError` with the runtime's own
 *   error as `cause`. The message says what the runtime said; the driver puts
 *   the action and the address in front.
 *
 * @module
 */
import type { Address } from "./address.ts";
import type { SockeyeError } from "./error.ts";

/** What an adapter tells about bytes that arrive. */
export interface InputEvents {
  /**
   * Bytes arrived; never empty.
   *
   * With `lent` true the adapter will reuse the memory once this call returns,
   * unless the call returns true, "kept": then the adapter gives that memory
   * (the whole `ArrayBuffer`) away and makes itself a new one. With `lent`
   * false the bytes are the driver's and the result means nothing.
   *
   * May come although reading is stopped, where a runtime cannot hold it back.
   */
  data(bytes: Uint8Array, lent: boolean): boolean;
  /** The end: every byte before it has been given to `data`. */
  readClosed(): void;
}

/** What an adapter tells about standard input. Nothing comes after `close`. */
export interface StdinEvents extends InputEvents {
  /** Reading failed, and nothing else comes. */
  failed(error: SockeyeError): void;
}

/**
 * Standard input, as the runtime gives it: terminal, pipe, socket, file or
 * nothing. Reading is stopped when it is made.
 */
export interface StdinHandle {
  /** Names who is told. Called once, before any other command. */
  attach(events: StdinEvents): void;
  /** Asks for data. Idempotent. Keeps the process alive until the end or `close`. */
  startRead(): void;
  /** Wants no data for now. Idempotent; what is under way may still arrive. */
  stopRead(): void;
  /**
   * Leaves it alone: it keeps the process alive no more. The descriptor stays
   * open, since it is the process's, and others may go on reading from it.
   */
  close(): void;
}

/** What an adapter tells about one byte stream. */
export interface StreamEvents extends InputEvents {
  /** The transmit that was pending is over: `count` more of its bytes were taken. */
  written(count: number): void;
  /** A shutdown that was pending has been handed over to the system. */
  shutdownDone(): void;
  /** The stream is over and its descriptor given back; comes once, and last. */
  closed(error?: SockeyeError): void;
}

/**
 * Who is at the other end, as far as that was shown before any user data; what
 * it proves and what not is written in `core/credentials.ts`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import process from "node:process";
 * import { connect, type Credentials, listen } from "@sockeye/net";
 *
 * const listener = await listen("unix:known.sock", { identify: true });
 * const [server, client] = await Promise.all([
 *   listener.accept(),
 *   connect("unix:known.sock", { identify: true }),
 * ]);
 * const peer: Credentials = server.credentials!;
 * assert.equal(peer.uid, process.getuid!()); // it is ourselves
 * assert.equal(client.credentials, undefined); // servers show nothing
 * await Promise.all([server.close(), client.close(), listener.close()]);
 * ```
 */
export interface Credentials {
  /** The user id that the peer's process acted for. */
  readonly uid: number;
  /** The process id that the peer gave. A claim, except with `"kernel"`. */
  readonly claimedPid: number;
  /** By files that only this user can have made, or by asking the kernel. */
  readonly how: "proof" | "kernel";
}

/**
 * One open byte stream, as the runtime gives it.
 *
 * A handle is made with reading stopped, and holds back every event until
 * `attach` has been called.
 */
export interface StreamHandle {
  /** Our own address. */
  readonly localAddress: Address;
  /** The peer's address. */
  readonly remoteAddress: Address;
  /** Who the peer is; absent where nobody asked, or on the side that was asked. */
  readonly credentials?: Credentials | undefined;
  /**
   * Whether a pending transmit still holds the bytes that it has not counted
   * (true), or has let go of them, since the runtime reports exact counts and
   * the driver will offer the rest again (false).
   */
  readonly holdsPending: boolean;
  /** Names who is told. Called once, before any other command. */
  attach(events: StreamEvents): void;
  /** Asks for data. Idempotent. */
  startRead(): void;
  /** Wants no data for now. Idempotent; what is under way may still arrive. */
  stopRead(): void;
  /**
   * Offers bytes to the system; never empty, and at most 64 KiB where it may
   * hold them (`holdsPending`).
   *
   * Returns how many were taken by now. If that is fewer than all, the
   * transmit is **pending**: the bytes stay lent to the adapter, and no other
   * transmit or shutdown comes, until the adapter calls `written(count)` with
   * how many more were taken (0 is allowed: "offer the rest again"). A failed
   * transmit ends in `closed(error)`.
   */
  transmit(bytes: Uint8Array): number;
  /**
   * Ends our direction (FIN). True if that is handed over by now, else
   * `shutdownDone` follows. Never called while a transmit is pending.
   */
  shutdown(): boolean;
  /**
   * Memory that `data` lent and the driver kept is not needed any more; called
   * at most once for each. For adapters that use it again.
   */
  giveBack?(bytes: Uint8Array): void;
  /**
   * Gives the descriptor back, without a reset as far as the system allows
   * (input that nobody read makes it a reset all the same). `closed` follows.
   */
  close(): void;
  /** Resets the connection where the runtime can, else closes it at once. `closed` follows. */
  abort(): void;
}

/** What an adapter tells about a connection being made: one of the two, once. */
export interface ConnectEvents {
  /** It stands. */
  connected(handle: StreamHandle): void;
  /** It does not, and nothing of it is left. */
  failed(error: SockeyeError): void;
}

/** What an adapter tells about a listener being made: one of the two, once. */
export interface ListenStartEvents {
  /** It stands. */
  listening(handle: ListenHandle): void;
  /** It does not, and nothing of it is left. */
  failed(error: SockeyeError): void;
}

/** Something under way that can be given up. */
export interface Pending {
  /**
   * Gives it up: none of its events is called from now on, and what it made
   * by then, or makes yet, is closed by the adapter.
   */
  cancel(): void;
}

/** What an adapter tells about a listener. */
export interface ListenEvents {
  /** A connection was accepted. */
  connection(handle: StreamHandle): void;
  /**
   * Accepting failed, and the listener stands. On a listener that accepts on
   * demand nothing is accepted until `startAccept` is called again.
   */
  acceptFailed(error: SockeyeError): void;
  /**
   * A client came and did not get through the handshake: it was told so, and
   * nothing of it is left. Says nothing about the listener.
   */
  refused(error: SockeyeError): void;
  /**
   * The listener is over, its descriptor and its name given back; once, and
   * last. An error says that nobody asked for it.
   */
  closed(error?: SockeyeError): void;
}

/** One listening socket, as the runtime gives it. Nothing is accepted before `attach`. */
export interface ListenHandle {
  /** Where it listens, with the port that the system chose. */
  readonly address: Address;
  /**
   * Whether a stopped listener truly leaves connections in the kernel's queue.
   * Where false, they are accepted eagerly and the driver holds them unread.
   */
  readonly acceptsOnDemand: boolean;
  /** Names who is told. Called once; accepting is stopped until `startAccept`. */
  attach(events: ListenEvents): void;
  /** Asks for connections. Idempotent. */
  startAccept(): void;
  /** Wants no connection for now. Idempotent; one under way may still come. */
  stopAccept(): void;
  /** Stops listening; accepted connections live on. `closed` follows. */
  close(): void;
}

/** Options of every connection, whichever side makes it. */
export interface StreamRequest {
  /** Send small writes at once (`TCP_NODELAY`, tcp(7)). */
  readonly noDelay: boolean;
  /** Let the kernel probe an idle peer (`SO_KEEPALIVE`, socket(7)). */
  readonly keepAlive: boolean;
  /** Idle time before the first keep-alive probe, ms; 0 leaves the system's. */
  readonly keepAliveDelay: number;
  /** The client shows who it is before any user data (`core/credentials.ts`). */
  readonly identify: boolean;
  /** How long the two sides may take to agree, ms, where they have to. */
  readonly handshakeTimeout: number;
}

/** Options of a connection being made, all decided and checked before. */
export interface ConnectRequest extends StreamRequest {
  /** The user id that must own the name on disk; undefined takes any. */
  readonly expectServer: number | undefined;
}

/** Options of a listener being made, all decided and checked before. */
export interface ListenRequest extends StreamRequest {
  /** User ids that may connect; undefined takes whomever the name's mode lets in. */
  readonly allowUsers: readonly number[] | undefined;
  /** Length of the kernel's queue of connections not accepted yet. */
  readonly backlog: number;
  /** Take IPv6 only, on an IPv6 wildcard. */
  readonly ipv6Only: boolean;
  /** Share a TCP port with others that ask for the same (SO_REUSEPORT, socket(7)). */
  readonly reusePort?: boolean;
  /** Permission bits of a name on disk. */
  readonly mode: number;
  /** Group id that is to own a name on disk; undefined leaves the process's. */
  readonly group: number | undefined;
}
