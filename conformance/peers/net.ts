/** Foreign peers by bare `node:net`, over TCP and Unix sockets. */
import { Buffer } from "node:buffer";
import type { AddressInfo, Server, Socket } from "node:net";
import type { ForeignServer, Peer, PeerOptions } from "./peer.ts";

/** A socket. */
export class NetPeer implements Peer {
  received = 0;
  readonly over: Promise<string>;
  readonly #chunks: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #unix: boolean;

  constructor(socket: Socket, unix: boolean, options?: PeerOptions) {
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

/** A server of sockets. */
export class NetServer implements ForeignServer {
  readonly #server: Server;
  readonly #at: string;
  readonly #waiting: ((peer: Peer) => void)[] = [];
  readonly #arrived: Peer[] = [];
  readonly #all: Peer[] = [];

  constructor(server: Server, at: string, options?: PeerOptions) {
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
