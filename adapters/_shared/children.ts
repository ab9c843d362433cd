/**
 * Child processes by `node:child_process`, alike on Node, Deno and Bun.
 *
 * What was found (Linux; Node 20.20, Deno 2.9.5, Bun 1.4.4), and is relied on:
 *
 * - A `net.Server` sent to children (`send(message, server)`) accepts in each of
 *   them, and goes on accepting here; 500 connections, TCP and Unix, none lost.
 *   So a listener is never without a process that holds it, whatever happens to
 *   the children, and what is accepted here is handed on. `node:cluster` would
 *   let nobody but them hold it; and on Deno its `fork` puts `run` before the
 *   arguments, so that nothing can be put before Deno.
 * - A socket of a server with `pauseOnConnect` can be sent unread.
 * - `setpriv --pdeathsig KILL` before the command hands the channel through, and
 *   has the kernel kill the child when we are gone, whatever it is doing.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Server, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import { type Address, isAbstract } from "../../core/address.ts";
import type {
  ChildEvents,
  ChildHandle,
  Children,
  ServerSignal,
} from "../../core/children.ts";
import type {
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
  StreamHandle,
} from "../../core/transport.ts";
import { translateError } from "./errors.ts";
import {
  listenAtPath,
  listenDirectly,
  type NetListener,
} from "./net_listener.ts";
import type { NetStream } from "./net_stream.ts";
import { fateOfParent, type MayRun } from "./orphans.ts";
import { refuse } from "./unsupported.ts";

/** Children of this process; `mayRun` as the runtime says. */
export function childrenOf(mayRun: MayRun): Children {
  return {
    listen,
    start: (module, events) => {
      const command = [...fateOfParent(mayRun), ...commandFor(module)];
      return new SpawnedChild(command, events);
    },
    parallelism: () => availableParallelism(),
    onSignals,
  };
}

function listen(
  at: Address,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  if (at.transport === "tcp") {
    return listenDirectly(at, request, events, false);
  }
  if (at.transport === "unix" && !isAbstract(at)) {
    return listenAtPath(at, request, events, false);
  }
  return refuse("its connections cannot be handed to a child", events);
}

function onSignals(
  names: readonly ServerSignal[],
  callback: (name: ServerSignal) => void,
): () => void {
  const listeners = names.map((name) => [name, () => callback(name)] as const);
  for (const [name, listener] of listeners) process.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
}

/** A child that does not answer for so long, ms, gets nothing more until it does. */
const answerWithin = 50;

/** How long to wait, ms, for what a child may have said that was killed, or that ended. */
const channelGrace = 50;
const tellingGrace = 1000;

/** A child process. */
class SpawnedChild implements ChildHandle {
  readonly #events: ChildEvents;
  #child: ChildProcess | undefined;
  #exit: readonly [status: number | null, signal: string | null] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #letters: Letter[] = [];
  /** It is still to say that it has got a handle. */
  #awaited = false;
  /** What waits until it answers. */
  readonly #offers: Offer[] = [];
  #asked = false;
  /** Messages without a handle: sent, asked about, and known to be read. */
  #said = 0;
  #inquired = 0;
  #read = 0;
  /** Offers that were taken back since it answered last. */
  #returned = 0;
  #patience: ReturnType<typeof setTimeout> | undefined;
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
        this.#exit = [status, signal];
        this.#ended();
      });
      // All that it said is told by then, and not always when it exits.
      child.on("disconnect", () => this.#ended());
    } catch (error) {
      queueMicrotask(() => this.#failed(error));
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  send(message: unknown): void {
    this.#post({ message, handle: undefined, awaits: false });
  }

  share(listener: ListenHandle, index: number): void {
    const { server } = listener as NetListener;
    const message = { do: "listener", index };
    this.#post({ message, handle: server, awaits: true });
  }

  give(connection: StreamHandle, index: number): void {
    const socket = (connection as NetStream).release();
    const head = socket && headOf(socket);
    // One that is over already counts as given: the child counts what it gets.
    const message = { do: "connection", index, head };
    this.#post({ message, handle: socket, awaits: true });
  }

  offer(connection: StreamHandle, index: number): void {
    this.#offers.push({ connection, index });
    this.#ask();
  }

  takeBack(): void {
    clearTimeout(this.#patience);
    for (const { connection, index } of this.#offers.splice(0)) {
      this.#returned++;
      this.#events.returned(connection, index);
    }
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Asks whether it is there; what it is to be given waits here until then. */
  #ask(): void {
    if (this.#offers.length === 0) return;
    if (!this.#asked) {
      this.#asked = true;
      this.#inquire();
    }
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.takeBack(), answerWithin);
  }

  #answered(): void {
    this.#asked = false;
    clearTimeout(this.#patience);
    for (; this.#returned > 0; this.#returned--) this.#events.got();
    const offer = this.#offers.shift();
    if (offer !== undefined) this.give(offer.connection, offer.index);
    else this.#flush();
    this.#ask();
  }

  /**
   * One handle at a time is under way: those behind it would wait in Node's own
   * queue, which forgets them open if the child dies.
   */
  #post(letter: Letter): void {
    this.#letters.push(letter);
    this.#flush();
  }

  #flush(): void {
    while (!this.#awaited && this.#letters.length > 0) {
      if (this.#letters[0]!.awaits && this.#read < this.#said) {
        return this.#inquire();
      }
      this.#send(this.#letters.shift()!);
    }
  }

  /**
   * Has the child say when it has read all that was said. A handle is sent only
   * then: Deno's child would find it with the message before its own, if both
   * are there at once.
   */
  #inquire(): void {
    // One that is under way covers all that was said.
    if (this.#inquired === this.#said && this.#read < this.#said) return;
    this.#inquired = this.#said + 1;
    const message = { do: "ask", count: this.#inquired };
    this.#send({ message, handle: undefined, awaits: false });
  }

  #send(letter: Letter): void {
    const { message, handle } = letter;
    if (!letter.awaits) this.#said++;
    const child = this.#child;
    if (!child?.connected) return discard(letter);
    if (letter.awaits) this.#awaited = true;
    // Deno would close a server here that it sends; of a socket nothing stays.
    const options = { keepOpen: handle instanceof Server };
    child.send(message as object, handle, options, (error) => {
      if (error) discard(letter);
    });
  }

  #heard(message: unknown): void {
    const said = (message as { say?: unknown } | null)?.say;
    if (said === "here") {
      this.#read = (message as { count: number }).count;
      return this.#answered();
    }
    if (said !== "got") {
      if (!this.#over) this.#events.message(message);
      return;
    }
    this.#awaited = false;
    if ((message as { of?: unknown }).of === "connection") this.#events.got();
    this.#flush();
  }

  /** It did not start; errors of the channel come this way too, and mean nothing here. */
  #failed(error: unknown): void {
    if (this.#over || this.#child?.pid !== undefined) return;
    this.#over = true;
    const translated = translateError(error);
    this.#events.exited({ status: null, signal: null, error: translated });
  }

  #ended(): void {
    if (this.#over) return;
    this.#events.ending();
    if (this.#exit === undefined) return;
    if (!this.#child!.connected) return this.#told();
    // Deno says nothing of the channel of a child that was killed. One that
    // ended by itself had told something before, which a busy loop reads late.
    const [, signal] = this.#exit;
    const ms = signal === null ? tellingGrace : channelGrace;
    this.#timer ??= setTimeout(() => this.#told(), ms);
  }

  #told(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    if (this.#child!.connected) this.#child!.disconnect();
    this.takeBack();
    for (const letter of this.#letters.splice(0)) discard(letter);
    const [status, signal] = this.#exit!;
    this.#events.exited({ status, signal });
  }
}

/** A connection that is to be given. */
interface Offer {
  readonly connection: StreamHandle;
  readonly index: number;
}

/** Something to be said, and what goes with it. */
interface Letter {
  readonly message: unknown;
  readonly handle: Socket | Server | undefined;
  /** Whether the child says when it has got it. */
  readonly awaits: boolean;
}

/** A connection that its child will not get ends; a listener is ours as well. */
function discard({ handle }: Letter): void {
  if (handle !== undefined && !(handle instanceof Server)) handle.destroy();
}

/** What was read of a socket that was to be left unread. */
function headOf(socket: Socket): string | undefined {
  if (socket.readableLength === 0) return undefined;
  const head: Uint8Array & { toString(encoding: "base64"): string } = socket
    .read();
  return head.toString("base64");
}

function commandFor(module: string): readonly string[] {
  const built = import.meta.url.endsWith(".js");
  const entry = new URL(
    `../../entries/child.${built ? "js" : "ts"}`,
    import.meta.url,
  );
  const file = entry.protocol === "file:"
    ? fileURLToPath(entry.href)
    : entry.href;
  const { execPath, versions } = process;
  if (!("deno" in versions)) return [execPath, ...runtimeOptions(), file];
  // Deno looks for a configuration beside what it runs, which is our file.
  const config = configOf(module);
  const configured = config === undefined ? [] : ["--config", config];
  return [execPath, "run", "--allow-all", "--quiet", ...configured, file];
}

/** Those that we were started with, but not what they had us run. */
function runtimeOptions(): string[] {
  const options: string[] = [];
  for (const option of process.execArgv) {
    if (/^(-e|-p|-pe|--eval|--print|--test|--watch|--inspect)/.test(option)) {
      // Its value follows, and stands for all that follows.
      if (/^(-e|-p|-pe|--eval|--print)$/.test(option)) break;
      continue;
    }
    options.push(option);
  }
  return options;
}

function configOf(module: string): string | undefined {
  if (!module.startsWith("file:")) return undefined;
  let directory = dirname(fileURLToPath(module));
  for (;;) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(directory, name);
      if (existsSync(path)) return path;
    }
    const above = dirname(directory);
    if (above === directory) return undefined;
    directory = above;
  }
}
