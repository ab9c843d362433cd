/**
 * Giving a name on disk back; taking one is in `disk_name.ts`.
 *
 * @module
 */
import type { DiskEffect, Found } from "./effects.ts";

/**
 * Gives a name back: removes it, if it still stands for what we bound. To be
 * run while that is still open, for only so long is its inode number ours.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DiskNameReleaseMachine } from "@sockeye/net/protocols";
 *
 * const machine = new DiskNameReleaseMachine("/run/app", "8:42");
 * assert.deepEqual(machine.pollEffect(), { do: "inspect", path: "/run/app" });
 * // Another server has bound the path meanwhile: it is left alone.
 * machine.handleInspected({ kind: "socket", identity: "8:43", uid: 0, age: 0 });
 * assert.deepEqual(machine.pollEffect(), { do: "done" });
 * ```
 */
export class DiskNameReleaseMachine {
  readonly #path: string;
  readonly #identity: string;
  #effect: DiskEffect;

  /** `identity` is `DiskNameMachine.identity` of when the name was taken. */
  constructor(path: string, identity: string) {
    this.#path = path;
    this.#identity = identity;
    this.#effect = { do: "inspect", path };
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): DiskEffect {
    return this.#effect;
  }

  /** The effect was `inspect`, and this stands there. */
  handleInspected(found: Found): void {
    this.#effect = found.identity === this.#identity
      ? { do: "unlink", path: this.#path }
      : { do: "done" };
  }

  /** The unlink went well, or anything did not. */
  handleOther(): void {
    this.#effect = { do: "done" };
  }
}
