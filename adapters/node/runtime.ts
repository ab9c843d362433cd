/**
 * The Node adapter, over `node:net`: Node has no other API for sockets.
 *
 * @module
 */
import process from "node:process";
import type { Capability, Feature, Runtime } from "../../core/runtime.ts";
import { everything } from "../_shared/grants.ts";
import { startProgram } from "../_shared/programs/start.ts";
import { plainTraits } from "../_shared/datagram/traits.ts";
import { nodePlatform } from "../_shared/fifo/platform.ts";
import { listenAtPath, listenDirectly } from "../_shared/net/listener.ts";
import { runtimeOf } from "../_shared/runtime.ts";
import { base } from "./base.ts";
import { connectStream } from "./connect.ts";
import { fifoEnds } from "./fifo_ends.ts";

/** Node, as the driver sees it. */
export const runtime: Runtime = runtimeOf({
  base,
  version: () => process.versions.node,
  connectStream,
  listenDirectly,
  listenAtPath,
  fifo: nodePlatform(fifoEnds),
  dgram: plainTraits,
  grants: everything,
  startProgram,
  gaps,
});

function gaps(): Partial<Record<Feature, Capability>> {
  const deferAccept: Capability = {
    support: "emulated",
    reason: "Node accepts eagerly: connections wait accepted and unread",
  };
  if (Number.parseInt(process.versions.node) >= 22) return { deferAccept };
  return {
    deferAccept,
    unixAbstract: {
      support: "none",
      reason: "Node before 22 pads abstract names with NULs: " +
        "no other program could reach them",
    },
  };
}
