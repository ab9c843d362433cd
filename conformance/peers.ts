/**
 * Foreign peers: bare `node:net` at the other end, so that a fault of the
 * library cannot hide behind the same fault at its own other end. Over `mem`,
 * which has no foreigners, the library plays the part.
 */
import { Buffer } from "node:buffer";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { FifoForeign } from "./fifo_peers.ts";
import type { Scratch } from "./scratch.ts";
import type { Connection, Listener } from "../api/types.ts";
import { parseAddress } from "../mod.ts";
import type { AddressLike } from "../core/address.ts";
import type { Subject } from "./subject.ts";

/** One end of a connection, held by a foreigner. */
export interface Peer {
  /** Bytes that arrived so far. */
  readonly received: number;
  /** What arrived so far. */
  bytes(): Uint8Array;
  /** Resolves with `end`, or with the code of the error that came instead. */
  readonly over: Promise<string>;
  /** Resolves when the bytes have been handed to the system. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends its direction, with these as the last bytes if given. */
  end(bytes?: Uint8Array): Promise<void>;
  /** Sends a reset; over a Unix socket only if it has left bytes unread. */
  reset(): void;
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Closes without further ado. */
  destroy(): Promise<void>;
}

export interface ForeignServer {
  /** Where to connect to. */
  readonly address: string;
  accept(): Promise<Peer>;
  close(): Promise<void>;
}

/** A peer that is destroyed waits for nobody. */
const noLinger = { lingerTimeout: 0, flushTimeout: 100 };

/** Makes foreign peers for one transport. */
export class Foreign {
  readonly #subject: Subject;
  readonly #scratch: Scratch;
  readonly #fifos: FifoForeign = new FifoForeign();

  constructor(subject: Subject, scratch: Scratch) {
    this.#subject = subject;
    this.#scratch = scratch;
  }

  async connect(
    to: AddressLike,
    options?: { paused?: boolean },
  ): Promise<Peer> {
    if (this.#subject.transport === "mem") {
      return new MemPeer(await this.#subject.connect(to, noLinger), options);
    }
    if (this.#subject.transport === "fifo") {
      return await this.#fifos.connect(pathOf(to), options);
    }
    const socket = connect({ ...netAddress(to), allowHalfOpen: true });
    // Before the connection stands, or a first chunk is read all the same.
    if (options?.paused) socket.pause();
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve();
      });
    });
    return new NetPeer(socket, this.#subject.transport === "unix", options);
  }

  async listen(options?: { paused?: boolean }): Promise<ForeignServer> {
    const at = this.#scratch.address();
    if (this.#subject.transport === "mem") {
      return new MemServer(await this.#subject.listen(at, noLinger), options);
    }
    if (this.#subject.transport === "fifo") {
      return await this.#fifos.listen(pathOf(at), options);
    }
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: options?.paused ?? false,
    });
    const foreign = new NetServer(server, at, options);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(netAddress(at), () => resolve());
    });
    return foreign;
  }

  /** Ends whatever served them all. */
  async close(): Promise<void> {
    await this.#fifos.close();
  }
}

/** The path in an address that is one. */
export function pathOf(at: AddressLike): string {
  const { transport, ...rest } = parseAddress(at);
  if ("path" in rest) return rest.path;
  throw new Error(`A ${transport} address has no path`);
}

/** The options by which `node:net` knows an address. */
export function netAddress(
  at: AddressLike,
): { path: string } | { host: string; port: number } {
  if (typeof at !== "string") {
    if (at.transport === "unix") return { path: at.path };
    if (at.transport === "tcp") return { host: at.host, port: at.port };
    throw new Error(`node:net knows no ${at.transport}`);
  }
  if (at.startsWith("unix:")) return { path: at.slice(5) };
  const url = new URL(at);
  return { host: url.hostname, port: Number(url.port) };
}

export class NetPeer implements Peer {
  received = 0;
  readonly over: Promise<string>;
  readonly #chunks: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #unix: boolean;

  constructor(socket: Socket, unix: boolean, options?: { paused?: boolean }) {
    this.#socket = socket;
    this.#unix = unix;
    this.over = new Promise((resolve) => {
      socket.once("end", () => resolve("end"));
      socket.on("error", (error: Error & { code?: string }) => {
        resolve(error.code ?? error.message);
      });
      socket.once("close", () => resolve("close"));
    });
    socket.on("data", (chunk: Uint8Array) => {
      this.received += chunk.length;
      this.#chunks.push(chunk);
    });
    if (options?.paused) socket.pause();
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  end(bytes?: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (bytes) this.#socket.end(bytes, () => resolve());
      else this.#socket.end(() => resolve());
    });
  }

  reset(): void {
    // Not for Unix sockets; there, what is left unread makes it a reset.
    if (this.#unix) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.destroy();
    });
  }
}

class NetServer implements ForeignServer {
  readonly #server: Server;
  readonly #at: string;
  readonly #waiting: ((peer: Peer) => void)[] = [];
  readonly #arrived: Peer[] = [];
  readonly #all: Peer[] = [];

  constructor(server: Server, at: string, options?: { paused?: boolean }) {
    this.#server = server;
    this.#at = at;
    server.on("connection", (socket) => {
      const peer = new NetPeer(socket, at.startsWith("unix:"), options);
      this.#all.push(peer);
      const taker = this.#waiting.shift();
      if (taker) taker(peer);
      else this.#arrived.push(peer);
    });
  }

  get address(): string {
    const address = this.#server.address() as AddressInfo | string;
    if (typeof address === "string") return this.#at;
    return `tcp://127.0.0.1:${address.port}`;
  }

  accept(): Promise<Peer> {
    const peer = this.#arrived.shift();
    if (peer) return Promise.resolve(peer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const peer of this.#all) await peer.destroy();
    await closed;
  }
}

class MemPeer implements Peer {
  received = 0;
  readonly over: Promise<string>;
  readonly #connection: Connection;
  readonly #chunks: Uint8Array[] = [];
  #flowing: Promise<void> | undefined;
  #flow: (() => void) | undefined;

  constructor(connection: Connection, options?: { paused?: boolean }) {
    this.#connection = connection;
    if (options?.paused) this.pause();
    this.over = this.#pump();
  }

  async #pump(): Promise<string> {
    for (;;) {
      await this.#flowing;
      try {
        const chunk = await this.#connection.read();
        if (chunk === null) return "end";
        this.received += chunk.length;
        this.#chunks.push(chunk);
      } catch (error) {
        return String((error as { code?: unknown }).code);
      }
    }
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes);
  }

  async end(bytes?: Uint8Array): Promise<void> {
    try {
      if (bytes) await this.#connection.write(bytes);
      await this.#connection.closeWrite();
    } catch {
      // As with a foreign socket, `over` tells.
    }
  }

  reset(): void {
    this.#connection.abort();
  }

  pause(): void {
    this.#flowing ??= new Promise((resolve) => this.#flow = resolve);
  }

  resume(): void {
    this.#flow?.();
    this.#flowing = undefined;
  }

  async destroy(): Promise<void> {
    this.resume();
    await this.#connection.close();
  }
}

class MemServer implements ForeignServer {
  readonly #listener: Listener;
  readonly #options: { paused?: boolean } | undefined;
  readonly #all: Peer[] = [];

  constructor(listener: Listener, options?: { paused?: boolean }) {
    this.#listener = listener;
    this.#options = options;
  }

  get address(): string {
    const { address } = this.#listener;
    return address.transport === "mem" ? `mem:${address.name}` : "";
  }

  async accept(): Promise<Peer> {
    const connection = await this.#listener.accept();
    const peer = new MemPeer(connection, this.#options);
    this.#all.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    await this.#listener.close();
    for (const peer of this.#all) await peer.destroy();
  }
}
