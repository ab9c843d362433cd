/**
 * One child process of `node:child_process`, as its parent holds it. What goes
 * to it when, `core/children/post.ts` decides; when it is over,
 * `core/children/ending.ts`.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Server, type Socket } from "node:net";
import type { ChildEvents, ChildHandle } from "../../../core/children.ts";
import { ChildEnding } from "../../../core/children/ending.ts";
import {
  ChildPost,
  type ChildPostOutput,
} from "../../../core/children/post.ts";
import type { ListenHandle, StreamHandle } from "../../../core/transport.ts";
import { Alarm } from "../alarm.ts";
import { translateError } from "../errors.ts";
import type { NetListener } from "../net/listener.ts";
import type { NetStream } from "../net/stream.ts";
import { scheduler } from "../scheduler.ts";

/** What goes to a child. */
type Letter =
  | { readonly message: unknown }
  | { readonly listener: ListenHandle; readonly index: number }
  | { readonly connection: StreamHandle; readonly index: number };

/** A child process. */
export class SpawnedChild implements ChildHandle {
  readonly #events: ChildEvents;
  readonly #post: ChildPost<Letter> = new ChildPost();
  readonly #ending: ChildEnding = new ChildEnding();
  readonly #alarm: Alarm = new Alarm(() => this.#rang());
  #child: ChildProcess | undefined;
  #over = false;

  constructor([command = "", ...args]: readonly string[], events: ChildEvents) {
    this.#events = events;
    try {
      // As `fork` does, but with any command before the runtime.
      const child = spawn(command, args, {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      this.#child = child;
      child.on("message", (message) => this.#heard(message));
      child.on("error", (error) => this.#failed(error));
      child.on("exit", (status, signal) => {
        const exit = { status, signal };
        this.#ending.handleExit(scheduler.now(), exit, child.connected);
        this.#ended();
      });
      // All that it said is told by then, and not always when it exits.
      child.on("disconnect", () => {
        this.#ending.handleClosed(scheduler.now());
        this.#ended();
      });
    } catch (error) {
      queueMicrotask(() => this.#failed(error));
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get thread(): undefined {
    return undefined;
  }

  send(message: unknown): void {
    this.#post.say({ message });
    this.#drain();
  }

  share(listener: ListenHandle, index: number): void {
    this.#post.hand({ listener, index });
    this.#drain();
  }

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
    this.#child?.kill("SIGKILL");
  }

  // What the machines say

  #drain(): void {
    for (;;) {
      const output = this.#post.pollOutput();
      if (output.do === "wait") break;
      this.#obey(output);
    }
    this.#alarm.set(this.#pollTimeout());
  }

  #obey(output: Exclude<ChildPostOutput<Letter>, { do: "wait" }>): void {
    switch (output.do) {
      case "send":
        return this.#send(output.item);
      case "ask":
        return this.#send({ message: output });
      case "discard":
        return discard(socketOf(output.item));
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

  #pollTimeout(): number {
    if (this.#over) return Infinity;
    return Math.min(this.#post.pollTimeout(), this.#ending.pollTimeout());
  }

  #rang(): void {
    this.#post.handleTimeout(scheduler.now());
    this.#drain();
    this.#ended();
  }

  // The channel

  #send(letter: Letter): void {
    const socket = socketOf(letter);
    const child = this.#child;
    if (!child?.connected) {
      this.#post.handleClosed();
      return discard(socket);
    }
    const handle = "listener" in letter
      ? (letter.listener as NetListener).server
      : socket;
    // Deno would close a server here that it sends; of a socket nothing stays.
    const options = { keepOpen: handle instanceof Server };
    const message = messageOf(letter, socket);
    const sent = (error: Error | null): void => {
      if (error) discard(socket);
    };
    try {
      child.send(message, handle, options, sent);
    } catch {
      // Deno, which had no descriptor left for its copy ("This handle type cannot
      // be sent"). Without it the child counts one that was over before it came.
      discard(socket);
      child.send(message, undefined, {}, sent);
    }
  }

  #heard(message: unknown): void {
    const said = (message as { say?: unknown } | null)?.say;
    if (said === "here") {
      const { count } = message as { count: number };
      this.#post.handleRead(scheduler.now(), count);
    } else if (said === "got") {
      const { of } = message as { of: unknown };
      this.#post.handleGot(of === "connection");
    } else {
      if (!this.#over) this.#events.message(message);
      return;
    }
    this.#drain();
  }

  // The end

  /** It did not start; errors of the channel come this way too, and mean nothing here. */
  #failed(error: unknown): void {
    if (this.#over || this.#child?.pid !== undefined) return;
    this.#over = true;
    const translated = translateError(error);
    this.#events.exited({ status: null, signal: null, error: translated });
  }

  #ended(): void {
    if (this.#over) return;
    if (this.#ending.begun) this.#events.ending();
    const exit = this.#ending.poll(scheduler.now());
    if (exit === undefined) return this.#drain();
    this.#over = true;
    if (this.#child!.connected) this.#child!.disconnect();
    this.#post.takeBack();
    this.#post.handleClosed();
    this.#drain();
    this.#events.exited(exit);
  }
}

type Connection = Extract<Letter, { connection: StreamHandle }>;

/** The socket of a connection; undefined if it is over already. */
function socketOf(letter: Letter): Socket | undefined {
  if (!("connection" in letter)) return undefined;
  return (letter.connection as NetStream).release();
}

/** One that is over already is said as well: the child counts what it gets. */
function messageOf(letter: Letter, socket: Socket | undefined): object {
  if ("message" in letter) return letter.message as object;
  if ("listener" in letter) return { do: "listener", index: letter.index };
  const head = socket && headOf(socket);
  return { do: "connection", index: letter.index, head };
}

/** A connection that its child will not get ends; a listener is ours as well. */
function discard(socket: Socket | undefined): void {
  socket?.destroy();
}

/** What was read of a socket that was to be left unread. */
function headOf(socket: Socket): string | undefined {
  if (socket.readableLength === 0) return undefined;
  const head: Uint8Array & { toString(encoding: "base64"): string } = socket
    .read();
  return head.toString("base64");
}
