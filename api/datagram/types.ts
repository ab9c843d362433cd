/**
 * What users of datagrams hold and hand in: types only.
 *
 * @module
 */
import type { Address, AddressLike } from "../../core/address.ts";
import type { ReadinessSource } from "../source.ts";
import type { Op } from "../types.ts";

/**
 * One datagram, whole, as its sender sent it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind, type Datagram } from "@sockeye/net";
 *
 * const server = await bind("mem:server");
 * const client = await bind("mem:client");
 * await client.send(new Uint8Array([1, 2, 3]), "mem:server");
 * const { bytes, from }: Datagram = await server.receive();
 * assert.deepEqual([...bytes], [1, 2, 3]);
 * assert.deepEqual(from, client.localAddress); // an answer goes there
 * await Promise.all([client.close(), server.close()]);
 * ```
 */
export interface Datagram {
  /** Its bytes, perhaps none; yours to keep. */
  readonly bytes: Uint8Array;
  /**
   * Who sent it: an answer goes there. IPv6 in the form of RFC 5952, and IPv4
   * as such, also where an IPv6 socket received it.
   */
  readonly from: Address;
}

/**
 * Options of `bind`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind, type BindOptions } from "@sockeye/net";
 *
 * const options: BindOptions = {
 *   onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
 *   queueDatagrams: 16, // a flood costs no more
 * };
 * const server = await bind("mem:mirror", options);
 * const client = await bind("mem:looking");
 * await client.send(new Uint8Array([7]), "mem:mirror");
 * assert.deepEqual([...(await client.receive()).bytes], [7]);
 * await Promise.all([client.close(), server.close()]);
 * ```
 */
export interface BindOptions {
  /**
   * Called with each datagram, one after the other; then there is no `receive`.
   * A promise holds back the next until it settles, and what arrives
   * meanwhile is queued. What it throws goes to `onError`.
   */
  onDatagram?: (
    datagram: Datagram,
    socket: DatagramSocket,
  ) => void | Promise<void>;
  /**
   * Told what went wrong outside of any call: what `onDatagram` threw (default:
   * shown on standard error), and what the system tells of datagrams that it
   * took before, where no `receive` is told (default: ignored).
   */
  onError?: (error: unknown) => void;
  /** Datagrams that wait to be received; further ones are dropped. Default 1024. */
  queueDatagrams?: number;
  /** Bytes of datagrams that wait to be received; beyond it they are dropped. Default 4 MiB. */
  queueBytes?: number;
  /**
   * Bytes handed to `send` that the system has not taken, 256 added for each
   * datagram; above it, `send` rejects with `ENOBUFS`. Default 16 MiB.
   */
  maxQueued?: number;
  /** While closing: milliseconds for what was handed to `send`. Default 1000. */
  flushTimeout?: number;
  /** Allow sending to broadcast addresses (`SO_BROADCAST`). Default false: `EACCES`. */
  broadcast?: boolean;
  /** Let several sockets bind the address, to receive from one group (`SO_REUSEADDR`). Default false. */
  reuseAddress?: boolean;
  /** Take IPv6 only, on the IPv6 wildcard. Default false: IPv4 as well. */
  ipv6Only?: boolean;
  /** Hops that a datagram may take, 1 to 255. Default: the system's, 64. */
  ttl?: number;
  /** Hops of a datagram to a group, 0 to 255. Default: the system's, 1. */
  multicastTtl?: number;
  /** Whether this machine receives what it sends to a group. Default true. */
  multicastLoopback?: boolean;
  /** Name or address of the interface that datagrams to a group leave by. Default: the system's choice. */
  multicastInterface?: string;
  /** Bytes of the kernel's queue for what arrives (`SO_RCVBUF`). Default: the system's. */
  receiveBuffer?: number;
  /** Bytes of the kernel's queue for what is sent (`SO_SNDBUF`). Default: the system's. */
  sendBuffer?: number;
  /** Ends the start-up; a socket that stands is not touched. */
  signal?: AbortSignal;
}

/**
 * Counts of a datagram socket since it was bound.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { DatagramStats } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, bind, advance } = createSimulation();
 * await run(async () => {
 *   const server = await bind("mem:slow", { queueDatagrams: 1 });
 *   const client = await bind("mem:fast");
 *   for (const text of ["one", "two", "three"]) {
 *     await client.send(new TextEncoder().encode(text), "mem:slow");
 *   }
 *   await advance(1000);
 *   const { received, dropped }: DatagramStats = server.stats;
 *   assert.deepEqual([received, dropped], [1, 2]);
 *   await Promise.all([client.close(), server.close()]);
 * });
 * ```
 */
export interface DatagramStats {
  /** Datagrams that arrived and were kept for you. */
  readonly received: number;
  /** Datagrams that the system took from us; whether they arrived nobody knows. */
  readonly sent: number;
  /** Datagrams that arrived and were dropped, because the queue was full. */
  readonly dropped: number;
  /** Datagrams that arrived from others than the peer, and were dropped. */
  readonly filtered: number;
  /** Datagrams that wait to be received. */
  readonly waiting: number;
}

/**
 * A socket for datagrams: it sends to anyone, and receives from anyone, or
 * from its peer alone while it is connected.
 *
 * Nothing that a peer does or does not do closes it. As a
 * {@linkcode ReadinessSource} it is readable while a datagram or a failure
 * waits, and writable while `send` has not queued more than 64 KiB.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind, type DatagramSocket } from "@sockeye/net";
 *
 * async function answerOne(socket: DatagramSocket): Promise<void> {
 *   const { bytes, from } = await socket.receive();
 *   await socket.send(bytes, from);
 * }
 *
 * const server = await bind("mem:answers");
 * const client = await bind("mem:asks");
 * await client.connect("mem:answers"); // `send` needs no address now
 * await Promise.all([answerOne(server), client.send(new Uint8Array([42]))]);
 * assert.deepEqual([...(await client.receive()).bytes], [42]);
 * await Promise.all([client.close(), server.close()]);
 * ```
 */
export interface DatagramSocket
  extends AsyncDisposable, AsyncIterable<Datagram>, ReadinessSource {
  /** Where it is bound, with the port that the system chose. */
  readonly localAddress: Address;
  /** Its peer, while it is connected. */
  readonly remoteAddress: Address | undefined;
  /** Counts since it was bound; a fresh snapshot each time. */
  readonly stats: DatagramStats;
  /** Resolves when the socket is over and its descriptor given back; never rejects. */
  readonly closed: Promise<void>;
  /**
   * Sends a datagram; resolves when the system has taken it, which says nothing
   * about its arrival. Datagrams leave in the order of these calls.
   *
   * The bytes are lent until it settles. A name is looked up for each
   * datagram; connect, or send to an IP address, to do without. A timeout or
   * signal gives up what still waits; what the system has already been given
   * may go all the same. Who does not wait for it still catches what it
   * rejects with.
   *
   * @param to where to; without it, to the peer
   * @throws {SockeyeError} `EMSGSIZE` above 65,507 bytes (IPv6: 65,527),
   * `ENOTCONN` without an address and a peer, `ERR_SOCKEYE_STATE` with an
   * address although there is a peer, `EAFNOSUPPORT` for IPv6 from an IPv4
   * socket, `ENOTFOUND` for an unknown host, `EACCES` to a broadcast address
   * without the option, `ENETUNREACH`, … as sendto(2) says, `ENOBUFS` above
   * `maxQueued`, `ERR_SOCKEYE_CLOSED` after our own close, `ETIMEDOUT`; or
   * `signal.reason`.
   */
  send(bytes: Uint8Array, to?: AddressLike, op?: Op): Promise<void>;
  /**
   * Waits for a datagram. Several receives may wait: each is given one of its
   * own, the first that waits the first that arrives.
   *
   * @throws {SockeyeError} `ECONNREFUSED`, once, where nobody is at the peer's
   * address and the runtime tells so (the capability `udpRefused`); the socket
   * goes on. `ERR_SOCKEYE_CLOSED` after our own close, `ERR_SOCKEYE_STATE` with
   * `onDatagram`, `ETIMEDOUT`; or `signal.reason`.
   */
  receive(op?: Op): Promise<Datagram>;
  /** As `receive`, at once: `undefined` says that it would have to wait. */
  tryReceive(): Datagram | undefined;
  /**
   * Names the peer, also instead of another: `send` goes to it, and what others
   * send, or have sent and nobody received, is dropped. Nothing is sent to it;
   * what was handed to `send` before leaves before. A name is looked up once.
   *
   * @throws {SockeyeError} `EAFNOSUPPORT`, `ENOTFOUND`, `EACCES`, … as `send`,
   * `ERR_SOCKEYE_STATE` while another connect is on: then the peer before
   * stays. Or what the system says to it: then there is none.
   */
  connect(to: AddressLike, op?: Op): Promise<void>;
  /** Receives from anyone again. Does nothing without a peer. */
  disconnect(): void;
  /**
   * Receives what is sent to a group, at the port of the socket (bind the
   * wildcard, or the group itself).
   *
   * @param group an IPv4 or IPv6 address, as the socket's
   * @param interfaceName its name or address. Default: the system's choice
   * @throws {SockeyeError} `EINVAL` for what is no group, `EAFNOSUPPORT` for
   * one of the other family, `EADDRINUSE` if it is joined already, `ENODEV`
   * for an unknown interface, … as `IP_ADD_MEMBERSHIP` in ip(7)
   */
  joinGroup(group: string, interfaceName?: string): void;
  /**
   * Leaves a group that was joined with these words.
   *
   * @throws {SockeyeError} `EADDRNOTAVAIL` if it was not
   */
  leaveGroup(group: string, interfaceName?: string): void;
  /**
   * Sends what was handed to `send`, for at most `flushTimeout`, drops what
   * nobody received, and closes. Waiting receives end.
   */
  close(): Promise<void>;
}
