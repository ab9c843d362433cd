/**
 * What connections on Bun take from it that are there already.
 *
 * @module
 */
import process from "node:process";
import type { RuntimeBase } from "../../core/runtime.ts";
import { descriptorUse } from "../_shared/descriptors.ts";
import { scheduler } from "../_shared/scheduler.ts";

/** Bun, as connections see it. */
export const base: RuntimeBase = {
  ...scheduler,
  name: "bun",
  debug: Boolean(process.env.SOCKEYE_DEBUG),
  descriptors: descriptorUse,
};
