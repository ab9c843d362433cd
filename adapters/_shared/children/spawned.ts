/**
 * One child process of `node:child_process`, as its parent holds it. When it is
 * over, `core/children/ending.ts` decides.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Server, type Socket } from "node:net";
import type { ChildEvents } from "../../../core/children.ts";
import { ChildEnding } from "../../../core/children/ending.ts";
import { Alarm } from "../alarm.ts";
import { translateError } from "../errors.ts";
import type { NetListener } from "../net/listener.ts";
import type { NetStream } from "../net/stream.ts";
import { scheduler } from "../scheduler.ts";
import { type Letter, PostedChild } from "./posted.ts";

/** A child process. */
export class SpawnedChild extends PostedChild {
  readonly #ending: ChildEnding = new ChildEnding();
  readonly #alarm: Alarm = new Alarm(() => this.#ended());
  #child: ChildProcess | undefined;

  constructor([command = "", ...args]: readonly string[], events: ChildEvents) {
    super(events);
    try {
      // As `fork` does, but with any command before the runtime.
      const child = spawn(command, args, {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      this.#child = child;
      child.on("message", (message) => this.heard(message));
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

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  // The channel

  protected carry(letter: Letter): void {
    const socket = socketOf(letter);
    const child = this.#child;
    if (!child?.connected) {
      this.handleUnreachable();
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

  protected discard(letter: Letter): void {
    discard(socketOf(letter));
  }

  // The end

  /** It did not start; errors of the channel come this way too, and mean nothing here. */
  #failed(error: unknown): void {
    if (this.over || this.#child?.pid !== undefined) return;
    this.over = true;
    const translated = translateError(error);
    this.events.exited({ status: null, signal: null, error: translated });
  }

  #ended(): void {
    if (this.over) return;
    if (this.#ending.begun) this.events.ending();
    const exit = this.#ending.poll(scheduler.now());
    this.#alarm.set(exit ? Infinity : this.#ending.pollTimeout());
    if (exit === undefined) return;
    this.over = true;
    if (this.#child!.connected) this.#child!.disconnect();
    this.closePost();
    this.events.exited(exit);
  }
}

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
