/**
 * The part of the contract (`transport.ts`) that is about datagrams; its rules
 * hold here too.
 *
 * @module
 */
import type { Address } from "../address.ts";
import type { SockeyeError } from "../error.ts";

/** Options of a socket being bound, all decided and checked before; undefined leaves the system's. */
export interface BindRequest {
  /** Allow sending to broadcast addresses (`SO_BROADCAST`, socket(7)). */
  readonly broadcast: boolean;
  /** Let several sockets bind the address, for multicast (`SO_REUSEADDR`). */
  readonly reuseAddress: boolean;
  /** Take IPv6 only, on an IPv6 wildcard. */
  readonly ipv6Only: boolean;
  /** Hops that a datagram may take (`IP_TTL`, ip(7)). */
  readonly ttl: number | undefined;
  /** Hops of a datagram to a group (`IP_MULTICAST_TTL`). */
  readonly multicastTtl: number | undefined;
  /** Whether this machine gets what it sends to a group (`IP_MULTICAST_LOOP`). */
  readonly multicastLoopback: boolean | undefined;
  /** Name or address of the interface that datagrams to a group leave by (`IP_MULTICAST_IF`). */
  readonly multicastInterface: string | undefined;
  /** Bytes of the kernel's queue of what arrived (`SO_RCVBUF`); it doubles them, and has a limit. */
  readonly receiveBuffer: number | undefined;
  /** Bytes of the kernel's queue of what is to go out (`SO_SNDBUF`), likewise. */
  readonly sendBuffer: number | undefined;
}

/** What an adapter tells about a socket being bound: one of the two, once. */
export interface BindEvents {
  /** It stands. */
  bound(handle: DatagramHandle): void;
  /** It does not, and nothing of it is left. */
  failed(error: SockeyeError): void;
}

/**
 * What an adapter tells about a bound socket. Tokens are what the driver
 * handed in with the command, whatever that is.
 */
export interface DatagramEvents {
  /** A datagram arrived, perhaps of no bytes; the bytes are the driver's. */
  datagram(bytes: Uint8Array, from: Address): void;
  /** The system took a datagram, or did not. */
  sent(token: unknown, error?: SockeyeError): void;
  /** The address of a host that was looked up, or why there is none. */
  found(token: unknown, host: string, error?: SockeyeError): void;
  /** The system knows the peer now, or cannot have it for one. */
  connected(error?: SockeyeError): void;
  /** The system tells of a datagram that it took before. The socket stands. */
  failed(error: SockeyeError): void;
  /**
   * The socket is over and its descriptor given back; once, and last. Of
   * datagrams under way no more is told. An error says that nobody asked for it.
   */
  over(error?: SockeyeError): void;
}

/** One bound socket, as the runtime gives it. */
export interface DatagramHandle {
  /** Where it is bound, with the port that the system chose. */
  readonly localAddress: Address;
  /** Sends that may be under way at once without changing places. */
  readonly sendsAtOnce: number;
  /** Names who is told. Called once, before any other command. */
  attach(events: DatagramEvents): void;
  /**
   * Looks up a host name, for an address of a family that the socket can send
   * to; `found` follows, never before this returns.
   */
  lookup(host: string, token: unknown): void;
  /**
   * Hands a datagram to the system, for an IP address (or name in memory):
   * that of the peer, if there is one. The bytes stay lent until `sent`, which
   * may come before this returns.
   */
  send(bytes: Uint8Array, to: Address, token: unknown): void;
  /**
   * Names the peer by its IP address, also instead of another; `connected`
   * follows. Never called while a send is under way.
   */
  connect(to: Address): void;
  /** Has no peer any more. */
  disconnect(): void;
  /**
   * Joins a group, on an interface by its name or address, or on the system's choice.
   *
   * @throws {SockeyeError} as the system says
   */
  join(group: string, interfaceName: string | undefined): void;
  /** Leaves a group that was joined so. @throws {SockeyeError} as the system says */
  leave(group: string, interfaceName: string | undefined): void;
  /** Gives the descriptor back. `over` follows. Idempotent. */
  close(): void;
}
