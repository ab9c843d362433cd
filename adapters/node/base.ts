/**
 * What connections on Node take from it that are there already.
 *
 * @module
 */
import process from "node:process";
import type { RuntimeBase } from "../../core/runtime.ts";
import { descriptorUse } from "../_shared/descriptors.ts";
import { mistakesResets } from "../_shared/net/end.ts";
import { scheduler } from "../_shared/scheduler.ts";

/** Node, as connections see it. */
export const base: RuntimeBase = {
  ...scheduler,
  name: "node",
  debug: Boolean(process.env.SOCKEYE_DEBUG),
  turn,
  descriptors: descriptorUse,
};

/** Where an end must be read twice to be believed (`net/end.ts`), news of it takes two. */
function turn(callback: () => void): void {
  if (!mistakesResets) return scheduler.turn(callback);
  scheduler.turn(() => scheduler.turn(callback));
}
