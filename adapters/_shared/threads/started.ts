/**
 * One thread of `node:worker_threads`, as the main thread holds it. Its
 * connections stay here, and are relayed (`core/relay.ts`).
 *
 * @module
 */
import type { URL } from "node:url";
import {
  MessageChannel,
  type MessagePort,
  SHARE_ENV,
  Worker,
} from "node:worker_threads";
import type { ChildEvents } from "../../../core/children.ts";
import { writeError } from "../../../core/children/messages.ts";
import { SockeyeError } from "../../../core/error.ts";
import type { ChildExit } from "../../../core/pool/child.ts";
import type { FrameKind } from "../../../core/relay.ts";
import type { StreamHandle } from "../../../core/transport.ts";
import { type Letter, PostedChild } from "../children/posted.ts";
import { translateError } from "../errors.ts";
import { FramePort } from "./frame_port.ts";
import { RelayedSocket } from "./relay_socket.ts";

/** What a thread is started with. */
export interface ThreadData {
  /** By which it is spoken to. */
  readonly port: MessagePort;
}

/** A thread. */
export class StartedThread extends PostedChild {
  readonly #port: FramePort;
  readonly #relayed: Map<number, RelayedSocket> = new Map();
  #worker: Worker | undefined;
  #lastId = 0;
  #killed = false;
  #error: SockeyeError | undefined;
  #exit: ChildExit | undefined;

  constructor(entry: URL, events: ChildEvents) {
    super(events);
    const { port1, port2 } = new MessageChannel();
    this.#port = new FramePort(port1);
    this.#port.attach((...frame) => this.#told(...frame), () => {});
    const workerData: ThreadData = { port: port2 };
    try {
      const worker = new Worker(entry, {
        workerData,
        transferList: [port2],
        // Deno would ask the user for --allow-env, to copy it.
        env: SHARE_ENV,
      });
      this.#worker = worker;
      worker.on("error", (error) => this.#failed(error));
      worker.on("exit", (status) => this.#exited(status));
    } catch (error) {
      this.#error = translateError(error);
      queueMicrotask(() => this.#exited(null));
    }
  }

  get pid(): undefined {
    return undefined;
  }

  get thread(): number | undefined {
    return this.#worker?.threadId;
  }

  /** Nothing is shared with threads: they are given all that they serve. */
  override share(): void {}

  kill(): void {
    this.#killed = true;
    void this.#worker?.terminate();
  }

  // What goes there

  protected carry(letter: Letter): void {
    if ("message" in letter) {
      this.#port.push("message", 0, letter.message);
    } else if ("connection" in letter) {
      this.#relay(letter.connection).open(letter.index);
    }
  }

  protected discard(letter: Letter): void {
    if ("connection" in letter) this.#relay(letter.connection).discard();
  }

  #relay(connection: StreamHandle): RelayedSocket {
    const id = ++this.#lastId;
    const relayed = new RelayedSocket(id, connection, this.#port, () => {
      this.#relayed.delete(id);
      this.#settle();
    });
    this.#relayed.set(id, relayed);
    return relayed;
  }

  // What the thread says

  #told(kind: FrameKind, id: number, value: unknown): void {
    // Of one that is over nothing is to be done any more.
    if (kind === "message") this.heard(value);
    else this.#relayed.get(id)?.heard(kind, value);
  }

  // The end

  /** What nobody caught there: it ends, and does not say so itself. */
  #failed(error: unknown): void {
    const { name, message } = writeError(error);
    this.#error = new SockeyeError("EIO", `${name}: ${message}`, {
      cause: error,
    });
    this.events.message({ say: "error", error: writeError(error) });
  }

  #exited(status: number | null): void {
    // As a process would say of its end by `kill`.
    this.#exit = this.#killed
      ? { status: null, signal: "SIGKILL" }
      : { status, signal: null, error: this.#error };
    this.events.ending();
    this.closePost();
    for (const relayed of this.#relayed.values()) relayed.abandon();
    this.#settle();
  }

  /** Its connections end with it, and their descriptors are back before it is gone. */
  #settle(): void {
    if (this.over || this.#exit === undefined) return;
    if (this.#relayed.size > 0) return;
    this.over = true;
    this.#port.close();
    this.events.exited(this.#exit);
  }
}
