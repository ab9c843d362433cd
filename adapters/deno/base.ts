/**
 * What connections on Deno take from it that are there already.
 *
 * @module
 */
import type { DescriptorUse, RuntimeBase } from "../../core/runtime.ts";
import { descriptorUse } from "../_shared/descriptors.ts";
import { scheduler } from "../_shared/scheduler.ts";
import { isGranted } from "./permissions.ts";
import { turn } from "./turn.ts";

/** Deno, as connections see it. */
export const base: RuntimeBase = {
  ...scheduler,
  name: "deno",
  debug: readDebug(),
  turn,
  descriptors,
};

function descriptors(): DescriptorUse | undefined {
  const path = "/proc/self/fd";
  return isGranted({ name: "read", path }) ? descriptorUse() : undefined;
}

/** Asked while the module is loaded, which another runtime may do as well. */
function readDebug(): boolean {
  if (!("Deno" in globalThis)) return false;
  const variable = "SOCKEYE_DEBUG";
  return isGranted({ name: "env", variable }) &&
    Boolean(Deno.env.get(variable));
}
