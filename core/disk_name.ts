/**
 * Taking a name on disk, for a Unix socket or a FIFO.
 *
 * Pure: a machine that says which effect comes next, and is told how that
 * went. Its inside is a generator, because the protocol is one long sequence
 * with two loops in it, and is best read as one.
 *
 * For `run/app.sock` these names are used, all in the same directory:
 *
 * - `run/.sk4f9x0a/4f9x0a`: here we bind, in a directory of our own (0700), set
 *   group and mode, and then `link` it to the name, which is atomic and never
 *   replaces anything. The six characters are random.
 * - `run/app.sock.lock/4f9x0a`: whoever wants to remove a stale name renames
 *   its directory to this one first. That is atomic too, and works only while
 *   no directory with something in it is there. So the lock holds the holder's
 *   own socket, and the kernel can be asked whether the holder lives. A dead
 *   holder's lock is broken by removing that one file, whose name never comes
 *   again: two starters who break a lock file of a fixed name can remove each
 *   other's new one.
 * - `run/.sk4f9x0a/4f9x0ao`: the stale name is moved here and compared before
 *   it is removed, so that what a stranger put there meanwhile can go back.
 * - `run/.sk4f9x0a/p`: a second, short name for a socket to be probed.
 *
 * What a start leaves that was killed half-way is removed by the next one in
 * the same directory ({@linkcode LEFTOVER_AGE}).
 *
 * @module
 */
import { MAX_UNIX_PATH, utf8Length } from "./address.ts";
import type {
  DiskEffect,
  DiskFlow,
  DiskResult,
  Found,
  NameKind,
} from "./disk_name/effects.ts";
import {
  clearLeftover,
  isTemporaryName,
  type Sweeper,
} from "./disk_name/leftovers.ts";
import { failure, inUse, judge } from "./disk_name/verdict.ts";
import { type ErrorCode, SockeyeError } from "./error.ts";
import { checkRendezvousPath } from "./rendezvous.ts";

/** What name is wanted. */
export interface DiskNameRequest {
  /** What is to stand there. */
  readonly kind: NameKind;
  /** Where; relative ones are taken from the working directory. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Group id; undefined leaves the process's. */
  readonly group: number | undefined;
  /** In [0, 1), another for each start: names the temporary directory. */
  readonly random: number;
}

/** How old a lock *file* must be to be broken, ms, if no living process is named in it. */
export const LOCK_AGE = 10_000;
/** How long to wait for the lock, ms; longer than a file needs to come of age. */
export const LOCK_WAIT = 12_000;
/** How long to wait before asking whether the holder lives, ms. A start holds it for about one. */
export const LOCK_PATIENCE = 100;
/**
 * How old a leftover must be to be swept, ms. A younger one may belong to a
 * start that does not listen yet; one that stands still for longer than this
 * starts again.
 */
export const LEFTOVER_AGE = 2_000;
/** Leftovers looked at by one start, at most. */
export const SWEEP_LIMIT = 8;

/** How often a name may change hands under us before we give up. */
const ROUNDS = 8;
/** How often our temporary directory may vanish before we give up. */
const RESTARTS = 3;
const ID_LENGTH = 6;

const succeeded: DiskResult = {};

/**
 * Takes a name. Do what `pollEffect` says, tell by one of the `handle…` how it
 * went, and ask again, until it is `done` or `failed`; either way no file of
 * ours is left but the name itself, and after `failed` not even that. A further
 * result is an `ERR_SOCKEYE_STATE`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type DiskEffect, DiskNameMachine } from "@sockeye/net/protocols";
 *
 * const machine = new DiskNameMachine(0, {
 *   kind: "socket",
 *   path: "/run/app",
 *   mode: 0o600,
 *   group: undefined,
 *   random: 0.5,
 * });
 * const done: string[] = [];
 * for (;;) {
 *   const effect: DiskEffect = machine.pollEffect();
 *   if (effect.do === "done" || effect.do === "failed") break;
 *   done.push(effect.do); // where a driver asks the system, and tells what it said
 *   if (effect.do === "inspect") {
 *     const found = { kind: "socket", identity: "8:42", uid: 0, age: 0 } as const;
 *     machine.handleInspected(1, found);
 *   } else if (effect.do === "list") machine.handleListed(1, []);
 *   else machine.handleDone(1);
 * }
 * assert.deepEqual(done.slice(0, 3), ["makeDirectory", "bind", "inspect"]);
 * assert.equal(machine.identity, "8:42");
 * ```
 */
export class DiskNameMachine {
  readonly #path: string;
  readonly #lockPath: string;
  /** With its slash; empty for the working directory. */
  readonly #directory: string;
  readonly #request: DiskNameRequest;
  /** What a probe says when nobody is there. */
  readonly #gone: ErrorCode;
  readonly #flow: DiskFlow<void>;
  #effect: DiskEffect;
  #now: number;
  #cancelled = false;

  #serial: number;
  #id = "";
  #temporary = "";
  #made = false;
  #bound = false;
  #locked = false;
  #linked = false;
  #own: Found | undefined;

  /** Begins at `now`, ms; the time of every input is on the same clock. */
  constructor(now: number, request: DiskNameRequest) {
    this.#request = request;
    this.#path = request.path;
    this.#lockPath = `${request.path}.lock`;
    this.#directory = request.path.slice(0, request.path.lastIndexOf("/") + 1);
    this.#gone = request.kind === "socket" ? "ECONNREFUSED" : "ENXIO";
    this.#serial = Math.floor(request.random * 36 ** ID_LENGTH);
    this.#now = now;
    this.#flow = this.#run();
    this.#effect = this.#flow.next(succeeded).value as DiskEffect;
  }

  /** Device and inode number of what was bound; known once `done`. */
  get identity(): string {
    return this.#own?.identity ?? "";
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): DiskEffect {
    return this.#effect;
  }

  /** The effect was done, and there is nothing to tell of it. */
  handleDone(now: number): void {
    this.#handle(now, succeeded);
  }

  /** The effect was `inspect`, and this stands there. */
  handleInspected(now: number, found: Found): void {
    this.#handle(now, { found });
  }

  /** The effect was `list`, and these names are there. */
  handleListed(now: number, names: readonly string[]): void {
    this.#handle(now, { names });
  }

  /** The effect failed. */
  handleFailed(now: number, code: ErrorCode, cause?: unknown): void {
    this.#handle(now, { code, cause });
  }

  /**
   * Gives up: what is under way is still to be answered (a wait may be cut
   * short), then all that was made is removed, and it is `failed`. No effect
   * once it is `done`.
   */
  cancel(): void {
    this.#cancelled = true;
  }

  #handle(now: number, result: DiskResult): void {
    const asked = this.#effect.do;
    if (asked === "done" || asked === "failed") {
      throw new SockeyeError(
        "ERR_SOCKEYE_STATE",
        `Cannot take a result: the name is "${asked}" already`,
      );
    }
    this.#now = now;
    this.#effect = this.#flow.next(result).value as DiskEffect;
  }

  // The protocol, top down.

  *#run(): DiskFlow<void> {
    let end: DiskEffect = { do: "done" };
    try {
      yield* this.#take();
      yield* this.#sweep();
    } catch (error) {
      if (!(error instanceof SockeyeError)) throw error;
      end = { do: "failed", error };
      yield* this.#undo();
    }
    yield* this.#removeTemporary();
    yield end;
  }

  *#take(): DiskFlow<void> {
    this.#checkLength();
    for (let restart = 0; restart < RESTARTS; restart++) {
      // Either is false when somebody swept our temporary directory.
      if ((yield* this.#bindTemporary()) && (yield* this.#claim())) {
        yield* this.#unlock();
        return;
      }
      yield* this.#undo();
      yield* this.#removeTemporary();
    }
    throw new SockeyeError("ENOENT", "its directory is not there any more");
  }

  #checkLength(): void {
    if (this.#request.kind === "fifo") {
      return checkRendezvousPath(this.#request.path);
    }
    const length = utf8Length(this.#path);
    if (length > MAX_UNIX_PATH) {
      throw new SockeyeError(
        "ENAMETOOLONG",
        `the path has ${length} bytes, and the system takes ${MAX_UNIX_PATH}`,
      );
    }
    // ".sk" and the id, a slash, and the id again.
    const temporary = utf8Length(this.#directory) + 3 + 2 * ID_LENGTH + 1;
    if (temporary > MAX_UNIX_PATH) {
      throw new SockeyeError(
        "ENAMETOOLONG",
        "its directory's path is too long: a temporary path in it would have " +
          `${temporary} bytes, and the system takes ${MAX_UNIX_PATH}`,
      );
    }
  }

  *#bindTemporary(): DiskFlow<boolean> {
    yield* this.#makeTemporary();
    const path = this.#socket;
    const bound = yield* this.#do({ do: "bind", path });
    if (bound.code === "ENOENT") return false;
    if (bound.code) throw failure(bound, "it cannot be bound");
    const inspected = yield* this.#do({ do: "inspect", path });
    if (inspected.code === "ENOENT") return false;
    if (!inspected.found) throw failure(inspected, "it cannot be inspected");
    this.#own = inspected.found;
    const { mode, group } = this.#request;
    if (group !== undefined) {
      const { uid } = inspected.found;
      const owned = yield* this.#do({ do: "chown", path, uid, group });
      if (owned.code) throw failure(owned, `group ${group} cannot be set`);
    }
    const allowed = yield* this.#do({ do: "chmod", path, mode });
    if (allowed.code) throw failure(allowed, "its mode cannot be set");
    return true;
  }

  *#makeTemporary(): DiskFlow<void> {
    for (let round = 0; round < ROUNDS; round++) {
      this.#nameTemporary();
      const path = this.#temporary;
      const made = yield* this.#do({ do: "makeDirectory", path });
      if (!made.code) return;
      if (made.code !== "EEXIST") {
        throw failure(
          made,
          made.code === "ENOENT"
            ? "its directory does not exist"
            : "nothing can be made in its directory",
        );
      }
    }
    throw new SockeyeError("EEXIST", "no temporary directory can be made");
  }

  #nameTemporary(): void {
    this.#id = (this.#serial++ % 36 ** ID_LENGTH).toString(36)
      .padStart(ID_LENGTH, "0");
    this.#temporary = `${this.#directory}.sk${this.#id}`;
  }

  /** Where our socket is now. */
  get #socket(): string {
    return `${this.#locked ? this.#lockPath : this.#temporary}/${this.#id}`;
  }

  /** Links our socket to the name; false if it was swept before. */
  *#claim(): DiskFlow<boolean> {
    const to = this.#path;
    for (let round = 0; round < ROUNDS; round++) {
      const linked = yield* this.#do({ do: "link", path: this.#socket, to });
      if (!linked.code) return true;
      if (linked.code === "ENOENT") return false;
      if (linked.code !== "EEXIST") {
        throw failure(linked, "its name cannot be linked");
      }
      const stale = yield* judge(this.#path, this.#request.kind, this.#gone);
      this.#stopIfCancelled();
      if (stale === undefined) continue;
      // Inside the lock it is judged again: another start may have been there.
      if (this.#locked) yield* this.#remove(stale);
      else if (!(yield* this.#lock())) return false;
    }
    throw inUse("the name changes hands all the time");
  }

  /** Takes the lock; false if our temporary directory was swept before. */
  *#lock(): DiskFlow<boolean> {
    const since = this.#now;
    const rename: DiskEffect = {
      do: "rename",
      path: this.#temporary,
      to: this.#lockPath,
    };
    for (let pause = 10;; pause = Math.min(2 * pause, 500)) {
      const renamed = yield* this.#do(rename);
      if (!renamed.code) return true;
      if (renamed.code === "ENOENT") return false;
      // EEXIST: a directory with something in it; ENOTDIR: a file.
      if (renamed.code !== "EEXIST" && renamed.code !== "ENOTDIR") {
        throw failure(renamed, `the lock ${this.#lockPath} cannot be taken`);
      }
      const waited = this.#now - since;
      if (waited >= LOCK_WAIT) {
        throw inUse(`another start holds ${this.#lockPath}`, renamed.cause);
      }
      if (waited >= LOCK_PATIENCE && (yield* this.#breakLock())) continue;
      yield* this.#do({ do: "wait", ms: pause });
    }
  }

  /** Removes a dead holder's lock; false if that is not known, or not so. */
  *#breakLock(): DiskFlow<boolean> {
    const path = this.#lockPath;
    if (yield* clearLeftover(this.#sweeper, path, 0)) return true;
    // We make no lock files; another program that takes names by them may. Had
    // its place been taken by a lock of ours meanwhile, unlink would fail.
    const { found } = yield* this.#do({ do: "inspect", path });
    if (found?.kind !== "file" || found.age < LOCK_AGE) return false;
    const holder = yield* this.#do({ do: "probeHolder", path });
    if (!holder.code) return false;
    return !(yield* this.#do({ do: "unlink", path })).code;
  }

  *#unlock(): DiskFlow<void> {
    if (!this.#locked) return;
    const to = this.#temporary;
    const renamed = yield { do: "rename", path: this.#lockPath, to };
    if (!renamed.code) this.#locked = false;
  }

  /** Removes what stands at the name, if it still is what was judged. Not to be cut short. */
  *#remove(stale: Found): DiskFlow<void> {
    const path = this.#path;
    const aside = `${this.#socket}o`;
    const moved = yield { do: "rename", path, to: aside };
    if (moved.code === "ENOENT") return;
    if (moved.code) throw failure(moved, "the stale name cannot be removed");
    const { found } = yield { do: "inspect", path: aside };
    if (found?.identity !== stale.identity) {
      const back = yield { do: "link", path: aside, to: path };
      if (back.code) {
        const kept = `${this.#temporary}/${this.#id}o`;
        throw inUse(`what stood there is now ${kept}`, back.cause);
      }
    }
    yield { do: "unlink", path: aside };
  }

  /** Removes what dead starts left in the directory. What cannot be done is left. */
  *#sweep(): DiskFlow<void> {
    if (this.#locked) return;
    const path = this.#directory || ".";
    const { names = [] } = yield* this.#do({ do: "list", path });
    const [lock, own] = [this.#lockPath, this.#temporary].map((name) =>
      name.slice(this.#directory.length)
    );
    const left = names.filter((name) =>
      name === lock || (isTemporaryName(name) && name !== own)
    );
    for (const name of left.slice(0, SWEEP_LIMIT)) {
      yield* clearLeftover(
        this.#sweeper,
        this.#directory + name,
        LEFTOVER_AGE,
      );
      this.#stopIfCancelled();
    }
  }

  get #sweeper(): Sweeper {
    return {
      kind: this.#request.kind,
      gone: this.#gone,
      uid: this.#own?.uid ?? -1,
      temporary: this.#temporary,
    };
  }

  /** Takes back whatever was done by now, but for the temporary directory. */
  *#undo(): DiskFlow<void> {
    if (this.#linked) {
      const { found } = yield { do: "inspect", path: this.#path };
      if (found && found.identity === this.#own?.identity) {
        yield { do: "unlink", path: this.#path };
      }
      this.#linked = false;
    }
    yield* this.#unlock();
    if (this.#bound) yield { do: "unbind" };
    this.#bound = false;
  }

  *#removeTemporary(): DiskFlow<void> {
    if (!this.#made) return;
    yield { do: "unlink", path: this.#socket };
    const path = this.#locked ? this.#lockPath : this.#temporary;
    yield { do: "removeDirectory", path };
    this.#made = this.#locked = false;
  }

  /** One effect, and where it leaves us; nothing further once cancelled. */
  *#do(effect: DiskEffect): DiskFlow<DiskResult> {
    const result = yield effect;
    if (result.code === undefined) this.#note(effect);
    this.#stopIfCancelled();
    return result;
  }

  #stopIfCancelled(): void {
    if (this.#cancelled) {
      throw new SockeyeError("ERR_SOCKEYE_CLOSED", "it was given up");
    }
  }

  #note(effect: DiskEffect): void {
    if (effect.do === "makeDirectory") this.#made = true;
    else if (effect.do === "bind") this.#bound = true;
    else if (effect.do === "rename") this.#locked = true;
    else if (effect.do === "link" && effect.to === this.#path) {
      this.#linked = true;
    }
  }
}
