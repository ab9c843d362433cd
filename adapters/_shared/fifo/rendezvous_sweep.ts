/**
 * Removing what dead clients left beside a rendezvous: does what
 * `core/rendezvous/sweep.ts` asks for. One effect at a time in the runtime's
 * pool of threads: a large directory stops nobody.
 *
 * @module
 */
import { lstat, readdir, unlink } from "node:fs/promises";
import { SockeyeError } from "../../../core/error.ts";
import {
  RendezvousSweep,
  type SweepEffect,
} from "../../../core/rendezvous/sweep.ts";
import { found } from "../disk_name/found.ts";
import { errorCode } from "../errors.ts";
import type { FifoPlatform } from "./platform.ts";
import { probeFifo } from "./rendezvous_files.ts";

/** Sweeps once; never rejects, for what cannot be removed is left. */
export async function sweepRendezvous(
  platform: FifoPlatform,
  path: string,
  age: number,
): Promise<void> {
  const machine = new RendezvousSweep({ path, age });
  for (;;) {
    const effect = machine.pollEffect();
    if (effect.do === "done") return;
    try {
      await perform(platform, machine, effect);
    } catch (error) {
      machine.handleFailed(errorCode(error));
    }
  }
}

async function perform(
  platform: FifoPlatform,
  machine: RendezvousSweep,
  effect: Exclude<SweepEffect, { do: "done" }>,
): Promise<void> {
  switch (effect.do) {
    case "list":
      return machine.handleListed(await readdir(effect.path));
    case "inspect":
      return machine.handleFound(
        found(await lstat(effect.path, { bigint: true })),
      );
    case "unlink":
      await unlink(effect.path);
      return machine.handleDone();
    case "probe":
      return answer(machine, probeFifo(effect.path));
    case "probeProcess":
      return answer(machine, platform.isGone(effect.pid) ? "ENOENT" : "alive");
    default:
      effect satisfies never;
  }
}

function answer(
  machine: RendezvousSweep,
  said: ReturnType<typeof probeFifo>,
): void {
  if (said !== "alive") throw new SockeyeError(said, `the probe gave ${said}`);
  machine.handleDone();
}
