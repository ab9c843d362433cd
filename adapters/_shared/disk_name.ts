/**
 * Taking a name on disk for a Unix socket or a FIFO, and giving it back: the
 * effects that `core/disk_name.ts` asks for, by `node:fs`, the same on Node,
 * Deno and Bun.
 *
 * @module
 */
import { lstatSync, unlinkSync } from "node:fs";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rmdir,
  unlink,
} from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import type {
  DiskEffect,
  Found,
  NameKind,
} from "../../core/disk_name/effects.ts";
import { DiskNameMachine } from "../../core/disk_name.ts";
import { DiskNameReleaseMachine } from "../../core/disk_name/release.ts";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import type { Pending } from "../../core/transport.ts";
import { found } from "./disk_name/found.ts";
import { translateError } from "./errors.ts";

/** What an adapter does with sockets, or FIFOs, so that a name can be taken for one. */
export interface Binder<L> {
  /**
   * Binds a listener to a path (a socket's has at most 107 bytes) and lets it
   * listen. Rejects with the runtime's error or a `SockeyeError`.
   */
  bind(path: string): Promise<L>;
  /** Closes a listener that `bind` gave, and is not to be used. Never rejects. */
  unbind(listener: L): void | Promise<void>;
  /**
   * Connects to a path, and disconnects at once. `"alive"` if that worked;
   * else why not (`ECONNREFUSED`, of a FIFO `ENXIO`: nobody listens).
   */
  probe(path: string): Promise<"alive" | ErrorCode>;
}

/** What name is wanted, and how it is to look. */
export interface NameRequest {
  readonly kind: NameKind;
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Group id; undefined leaves the process's. */
  readonly group: number | undefined;
}

/** A name that was taken, and the listener behind it. */
export interface TakenName<L> {
  readonly listener: L;
  /** The name as it was asked for; the listener itself was bound elsewhere. */
  readonly path: string;
  /**
   * Gives the name back: unlinks it, if it still stands for our listener.
   * Synchronous, never throws, and to be called **before** the listener's
   * descriptor is closed: until then nobody else can get its inode number.
   */
  release(): void;
}

/** One of the two is called, once, and never within `takeName` itself. */
export interface TakeEvents<L> {
  taken(name: TakenName<L>): void;
  failed(error: SockeyeError): void;
}

/**
 * Takes a name on disk for a listener, as the protocol says: no race with
 * other starts, no file of others touched, nothing left behind on failure
 * or `cancel()`.
 */
export function takeName<L>(
  request: NameRequest,
  binder: Binder<L>,
  events: TakeEvents<L>,
): Pending {
  const start = new Start(request, binder);
  start.run().then(
    (name) => {
      if (!start.cancelled) return events.taken(name);
      name.release();
      return binder.unbind(name.listener);
    },
    (error) => {
      if (!start.cancelled) events.failed(translateError(error));
    },
  );
  return start;
}

/** One start: does what the machine asks for, until it is over. */
class Start<L> implements Pending {
  readonly #path: string;
  readonly #binder: Binder<L>;
  readonly #machine: DiskNameMachine;
  #listener: L | undefined;
  #endWait: (() => void) | undefined;
  cancelled = false;

  constructor(request: NameRequest, binder: Binder<L>) {
    this.#path = request.path;
    this.#binder = binder;
    this.#machine = new DiskNameMachine(performance.now(), {
      ...request,
      random: Math.random(),
    });
  }

  cancel(): void {
    this.cancelled = true;
    this.#machine.cancel();
    this.#endWait?.();
  }

  async run(): Promise<TakenName<L>> {
    const machine = this.#machine;
    // Nobody is told within takeName: its caller does not hold the Pending yet.
    await undefined;
    for (;;) {
      const effect = machine.pollEffect();
      if (effect.do === "failed") throw effect.error;
      if (effect.do === "done") return this.#taken();
      const result = await this.#perform(effect).catch(translateError);
      const now = performance.now();
      if (result instanceof SockeyeError) {
        machine.handleFailed(now, result.code, result);
      } else if (Array.isArray(result)) machine.handleListed(now, result);
      else if (result !== undefined) machine.handleInspected(now, result);
      else machine.handleDone(now);
    }
  }

  #taken(): TakenName<L> {
    const { identity } = this.#machine;
    const path = absolute(this.#path);
    return {
      listener: this.#listener!,
      path: this.#path,
      release: () => release(path, identity),
    };
  }

  async #perform(effect: DiskEffect): Promise<Found | string[] | void> {
    switch (effect.do) {
      case "makeDirectory":
        return await mkdir(effect.path, 0o700) as undefined;
      case "bind":
        this.#listener = await this.#binder.bind(effect.path);
        return;
      case "unbind":
        return await this.#binder.unbind(this.#listener!);
      case "chmod":
        return await chmod(effect.path, effect.mode);
      case "chown":
        return await chown(effect.path, effect.uid, effect.group);
      case "link":
        return await link(effect.path, effect.to);
      case "rename":
        return await rename(effect.path, effect.to);
      case "inspect":
        return found(await lstat(effect.path, { bigint: true }));
      case "list":
        return await readdir(effect.path);
      case "unlink":
        return await unlink(effect.path);
      case "removeDirectory":
        return await rmdir(effect.path);
      case "probe":
        return failedIf(await this.#binder.probe(effect.path));
      case "probeHolder":
        return failedIf(await probeHolder(effect.path));
      case "wait":
        return await new Promise((resolve) => {
          const timer = setTimeout(resolve, effect.ms);
          this.#endWait = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      case "done":
      case "failed":
        return;
      default:
        return effect satisfies never;
    }
  }
}

function release(path: string, identity: string): void {
  const machine = new DiskNameReleaseMachine(path, identity);
  for (;;) {
    const effect = machine.pollEffect();
    try {
      if (effect.do === "done") return;
      if (effect.do === "inspect") {
        machine.handleInspected(found(lstatSync(path, { bigint: true })));
      } else {
        unlinkSync(path);
        machine.handleOther();
      }
    } catch {
      // Somebody else removed it, or the directory is read-only by now.
      machine.handleOther();
    }
  }
}

function failedIf(answer: "alive" | ErrorCode): void {
  if (answer === "alive") return;
  throw new SockeyeError(answer, `the probe gave ${answer}`);
}

/** Whether the process lives whose id is on the first line of a file. */
async function probeHolder(path: string): Promise<"alive" | ErrorCode> {
  try {
    const [line = ""] = (await readFile(path, "latin1")).split("\n", 1);
    const pid = Number(line);
    if (!Number.isSafeInteger(pid) || pid <= 0) return "ENOENT";
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return code === "ESRCH" || code === "ENOENT" ? "ENOENT" : "alive";
  }
}

/** So that a later change of the working directory does not matter. */
function absolute(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path; // Deno without permission to read the working directory.
  }
}
