/**
 * A port between two threads that carries the frames of `core/relay.ts`, by
 * `node:worker_threads`, alike on Node, Deno and Bun.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { MessagePort } from "node:worker_threads";
import { type FrameKind, FrameQueue, readFrames } from "../../../core/relay.ts";

/** Who is told of frames. */
export type OnFrame = (kind: FrameKind, id: number, value: unknown) => void;

/** Where frames are put. */
export interface FrameSink {
  push(kind: FrameKind, id: number, value?: unknown): void;
  /** See `FrameQueue.pushBytes`. */
  pushBytes(
    kind: FrameKind,
    id: number,
    bytes: Uint8Array,
    owned: boolean,
  ): void;
}

/** One end of a port. */
export class FramePort implements FrameSink {
  readonly #port: MessagePort;
  readonly #queue: FrameQueue = new FrameQueue();
  #closed = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Names who is told. Called once: Deno's port ends when a listener is changed. */
  attach(onFrame: OnFrame, onClose: () => void): void {
    this.#port.on("message", (message) => readFrames(message, onFrame));
    this.#port.on("close", () => {
      this.#closed = true;
      onClose();
    });
  }

  push(kind: FrameKind, id: number, value: unknown = null): void {
    this.#wake();
    this.#queue.push(kind, id, value);
  }

  pushBytes(
    kind: FrameKind,
    id: number,
    bytes: Uint8Array,
    owned: boolean,
  ): void {
    this.#wake();
    this.#queue.pushBytes(kind, id, bytes, owned);
  }

  /** What comes within one turn of the loop goes in one message. */
  #wake(): void {
    if (this.#queue.empty) setImmediate(this.#flushLater);
  }

  readonly #flushLater = (): void => this.#flush();

  #flush(): void {
    if (this.#queue.empty) return;
    const [message, given] = this.#queue.take();
    // What is said to one that has gone is lost.
    if (!this.#closed) this.#port.postMessage(message, given);
  }

  /** Sends what waits, and ends. */
  close(): void {
    this.#flush();
    this.#closed = true;
    this.#port.close();
  }
}
