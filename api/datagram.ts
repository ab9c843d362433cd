/**
 * Binding, and what it gives: a socket for datagrams.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
} from "../core/address.ts";
import { checkGroup } from "../core/datagram/address.ts";
import type {
  DatagramEvents,
  DatagramHandle,
} from "../core/datagram/transport.ts";
import { SockeyeError } from "../core/error.ts";
import { ERROR, GONE, HUP, READABLE, WRITABLE } from "../core/readiness.ts";
import type { Runtime } from "../core/runtime.ts";
import { explain } from "./acceptor.ts";
import { DatagramInbox } from "./datagram/inbox.ts";
import { bindRequestOf, datagramLimitsOf } from "./datagram/options.ts";
import { DatagramParts } from "./datagram/parts.ts";
import { DatagramPeer, Naming } from "./datagram/peer.ts";
import { DatagramSender } from "./datagram/sender.ts";
import type { Sending } from "./datagram/sending.ts";
import type {
  BindOptions,
  Datagram,
  DatagramSocket,
  DatagramStats,
} from "./datagram/types.ts";
import type { Op } from "./types.ts";
import { checkSignal } from "./wait.ts";

/** Binds over a runtime; see `bind` in `mod.ts`. */
export function bindOver(
  runtime: Runtime,
  at: AddressLike,
  options: BindOptions,
): Promise<DatagramSocket> {
  const address = bindable(parseAddress(at));
  const request = bindRequestOf(options);
  datagramLimitsOf(options);
  const { signal } = options;
  checkSignal(signal);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      pending.cancel();
      reject(signal!.reason);
    };
    const pending = runtime.bind(address, request, {
      bound(handle): void {
        signal?.removeEventListener("abort", onAbort);
        resolve(new BoundSocket(runtime, handle, options));
      },
      failed(error): void {
        signal?.removeEventListener("abort", onAbort);
        reject(explain(error, `bind ${formatAddress(address)}`));
      },
    });
    signal?.addEventListener("abort", onAbort);
  });
}

function bindable(address: Address): Address {
  const { transport } = address;
  if (transport === "udp" || transport === "mem") return address;
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot bind ${formatAddress(address)}: ` +
      `${transport} carries streams, use listen or connect`,
  );
}

/** A socket over a handle. */
class BoundSocket implements DatagramSocket, DatagramEvents {
  readonly runtime: Runtime;
  readonly closed: Promise<void>;
  readonly #parts: DatagramParts;
  readonly #sender: DatagramSender;
  readonly #inbox: DatagramInbox;
  readonly #peer: DatagramPeer;
  readonly #groups: Set<string> = new Set();
  #closedByUs = false;
  #resolveClosed!: () => void;

  constructor(runtime: Runtime, handle: DatagramHandle, options: BindOptions) {
    this.runtime = runtime;
    const parts = new DatagramParts(runtime, handle, datagramLimitsOf(options));
    this.#parts = parts;
    this.#sender = new DatagramSender(parts);
    this.#inbox = new DatagramInbox(parts, this, options);
    this.#peer = new DatagramPeer(parts);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    handle.attach(this);
  }

  get localAddress(): Address {
    return this.#parts.local;
  }
  get remoteAddress(): Address | undefined {
    return this.#parts.machine.peer;
  }
  get stats(): DatagramStats {
    const { counts, waiting } = this.#parts.machine;
    return { ...counts, waiting };
  }

  send(bytes: Uint8Array, to?: AddressLike, op?: Op): Promise<void> {
    return this.#sender.send(bytes, to, op);
  }

  receive(op?: Op): Promise<Datagram> {
    return this.#inbox.receive(op);
  }

  tryReceive(): Datagram | undefined {
    return this.#inbox.tryReceive();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Datagram> {
    for (;;) {
      const datagram = await this.#inbox.next();
      if (datagram === undefined) return;
      yield datagram;
    }
  }

  connect(to: AddressLike, op?: Op): Promise<void> {
    return this.#peer.connect(to, op);
  }

  disconnect(): void {
    this.#peer.disconnect();
  }

  close(): Promise<void> {
    if (this.#closedByUs) return this.closed;
    this.#closedByUs = true;
    const { machine, watchers } = this.#parts;
    machine.close(this.runtime.now());
    this.#inbox.end();
    this.#peer.end();
    this.runtime.defer(() => watchers.tell(GONE));
    this.#sender.drain();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Groups

  joinGroup(group: string, interfaceName?: string): void {
    const key = this.#checkGroup("join", group, interfaceName);
    if (this.#groups.has(key)) {
      throw this.#parts.failure("EADDRINUSE", `join group ${key} at`, {
        words: "it was joined before",
      });
    }
    try {
      this.#parts.handle.join(group, interfaceName);
    } catch (error) {
      throw explain(error as SockeyeError, `join group ${key}`);
    }
    this.#groups.add(key);
  }

  leaveGroup(group: string, interfaceName?: string): void {
    const key = this.#checkGroup("leave", group, interfaceName);
    if (!this.#groups.delete(key)) {
      throw this.#parts.failure("EADDRNOTAVAIL", `leave group ${key} at`, {
        words: "it was not joined",
      });
    }
    try {
      this.#parts.handle.leave(group, interfaceName);
    } catch (error) {
      throw explain(error as SockeyeError, `leave group ${key}`);
    }
  }

  /** The words of a membership, if there may be one. */
  #checkGroup(
    action: string,
    group: string,
    interfaceName: string | undefined,
  ): string {
    const key = interfaceName === undefined
      ? String(group)
      : `${group} on ${interfaceName}`;
    const code = typeof group !== "string"
      ? "EINVAL"
      : this.#parts.machine.state !== "open"
      ? "ERR_SOCKEYE_CLOSED"
      : checkGroup(this.localAddress, group);
    if (interfaceName !== undefined && typeof interfaceName !== "string") {
      throw this.#parts.failure("EINVAL", `${action} group ${key} at`, {
        words: "the interface is no string",
      });
    }
    if (code === undefined) return key;
    throw this.#parts.failure(code, `${action} group ${key} at`, {
      ...(code === "EINVAL" && { words: "it is no multicast address" }),
      ...(code === "ERR_SOCKEYE_UNSUPPORTED" && {
        words: "the simulated network has no groups",
      }),
    });
  }

  // What the handle tells

  datagram(bytes: Uint8Array, from: Address): void {
    this.#inbox.arrived(bytes, from);
    if (this.#parts.machine.waiting > 0) this.#parts.watchers.tell(READABLE);
  }

  failed(error: SockeyeError): void {
    this.#parts.machine.handleFailed(error.code);
    this.#tellFailure();
  }

  #tellFailure(): void {
    this.#inbox.pump();
    const { machine, watchers } = this.#parts;
    if (machine.hasFailure) watchers.tell(READABLE | ERROR);
  }

  sent(token: unknown, error?: SockeyeError): void {
    this.#sender.sent(token as Sending, error);
    if (this.#parts.machine.hasFailure) {
      this.runtime.defer(() => this.#tellFailure());
    }
  }

  found(token: unknown, host: string, error?: SockeyeError): void {
    if (token instanceof Naming) this.#peer.found(token, host, error);
    else this.#sender.found(token as Sending, host, error);
  }

  connected(error?: SockeyeError): void {
    this.#peer.connected(error);
  }

  over(error?: SockeyeError): void {
    this.#parts.machine.handleClosed();
    this.#inbox.end();
    this.#peer.end();
    this.#sender.end(error);
    if (error !== undefined) this.#inbox.report(error);
    this.runtime.defer(() => this.#parts.watchers.tell(HUP));
    this.#resolveClosed();
  }

  // Readiness

  get readiness(): number {
    const { machine } = this.#parts;
    if (this.#closedByUs) return GONE;
    if (machine.state === "closed") return HUP;
    return (machine.readable ? READABLE : 0) |
      (machine.hasFailure ? ERROR : 0) |
      (machine.writable ? WRITABLE : 0);
  }

  watch(listener: (arrived: number) => void): () => void {
    return this.#parts.watchers.add(listener);
  }
}
