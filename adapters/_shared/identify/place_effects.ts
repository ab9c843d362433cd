/**
 * What `core/credentials.ts` asks of the disk, by `node:fs`, the same on Node,
 * Deno and Bun. In one call each: a look at a name takes 10 µs, and a wait for
 * it as a promise ten times that.
 *
 * @module
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import type {
  PlaceEffect,
  PlaceFlow,
  PlaceResult,
} from "../../../core/credentials/effects.ts";
import { PlaceMachine } from "../../../core/credentials/place.ts";
import { found } from "../disk_name/found.ts";
import { translateError } from "../errors.ts";

/** Does one effect, and tells how it went. */
export function performPlace(effect: PlaceEffect): PlaceResult {
  try {
    return perform(effect);
  } catch (error) {
    return { code: translateError(error).code, cause: error };
  }
}

function perform(effect: PlaceEffect): PlaceResult {
  switch (effect.do) {
    case "resolve":
      return { path: realpathSync(effect.path) };
    case "inspect":
      return { found: found(lstatSync(effect.path, { bigint: true })) };
    case "list":
      return { names: readdirSync(effect.path) };
    case "makeDirectory":
      mkdirSync(effect.path, { mode: effect.mode });
      return {};
    case "chmod":
      chmodSync(effect.path, effect.mode);
      return {};
    case "unlink":
      unlinkSync(effect.path);
      return {};
    case "removeDirectory":
      rmdirSync(effect.path);
      return {};
    default:
      return effect satisfies never;
  }
}

/**
 * Runs a flow on the disk alone to its end.
 *
 * @throws {SockeyeError} what it throws.
 */
export function runPlace<T>(flow: PlaceFlow<T>): T {
  const machine = new PlaceMachine(flow);
  for (;;) {
    const effect = machine.pollEffect();
    if (effect === undefined) return machine.result;
    machine.handleResult(performPlace(effect));
  }
}
