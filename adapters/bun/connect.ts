/// <reference types="bun-types" />
/**
 * Connecting by Bun's own API.
 *
 * @module
 */
import type { Address, TcpAddress, UnixAddress } from "../../core/address.ts";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
} from "../../core/transport.ts";
import { translateError } from "../_shared/errors.ts";
import { systemPath } from "../_shared/unix_address.ts";
import { descriptorsExhausted } from "./reserve.ts";
import {
  type BunSocket,
  BunStream,
  localAddressOf,
  type Opener,
  remoteAddressOf,
  setOptions,
  socketHandlers,
} from "./stream.ts";
import { askPath } from "./unix_probe.ts";

/** Connects to a TCP or Unix address. */
export function connectStream(
  to: TcpAddress | UnixAddress,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  const connecting = new Connecting(to, request, events);
  connecting.start();
  return connecting;
}

/**
 * A connection being made.
 *
 * Bun reports a failure twice, by `connectError()` and by the promise; the
 * first counts. It cannot be told to give up: a connection that opens after
 * `cancel()` is reset, and nobody hears of it.
 */
class Connecting implements Opener, Pending {
  readonly #to: TcpAddress | UnixAddress;
  readonly #request: ConnectRequest;
  #events: ConnectEvents | undefined;
  #settled = false;

  constructor(
    to: TcpAddress | UnixAddress,
    request: ConnectRequest,
    events: ConnectEvents,
  ) {
    this.#to = to;
    this.#request = request;
    this.#events = events;
  }

  start(): void {
    this.#dial().catch((error) => this.failed(error));
  }

  cancel(): void {
    this.#events = undefined;
  }

  opened(socket: BunSocket): void {
    this.#settled = true;
    const events = this.#events;
    if (events === undefined) return socket.terminate();
    const stream = this.#toStream(socket);
    socket.data = stream;
    events.connected(stream);
    stream.opened();
  }

  failed(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#events?.failed(this.#explain(error));
  }

  // Asynchronous, so that what Bun throws at once comes the same way.
  async #dial(): Promise<void> {
    const to = this.#to;
    const common = {
      allowHalfOpen: true,
      socket: socketHandlers,
      data: this as Opener,
    };
    if (to.transport === "tcp") {
      const { host, port } = to;
      await Bun.connect<Opener | BunStream>({
        hostname: host,
        port,
        ...common,
      });
    } else {
      await Bun.connect<Opener | BunStream>({
        unix: systemPath(to),
        ...common,
      });
    }
  }

  #toStream(socket: BunSocket): BunStream {
    if (this.#to.transport === "unix") {
      const local: Address = { transport: "unix", path: "" };
      return new BunStream(socket, local, this.#to);
    }
    setOptions(socket, this.#request);
    // The system forgets both ends of a connection that was reset already.
    const remote = socket.remotePort ? remoteAddressOf(socket) : this.#to;
    return new BunStream(socket, localAddressOf(socket), remote);
  }

  /** Bun says ECONNREFUSED for much else; see `unix_probe.ts`. */
  #explain(error: unknown): SockeyeError {
    const translated = translateError(error);
    if (translated.code !== "ECONNREFUSED") return translated;
    const code = descriptorsExhausted() ?? this.#unixCode();
    if (code === undefined) return translated;
    return new SockeyeError(code, translated.message, { cause: error });
  }

  #unixCode(): ErrorCode | undefined {
    if (this.#to.transport !== "unix") return undefined;
    const standing = askPath(systemPath(this.#to));
    // Somebody is there and Bun was refused: his queue is full.
    if (standing === "stream") return "EAGAIN";
    return standing === "datagram" ? "EPROTO" : standing;
  }
}
