/**
 * One connection of `node:net`, as the contract wants it.
 *
 * It reads through `onread`, into a buffer of its own: no copy and no chunk in
 * the stream's queue, which a reset would drop. One connection then carries
 * about twice the bytes for a second of CPU than by `data` events. Where `onread`
 * is ignored (accepted sockets on Deno and Bun, and those that another process
 * hands over) the `data` events come, and are taken: so it passes the tests of
 * the contract and of conformance on all three.
 *
 * @module
 */
import type { OnReadOpts, Socket } from "node:net";
import type { Address } from "../../../core/address.ts";
import type { SockeyeError } from "../../../core/error.ts";
import type { StreamEvents, StreamHandle } from "../../../core/transport.ts";
import { translateError } from "../errors.ts";
import { firstBuffer, nextBuffer, otherBuffer, reuse } from "../buffers.ts";
import { lendSocket, type LentSocket } from "../programs/lent_socket.ts";
import { holdEnd, whenSure } from "./end.ts";
import { NetWrites } from "./writes.ts";

/** The stream behind a socket, so that its listeners need no closure each. */
const owner: unique symbol = Symbol("sockeye");

interface OwnedSocket extends Socket {
  [owner]?: NetStream;
}

/** Where a socket's bytes go, before there is a socket. */
export class Reading {
  stream: NetStream | undefined;
  buffer: Uint8Array = firstBuffer();

  /** The option `onread` of `node:net`. */
  readonly options: OnReadOpts = {
    // Called before the first read, and after each.
    buffer: () => this.buffer,
    callback: onRead,
  };
}

/** A socket of `node:net`; connected, and reading nothing yet. */
export class NetStream implements StreamHandle {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** libuv keeps what the system did not take, and does not say how much that is. */
  readonly holdsPending = true;

  readonly #socket: OwnedSocket;
  readonly #reading: Reading;
  readonly #canReset: boolean;
  readonly #writes: NetWrites;
  #events: StreamEvents | undefined;
  #wantsData = false;
  #shutdown: "no" | "pending" | "done" = "no";
  /** The end was asked for here, so no error is told. */
  #asked = false;
  #error: SockeyeError | undefined;
  #over = false;

  constructor(
    socket: Socket,
    reading: Reading,
    local: Address,
    remote: Address,
  ) {
    this.localAddress = local;
    this.remoteAddress = remote;
    this.#socket = socket;
    this.#reading = reading;
    this.#canReset = local.transport === "tcp";
    this.#writes = new NetWrites(socket, (count) => {
      this.#events?.written(count);
    });
    reading.stream = this;
    this.#socket[owner] = this;
    socket.on("error", onError);
    socket.on("end", onEnd);
    socket.on("finish", onFinish);
    socket.on("close", onClose);
    socket.on("data", onData);
    holdEnd(socket);
  }

  /**
   * Gives its socket away, before anybody was attached; undefined if it is over
   * already.
   */
  release(): Socket | undefined {
    const socket = this.#socket;
    socket.off("error", onError);
    socket.off("end", onEnd);
    socket.off("finish", onFinish);
    socket.off("close", onClose);
    socket.off("data", onData);
    reuse(this.#reading.buffer);
    // An error that comes meanwhile is the receiver's to find.
    socket.on("error", () => {});
    return socket.destroyed ? undefined : socket;
  }

  /**
   * Lends its descriptor to a program, before anybody was attached; undefined if
   * it is over already.
   */
  lend(): LentSocket | undefined {
    const socket = this.#socket;
    return socket.destroyed ? undefined : lendSocket(socket);
  }

  /** Bytes that another process had read of it already: they come first. */
  putBack(head: Uint8Array): void {
    this.#socket.unshift(head);
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    // Over before anybody was told: a reset that came with the connection.
    if (this.#over) events.closed(this.#error);
  }

  startRead(): void {
    if (this.#wantsData) return;
    this.#wantsData = true;
    this.#socket.resume();
  }

  stopRead(): void {
    if (!this.#wantsData) return;
    this.#wantsData = false;
    this.#socket.pause();
  }

  transmit(bytes: Uint8Array): number {
    return this.#writes.transmit(bytes);
  }

  shutdown(): boolean {
    this.#shutdown = "pending";
    this.#socket.end();
    return false;
  }

  giveBack({ buffer }: Uint8Array): void {
    reuse(new Uint8Array(buffer));
  }

  close(): void {
    if (this.#socket.destroyed) return;
    this.#asked = true;
    this.#socket.destroy();
  }

  abort(): void {
    if (this.#socket.destroyed) return;
    this.#asked = true;
    if (!this.#canReset) this.#socket.destroy();
    // libuv refuses a reset while a shutdown is under way (EINVAL), and Node
    // then forgets the descriptor (20, 22, 24). It is done in the next turn.
    else if (this.#shutdown === "pending") this.stopRead();
    else this.#socket.resetAndDestroy();
  }

  // What the socket tells

  received(bytes: Uint8Array): void {
    const reading = this.#reading;
    const { buffer } = reading;
    const kept = this.#events!.data(bytes, true);
    reading.buffer = kept
      ? otherBuffer(buffer, bytes.length)
      : nextBuffer(buffer, bytes.length);
  }

  receivedOwn(chunk: Uint8Array): void {
    // Not a Buffer: its slice() means another thing than on other runtimes.
    const { buffer, byteOffset, length } = chunk;
    this.#events?.data(new Uint8Array(buffer, byteOffset, length), false);
  }

  ended(): void {
    whenSure(this.#socket, () => {
      if (!this.#asked) this.#events?.readClosed();
    });
  }

  finished(): void {
    this.#shutdown = "done";
    if (!this.#asked) this.#events?.shutdownDone();
    else if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }

  failed(error: Error): void {
    if (!this.#asked) this.#error ??= translateError(error);
  }

  closed(): void {
    this.#over = true;
    reuse(this.#reading.buffer);
    this.#events?.closed(this.#error);
  }
}

function onRead(this: unknown, count: number, buffer: Uint8Array): boolean {
  const stream = (this as OwnedSocket)[owner];
  stream?.received(buffer.subarray(0, count));
  return true;
}

function onData(this: OwnedSocket, chunk: Uint8Array): void {
  this[owner]!.receivedOwn(chunk);
}

function onEnd(this: OwnedSocket): void {
  this[owner]!.ended();
}

function onFinish(this: OwnedSocket): void {
  this[owner]!.finished();
}

function onError(this: OwnedSocket, error: Error): void {
  // What the stream has queued came before the error, and is told first.
  for (;;) {
    const chunk: Uint8Array | null = this.read();
    if (chunk === null) break;
    this[owner]!.receivedOwn(chunk);
  }
  this[owner]!.failed(error);
}

function onClose(this: OwnedSocket): void {
  this[owner]!.closed();
}
