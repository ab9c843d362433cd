/**
 * Removing what dead clients left beside a rendezvous: a client that is killed
 * before its record leaves a pair that nobody announced.
 *
 * @module
 */
import type { Found } from "../disk_name/effects.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";

/** The next thing to do; after `done` nothing follows. */
export type SweepEffect =
  /** Names in a directory; answered by `handleListed`. */
  | { readonly do: "list"; readonly path: string }
  /** `lstat`; answered by `handleFound`. */
  | { readonly do: "inspect"; readonly path: string }
  /** Done: somebody reads there. Failed with `ENXIO`: nobody. */
  | { readonly do: "probe"; readonly path: string }
  /** Failed with `ENOENT`: there is no such process. */
  | { readonly do: "probeProcess"; readonly pid: number }
  | { readonly do: "unlink"; readonly path: string }
  | { readonly do: "done" };

/** Which leftovers are looked for. */
export interface SweepOptions {
  /** Of the rendezvous. */
  readonly path: string;
  /**
   * From which age on a pair that nobody reads is a leftover, ms: one handshake
   * period. Where its process is gone it is one at once. (A process that we
   * cannot see, in another pid namespace, looks gone; should the sweep hit the
   * moment between its mkfifo and its open, it makes its pair anew.)
   */
  readonly age: number;
}

/** Pairs looked at by one sweep, at most; the next goes on. */
export const SWEEP_PAIRS = 1024;

/**
 * How long to wait between two sweeps, ms: one handshake period, given in ms,
 * but at least 1 s and at most 60 s.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { sweepInterval } from "@sockeye/net/protocols";
 *
 * const pauses = [50, 5_000, 3_600_000].map(sweepInterval);
 * assert.deepEqual(pauses, [1_000, 5_000, 60_000]);
 * ```
 */
export function sweepInterval(timeout: number): number {
  return Math.min(Math.max(timeout, 1_000), 60_000);
}

interface SweepResult {
  readonly code?: ErrorCode;
  readonly found?: Found;
  readonly names?: readonly string[];
}

/**
 * One sweep. Do what `pollEffect` says, tell by one of the `handle…` how it
 * went, and ask again, until it is `done`; a further result is an
 * `ERR_SOCKEYE_STATE`. What cannot be removed is left.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { RendezvousSweep } from "@sockeye/net/protocols";
 *
 * const sweep = new RendezvousSweep({ path: "/run/app", age: 5000 });
 * assert.deepEqual(sweep.pollEffect(), { do: "list", path: "/run/" });
 * sweep.handleListed(["app", "app.4711.0123456789abcdef0123456789abcdef.s2c"]);
 * assert.equal(sweep.pollEffect().do, "inspect");
 * sweep.handleFound({ kind: "fifo", identity: "8:43", uid: 0, age: 9000 });
 * sweep.handleFailed("ENOENT"); // there is no .c2s beside it
 * assert.equal(sweep.pollEffect().do, "probe");
 * sweep.handleFailed("ENXIO"); // nobody has it open
 * assert.equal(sweep.pollEffect().do, "unlink");
 * sweep.handleDone();
 * assert.deepEqual([sweep.pollEffect().do, sweep.removed], ["done", 1]);
 * ```
 */
export class RendezvousSweep {
  readonly #options: SweepOptions;
  readonly #flow: Flow<void>;
  #effect: SweepEffect;
  #removed = 0;

  /** Begins at once. */
  constructor(options: SweepOptions) {
    this.#options = options;
    this.#flow = this.#run();
    this.#effect = this.#flow.next({}).value as SweepEffect;
  }

  /** Files removed so far. */
  get removed(): number {
    return this.#removed;
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): SweepEffect {
    return this.#effect;
  }

  /** The effect was done, and there is nothing to tell of it. */
  handleDone(): void {
    this.#handle({});
  }

  /** The effect was `inspect`. */
  handleFound(found: Found): void {
    this.#handle({ found });
  }

  /** The effect was `list`. */
  handleListed(names: readonly string[]): void {
    this.#handle({ names });
  }

  /** The effect failed. */
  handleFailed(code: ErrorCode): void {
    this.#handle({ code });
  }

  #handle(result: SweepResult): void {
    if (this.#effect.do === "done") {
      throw new SockeyeError(
        "ERR_SOCKEYE_STATE",
        "Cannot take a result: the sweep is over",
      );
    }
    this.#effect = this.#flow.next(result).value as SweepEffect;
  }

  *#run(): Flow<void> {
    const { path } = this.#options;
    const directory = path.slice(0, path.lastIndexOf("/") + 1);
    const { names = [] } = yield { do: "list", path: directory || "." };
    const prefix = `${path.slice(directory.length)}.`;
    const bases = new Set<string>();
    for (const name of names) {
      if (!name.startsWith(prefix) || bases.size >= SWEEP_PAIRS) continue;
      const rest = name.slice(prefix.length);
      if (/^[1-9]\d{0,9}\.[0-9a-f]{32}\.(?:c2s|s2c)$/.test(rest)) {
        bases.add(name.slice(0, -".c2s".length));
      }
    }
    for (const base of bases) {
      const pid = Number(base.slice(prefix.length).split(".")[0]);
      yield* this.#sweep(directory + base, pid);
    }
    yield { do: "done" };
  }

  *#sweep(base: string, pid: number): Flow<void> {
    const s2c = `${base}.s2c`;
    const left: string[] = [];
    let youngest = Infinity;
    for (const path of [s2c, `${base}.c2s`]) {
      const { found, code } = yield { do: "inspect", path };
      if (code === "ENOENT") continue;
      if (found?.kind !== "fifo") return;
      left.push(path);
      youngest = Math.min(youngest, found.age);
    }
    if (youngest < this.#options.age) {
      const { code } = yield { do: "probeProcess", pid };
      if (code !== "ENOENT") return;
    }
    if (left.includes(s2c)) {
      const { code } = yield { do: "probe", path: s2c };
      if (code !== "ENXIO") return;
    }
    for (const path of left) {
      const { code } = yield { do: "unlink", path };
      if (code === undefined) this.#removed++;
    }
  }
}

type Flow<T> = Generator<SweepEffect, T, SweepResult>;
