/**
 * A directory and processes in it, simulated: what `core/disk_name.ts` asks
 * for is done in memory, one effect at a time, so that a test decides who goes
 * next, what fails, and who is killed when.
 *
 * @module
 */
import type { DiskEffect, Found } from "../../core/disk_name/effects.ts";
import { DiskNameMachine, type DiskNameRequest } from "../../core/disk_name.ts";
import type { ErrorCode, SockeyeError } from "../../core/error.ts";

/** A file, which may have several names, or a directory. */
export interface File {
  readonly kind: Found["kind"];
  readonly inode: number;
  readonly uid: number;
  modified: number;
  /** Of a socket: whether somebody answers. */
  live: boolean;
  /** Of a lock file: whether it names a living process. */
  held: boolean;
  mode: number;
  group: number;
}

/** Why an effect failed. */
export class Failed {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    this.code = code;
  }
}

/** What an effect gives. */
type Outcome = Found | string[] | undefined;

/** The names on a disk, and a clock. */
export class Disk {
  now = 1_000_000;
  /** What was asked, in order. */
  readonly log: string[] = [];
  readonly #files: Map<string, File> = new Map();
  #inode = 0;

  constructor() {
    this.put("run", "directory");
  }

  put(path: string, kind: Found["kind"], more: Partial<File> = {}): File {
    const file: File = {
      kind,
      inode: ++this.#inode,
      uid: 1000,
      modified: this.now,
      live: false,
      held: false,
      mode: 0o755,
      group: 1000,
      ...more,
    };
    this.#files.set(path, file);
    return file;
  }

  get(path: string): File | undefined {
    return this.#files.get(path);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  /** All paths but the directory itself. */
  names(): string[] {
    return [...this.#files.keys()].filter((path) => path !== "run").sort();
  }

  /** Names of one file. */
  namesOf(file: File): string[] {
    return this.names().filter((path) => this.#files.get(path) === file);
  }

  children(path: string): string[] {
    return this.names().filter((name) =>
      name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes("/")
    ).map((name) => name.slice(path.length + 1));
  }

  /** Does what a process asks for. */
  perform(effect: DiskEffect, process: Starter): Outcome {
    switch (effect.do) {
      case "makeDirectory":
        this.#free(effect.path);
        this.put(effect.path, "directory", { mode: 0o700 });
        return;
      case "bind":
        if (this.get(effect.path)) throw new Failed("EADDRINUSE");
        this.#free(effect.path);
        process.socket = this.put(effect.path, process.kind, { live: true });
        return;
      case "unbind":
        process.socket!.live = false;
        return;
      case "chmod":
        this.#at(effect.path).mode = effect.mode;
        return;
      case "chown":
        this.#at(effect.path).group = effect.group;
        return;
      case "link":
        return this.#link(effect.path, effect.to);
      case "rename":
        return this.#rename(effect.path, effect.to);
      case "inspect":
        return this.#inspect(effect.path);
      case "list":
        return this.#list(effect.path);
      case "unlink":
        if (this.#at(effect.path).kind === "directory") {
          throw new Failed("EISDIR");
        }
        this.remove(effect.path);
        return;
      case "removeDirectory":
        if (this.#list(effect.path).length > 0) throw new Failed("EEXIST");
        this.remove(effect.path);
        return;
      case "probe":
        if (!this.#at(effect.path).live) {
          throw new Failed(
            process.kind === "socket" ? "ECONNREFUSED" : "ENXIO",
          );
        }
        return;
      case "probeHolder":
        if (!this.#at(effect.path).held) throw new Failed("ENOENT");
        return;
      case "wait":
        this.now += effect.ms;
        return;
      default:
        throw new Error(`Nobody performs ${effect.do}`);
    }
  }

  #at(path: string): File {
    const file = this.get(path);
    if (file === undefined) throw new Failed("ENOENT");
    return file;
  }

  #free(path: string): void {
    this.#at(path.slice(0, path.lastIndexOf("/")));
    if (this.get(path)) throw new Failed("EEXIST");
  }

  #link(path: string, to: string): undefined {
    const file = this.#at(path);
    if (file.kind === "directory") throw new Failed("EPERM");
    this.#free(to);
    this.#files.set(to, file);
  }

  #rename(path: string, to: string): undefined {
    const file = this.#at(path);
    const there = this.get(to);
    if (file === there) return;
    if (file.kind === "directory" && there !== undefined) {
      if (there.kind !== "directory") throw new Failed("ENOTDIR");
      if (this.children(to).length > 0) throw new Failed("EEXIST");
    } else if (there?.kind === "directory") throw new Failed("EISDIR");
    for (const name of this.names()) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      this.#files.set(to + name.slice(path.length), this.get(name)!);
      this.remove(name);
    }
  }

  #inspect(path: string): Found {
    const { kind, inode, uid, modified } = this.#at(path);
    return { kind, identity: `1:${inode}`, uid, age: this.now - modified };
  }

  #list(given: string): string[] {
    const path = given.replace(/\/$/, "");
    if (this.#at(path).kind !== "directory") throw new Failed("ENOTDIR");
    return this.children(path);
  }
}

export const path = "run/app.sock";
export const request: DiskNameRequest = {
  kind: "socket",
  path,
  mode: 0o600,
  group: undefined,
  random: 0.5,
};

/** A process that starts a server. */
export class Starter {
  readonly machine: DiskNameMachine;
  readonly kind: "socket" | "fifo";
  readonly #disk: Disk;
  socket: File | undefined;
  dead = false;
  steps = 0;

  constructor(disk: Disk, options: Partial<DiskNameRequest> = {}) {
    const wanted = { ...request, ...options };
    this.#disk = disk;
    this.kind = wanted.kind;
    this.machine = new DiskNameMachine(disk.now, wanted);
  }

  /** `undefined` while it is under way. */
  get end(): "done" | SockeyeError | undefined {
    const effect = this.machine.pollEffect();
    if (effect.do === "failed") return effect.error;
    return effect.do === "done" ? "done" : undefined;
  }

  /** Does one effect; with `failure`, it fails so instead. */
  step(failure?: ErrorCode): void {
    this.steps++;
    const effect = this.machine.pollEffect();
    this.#disk.log.push(describe(effect));
    const { machine } = this;
    try {
      if (failure !== undefined) throw new Failed(failure);
      const outcome = this.#disk.perform(effect, this);
      const { now } = this.#disk;
      if (outcome === undefined) machine.handleDone(now);
      else if (Array.isArray(outcome)) machine.handleListed(now, outcome);
      else machine.handleInspected(now, outcome);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      machine.handleFailed(this.#disk.now, error.code);
    }
  }

  /** To the end, or until it was asked `limit` times. */
  run(limit: number = 2000): this {
    for (let step = 0; this.end === undefined; step++) {
      if (step === limit) throw new Error("It does not come to an end");
      this.step();
    }
    return this;
  }

  /** `kill -9`: nothing is cleaned up, nobody answers any more. */
  kill(): void {
    this.dead = true;
    if (this.socket) this.socket.live = false;
  }
}

function describe(effect: DiskEffect): string {
  const short = (name: string) => name.replace(/^run\/(?=.)/, "");
  const words: string[] = [effect.do];
  if ("path" in effect) words.push(short(effect.path));
  if ("to" in effect) words.push("→", short(effect.to));
  if (effect.do === "chmod") words.push(effect.mode.toString(8));
  if (effect.do === "chown") words.push(String(effect.group));
  return words.join(" ");
}

/** A generator of chances from a seed (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
