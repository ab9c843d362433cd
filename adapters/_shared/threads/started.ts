/**
 * One thread of `node:worker_threads`, as the main thread holds it. What goes to
 * it when, `core/children/post.ts` decides; its connections stay here, and are
 * relayed (`core/relay.ts`).
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
import type { ChildEvents, ChildHandle } from "../../../core/children.ts";
import { writeError } from "../../../core/children/messages.ts";
import {
  ChildPost,
  type ChildPostOutput,
} from "../../../core/children/post.ts";
import { SockeyeError } from "../../../core/error.ts";
import type { ChildExit } from "../../../core/pool/child.ts";
import type { FrameKind } from "../../../core/relay.ts";
import type { StreamHandle } from "../../../core/transport.ts";
import { Alarm } from "../alarm.ts";
import { translateError } from "../errors.ts";
import { FramePort } from "./frame_port.ts";
import { RelayedSocket } from "./relay_socket.ts";
import { scheduler } from "../scheduler.ts";

/** What a thread is started with. */
export interface ThreadData {
  /** By which it is spoken to. */
  readonly port: MessagePort;
}

/** What goes to a thread. */
type Letter =
  | { readonly message: unknown }
  | { readonly connection: StreamHandle; readonly index: number };

/** A thread. */
export class StartedThread implements ChildHandle {
  readonly #events: ChildEvents;
  readonly #post: ChildPost<Letter> = new ChildPost();
  readonly #alarm: Alarm = new Alarm(() => this.#rang());
  readonly #port: FramePort;
  readonly #relayed: Map<number, RelayedSocket> = new Map();
  #worker: Worker | undefined;
  #lastId = 0;
  #killed = false;
  #error: SockeyeError | undefined;
  #exit: ChildExit | undefined;
  #over = false;

  constructor(entry: URL, events: ChildEvents) {
    this.#events = events;
    const { port1, port2 } = new MessageChannel();
    this.#port = new FramePort(port1);
    this.#port.attach((...frame) => this.#heard(...frame), () => {});
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

  send(message: unknown): void {
    this.#post.say({ message });
    this.#drain();
  }

  /** Nothing is shared with threads: they are given all that they serve. */
  share(): void {}

  give(connection: StreamHandle, index: number): void {
    this.#post.hand({ connection, index });
    this.#drain();
  }

  offer(connection: StreamHandle, index: number): void {
    this.#post.offer(scheduler.now(), { connection, index });
    this.#drain();
  }

  takeBack(): void {
    this.#post.takeBack();
    this.#drain();
  }

  kill(): void {
    this.#killed = true;
    void this.#worker?.terminate();
  }

  // What the post says

  #drain(): void {
    for (;;) {
      const output = this.#post.pollOutput();
      if (output.do === "wait") break;
      this.#obey(output);
    }
    this.#alarm.set(this.#post.pollTimeout());
  }

  #obey(output: Exclude<ChildPostOutput<Letter>, { do: "wait" }>): void {
    switch (output.do) {
      case "send":
        return this.#send(output.item);
      case "ask":
        return this.#port.push("message", 0, output);
      case "discard":
        return this.#discard(output.item);
      case "return": {
        const { connection, index } = output.item as Connection;
        return this.#events.returned(connection, index);
      }
      case "got":
        return this.#events.got();
      default:
        output satisfies never;
    }
  }

  #rang(): void {
    this.#post.handleTimeout(scheduler.now());
    this.#drain();
  }

  #send(letter: Letter): void {
    if ("message" in letter) {
      return this.#port.push("message", 0, letter.message);
    }
    this.#relay(letter.connection).open(letter.index);
  }

  /** A connection that the thread will not get ends. */
  #discard(letter: Letter): void {
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

  #heard(kind: FrameKind, id: number, value: unknown): void {
    // Of one that is over nothing is to be done any more.
    if (kind !== "message") return this.#relayed.get(id)?.heard(kind, value);
    const said = (value as { say?: unknown } | null)?.say;
    if (said === "here") {
      const { count } = value as { count: number };
      this.#post.handleRead(scheduler.now(), count);
    } else if (said === "got") {
      this.#post.handleGot(true);
    } else {
      if (!this.#over) this.#events.message(value);
      return;
    }
    this.#drain();
  }

  // The end

  /** What nobody caught there: it ends, and does not say so itself. */
  #failed(error: unknown): void {
    const { name, message } = writeError(error);
    this.#error = new SockeyeError("EIO", `${name}: ${message}`, {
      cause: error,
    });
    this.#events.message({ say: "error", error: writeError(error) });
  }

  #exited(status: number | null): void {
    // As a process would say of its end by `kill`.
    this.#exit = this.#killed
      ? { status: null, signal: "SIGKILL" }
      : { status, signal: null, error: this.#error };
    this.#events.ending();
    this.#post.takeBack();
    this.#post.handleClosed();
    this.#drain();
    for (const relayed of this.#relayed.values()) relayed.abandon();
    this.#settle();
  }

  /** Its connections end with it, and their descriptors are back before it is gone. */
  #settle(): void {
    if (this.#over || this.#exit === undefined) return;
    if (this.#relayed.size > 0) return;
    this.#over = true;
    this.#port.close();
    this.#events.exited(this.#exit);
  }
}

type Connection = Extract<Letter, { connection: StreamHandle }>;
