/**
 * Datagrams by `node:dgram`, on all three runtimes.
 *
 * Deno and Bun have sockets of their own. Deno's exist only with
 * `--unstable-net`, which a library cannot ask of its users. Bun's takes no
 * names, and is little faster: processor time of an echo of 64 bytes, both
 * ends in one process, 64 under way, µs (one run; Node 20, Deno 2.9, Bun 1.4):
 *
 * |      | node:dgram | own |
 * | ---- | ---------: | --: |
 * | Node |         15 |   – |
 * | Deno |         51 |  36 |
 * | Bun  |         13 |  11 |
 *
 * `dgram` is given IP addresses alone: by itself it looks even those up, which
 * costs a turn and, where an answer comes late, the order of datagrams.
 *
 * @module
 */
import {
  createSocket,
  type RemoteInfo,
  type Socket,
  type SocketOptions,
} from "node:dgram";
import { lookup } from "node:dns";
import type { Address, UdpAddress } from "../../core/address.ts";
import type {
  BindEvents,
  BindRequest,
  DatagramEvents,
  DatagramHandle,
} from "../../core/datagram/transport.ts";
import type { SockeyeError } from "../../core/error.ts";
import { familyOf, mappedHost } from "../../core/datagram/ip.ts";
import type { Pending } from "../../core/transport.ts";
import { interfaceFor, type Interfaces } from "./datagram/interfaces.ts";

/** What the runtimes do differently. */
export interface DgramTraits {
  translate(error: unknown): SockeyeError;
  /** The error of a send, where its code alone does not tell. */
  translateSend(
    error: unknown,
    from: UdpAddress,
    to: UdpAddress,
  ): SockeyeError;
  /**
   * Whether a connect reaches the kernel, which then tells of refusals and
   * filters; else the driver's filter does all there is.
   */
  readonly connects: boolean;
  /** See `DatagramHandle.sendsAtOnce`. */
  readonly sendsAtOnce: number;
  /** Whether the sizes of the kernel's queues can be set. */
  readonly setsBuffers: boolean;
  /** The machine's interfaces; undefined where they may not be looked at. */
  interfaces(): Interfaces | undefined;
}

/** Tries of an ephemeral port, one after the other. */
const mostTries = 16;

/** See `Runtime.bind`. */
export function bindDatagram(
  at: UdpAddress,
  request: BindRequest,
  events: BindEvents,
  traits: DgramTraits,
): Pending {
  let cancelled = false;
  bindSocket(at, request, traits).then((handle) => {
    if (cancelled) handle.close();
    else events.bound(handle);
  }, (error) => {
    if (!cancelled) events.failed(traits.translate(error));
  });
  return { cancel: () => void (cancelled = true) };
}

async function bindSocket(
  at: UdpAddress,
  request: BindRequest,
  traits: DgramTraits,
): Promise<DgramHandle> {
  const host = await findHost(at.host, 0);
  const make = (): Socket => createSocket(optionsOf(host, request));
  if (at.port !== 0 || !traits.connects) {
    return new DgramHandle(
      await bound(make(), host, at.port),
      request,
      traits,
    );
  }
  // The port that the kernel chose for a socket is lost when the socket is
  // disconnected (`__udp_disconnect` in net/ipv4/udp.c); one that was asked
  // for stays. So it is asked for.
  for (let tries = 1;; tries++) {
    const scout = await bound(createSocket(optionsOf(host)), host, 0);
    const { port } = scout.address();
    scout.close();
    try {
      return new DgramHandle(await bound(make(), host, port), request, traits);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== "EADDRINUSE" || tries === mostTries) throw error;
    }
  }
}

/** The family decides what kind of socket it is; some runtimes let it be the wrong one. */
function optionsOf(host: string, request?: BindRequest): SocketOptions {
  return {
    type: familyOf(host) === 6 ? "udp6" : "udp4",
    reuseAddr: request?.reuseAddress ?? false,
    ipv6Only: request?.ipv6Only ?? false,
    // By default `dgram` asks the resolver for IP addresses too, a turn later.
    lookup: (host, _options, callback) =>
      callback(null, host, familyOf(host) === 6 ? 6 : 4),
  };
}

/** Binds; what fails leaves nothing. */
function bound(socket: Socket, host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", fail);
    socket.once("listening", () => {
      socket.off("error", fail);
      // What nobody listens to ends the process.
      socket.on("error", () => {});
      resolve(socket);
    });
    try {
      // Deno throws for a permission that it lacks.
      socket.bind(port, host);
    } catch (error) {
      fail(error);
    }
  });
}

/** An IP address of a host, of one family or, with 0, of any. */
function findHost(host: string, family: 0 | 4 | 6): Promise<string> {
  if (familyOf(host) !== 0) return Promise.resolve(host);
  return new Promise((resolve, reject) => {
    lookup(host, { family }, (error, address) => {
      if (error === null) resolve(address);
      else reject(error);
    });
  });
}

/** A send that is under way; used again for the next. */
class Slot {
  readonly #owner: DgramHandle;
  token: unknown;
  to: UdpAddress | undefined;

  constructor(owner: DgramHandle) {
    this.#owner = owner;
  }

  readonly done = (error?: unknown): void => {
    this.#owner.onSent(this, error);
  };
}

/** One bound socket. */
class DgramHandle implements DatagramHandle {
  readonly localAddress: UdpAddress;
  readonly sendsAtOnce: number;
  readonly #socket: Socket;
  readonly #traits: DgramTraits;
  readonly #isIPv6: boolean;
  /** The family of what names are looked up for. */
  readonly #family: 0 | 4 | 6;
  readonly #slots: Slot[] = [];
  #events: DatagramEvents | undefined;
  /** What came before `attach`. */
  #early: (() => void)[] = [];
  #from: UdpAddress | undefined;
  #isConnected = false;
  #closed = false;

  /** @throws what the runtime says to an option; the socket is closed then. */
  constructor(socket: Socket, request: BindRequest, traits: DgramTraits) {
    const { address, port } = socket.address();
    this.localAddress = udpAddress(address, port);
    this.sendsAtOnce = traits.sendsAtOnce;
    this.#socket = socket;
    this.#traits = traits;
    this.#isIPv6 = familyOf(address) === 6;
    const reachesAll = address === "::" && !request.ipv6Only;
    this.#family = reachesAll ? 0 : this.#isIPv6 ? 6 : 4;
    socket.on("message", this.#onMessage);
    socket.on("error", (error) => this.#onError(error));
    socket.on("close", () => this.#tell((events) => events.over()));
    try {
      this.#configure(request);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #configure(request: BindRequest): void {
    const socket = this.#socket;
    const { ttl, multicastTtl, multicastLoopback } = request;
    const { multicastInterface, receiveBuffer, sendBuffer } = request;
    if (request.broadcast) socket.setBroadcast(true);
    if (ttl !== undefined) socket.setTTL(ttl);
    if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
    if (multicastLoopback !== undefined) {
      socket.setMulticastLoopback(multicastLoopback);
    }
    if (multicastInterface !== undefined) {
      socket.setMulticastInterface(this.#interface(multicastInterface));
    }
    if (!this.#traits.setsBuffers) return;
    if (receiveBuffer !== undefined) socket.setRecvBufferSize(receiveBuffer);
    if (sendBuffer !== undefined) socket.setSendBufferSize(sendBuffer);
  }

  attach(events: DatagramEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    // Not within the call that attaches.
    if (early.length > 0) queueMicrotask(() => early.forEach((tell) => tell()));
  }

  lookup(host: string, token: unknown): void {
    findHost(host, this.#family).then(
      (found) => this.#events!.found(token, found),
      (error) =>
        this.#events!.found(token, host, this.#traits.translate(error)),
    );
  }

  send(bytes: Uint8Array, to: Address, token: unknown): void {
    const { host, port } = to as UdpAddress;
    const slot = this.#slots.pop() ?? new Slot(this);
    slot.token = token;
    slot.to = to as UdpAddress;
    try {
      // To a connected socket an address is an error.
      if (this.#isConnected) this.#socket.send(bytes, slot.done);
      else this.#socket.send(bytes, port, this.#spelt(host), slot.done);
    } catch (error) {
      queueMicrotask(() => slot.done(error));
    }
  }

  onSent(slot: Slot, error: unknown): void {
    const { token, to } = slot;
    slot.token = undefined;
    slot.to = undefined;
    this.#slots.push(slot);
    if (this.#closed) return;
    if (!error) return this.#events!.sent(token);
    const told = this.#traits.translateSend(error, this.localAddress, to!);
    this.#events!.sent(token, told);
  }

  connect(to: Address): void {
    const { host, port } = to as UdpAddress;
    if (!this.#traits.connects) {
      return queueMicrotask(() => this.#events!.connected());
    }
    this.disconnect();
    const done = (error?: unknown): void => {
      if (this.#closed) return;
      this.#isConnected = !error;
      const told = error ? this.#traits.translate(error) : undefined;
      this.#events!.connected(told);
    };
    try {
      this.#socket.connect(port, this.#spelt(host), done);
    } catch (error) {
      queueMicrotask(() => done(error));
    }
  }

  disconnect(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#socket.disconnect();
  }

  join(group: string, interfaceName: string | undefined): void {
    this.#withGroup("addMembership", group, interfaceName);
  }

  leave(group: string, interfaceName: string | undefined): void {
    this.#withGroup("dropMembership", group, interfaceName);
  }

  #withGroup(
    call: "addMembership" | "dropMembership",
    group: string,
    interfaceName: string | undefined,
  ): void {
    try {
      if (interfaceName === undefined) this.#socket[call](group);
      else this.#socket[call](group, this.#interface(interfaceName));
    } catch (error) {
      throw this.#traits.translate(error);
    }
  }

  #interface(name: string): string {
    return interfaceFor(name, this.#isIPv6, this.#traits.interfaces);
  }

  /** Some runtimes take an IPv4 address for an IPv6 socket as it is. */
  #spelt(host: string): string {
    return this.#isIPv6 ? mappedHost(host) : host;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  readonly #onMessage = (message: Uint8Array, info: RemoteInfo): void => {
    const from = this.#addressOf(info);
    const bytes = own(message);
    if (this.#events !== undefined) this.#events.datagram(bytes, from);
    else this.#early.push(() => this.#events!.datagram(bytes, from));
  };

  /** Most datagrams come from the sender of the one before. */
  #addressOf({ address, port }: RemoteInfo): UdpAddress {
    const from = this.#from;
    if (from?.host === address && from.port === port) return from;
    return this.#from = udpAddress(address, port);
  }

  #onError(error: unknown): void {
    const told = this.#traits.translate(error);
    // Bun tells of a datagram that was too long twice: also to its sender.
    if (told.code === "EMSGSIZE") return;
    this.#tell((events) => events.failed(told));
  }

  #tell(what: (events: DatagramEvents) => void): void {
    const events = this.#events;
    if (events !== undefined) what(events);
    else this.#early.push(() => what(this.#events!));
  }
}

function udpAddress(host: string, port: number): UdpAddress {
  return { transport: "udp", host, port };
}

/**
 * A plain array for the user. Deno reads each datagram into 64 KiB of its own:
 * what would hold much more than its bytes is copied.
 */
function own(message: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = message;
  return 2 * length < buffer.byteLength
    ? new Uint8Array(message)
    : new Uint8Array(buffer, byteOffset, length);
}
