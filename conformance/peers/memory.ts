/** Over `mem`, which has no foreigners, the library plays the part. */
import { Buffer } from "node:buffer";
import type { Connection, Listener } from "../../api/types.ts";
import type { ForeignServer, Peer, PeerOptions } from "./peer.ts";

/** A connection. */
export class MemPeer implements Peer {
  received = 0;
  readonly over: Promise<string>;
  readonly #connection: Connection;
  readonly #chunks: Uint8Array[] = [];
  #flowing: Promise<void> | undefined;
  #flow: (() => void) | undefined;

  constructor(connection: Connection, options?: PeerOptions) {
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

/** A listener. */
export class MemServer implements ForeignServer {
  readonly #listener: Listener;
  readonly #options: PeerOptions | undefined;
  readonly #all: Peer[] = [];

  constructor(listener: Listener, options?: PeerOptions) {
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
