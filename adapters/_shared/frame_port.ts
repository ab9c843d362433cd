/**
 * A port between two threads that carries the frames of `core/relay.ts`, by
 * `node:worker_threads`, alike on Node, Deno and Bun.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { MessagePort } from "node:worker_threads";
import { type FrameKind, FrameQueue, readFrames } from "../../core/relay.ts";

/** Who is told of frames. */
export type OnFrame = (kind: FrameKind, id: number, value: unknown) => void;

/** Where frames are put. */
export interface FrameSink {
  /** An `ArrayBuffer` is given away with its frame. */
  push(kind: FrameKind, id: number, value?: unknown): void;
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

  /** What comes within one event goes in one message. */
  push(kind: FrameKind, id: number, value: unknown = null): void {
    if (this.#queue.empty) setImmediate(this.#flushLater);
    this.#queue.push(kind, id, value);
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
