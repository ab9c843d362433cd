/// <reference types="bun-types" />
/**
 * The Bun adapter: over `Bun.listen` and `Bun.connect`, not `node:net`.
 *
 * Bun's own API is the faster of the two. An echo server's processor time for
 * each message, µs, medians of five runs in turns (Bun 1.4.4, `bench/servers`,
 * load from C on the other core), and connections accepted in a second:
 *
 * |                         | own API |   net  |
 * | ----------------------- | ------: | -----: |
 * | TCP, 64 × 64 B          |     5.9 |    7.0 |
 * | TCP, 1 × 64 KiB         |      47 |     52 |
 * | Unix, 64 × 64 B         |     3.1 |    4.1 |
 * | Unix, 1 × 64 KiB        |      44 |     49 |
 * | TCP, connections a s    |  31,900 | 28,900 |
 * | Unix, connections a s   |  77,300 | 52,600 |
 *
 * Through this adapter the same four cost 103, 98, 98 and 105 % of the bare
 * server's time; single runs scatter by 15 %.
 *
 * It is also the one whose events can be told apart: `node:net` on Bun emits
 * `end` for our own `destroy()`. What its own API does otherwise than the
 * contract wants is written where it is dealt with: ends and resets in
 * `stream.ts`, names and eager accepting in `listener.ts`, the descriptor limit
 * in `reserve.ts`, lost error codes in `unix_probe.ts`. A gap remains: a TCP
 * connect that finds no route (ENETUNREACH) says ECONNREFUSED, on both of
 * Bun's interfaces.
 *
 * @module
 */
import type { Capability, Feature, Runtime } from "../../core/runtime.ts";
import { everything } from "../_shared/grants.ts";
import { startProgram } from "../_shared/programs/start.ts";
import { plainTraits } from "../_shared/datagram/traits.ts";
import { nodePlatform } from "../_shared/fifo/platform.ts";
import { runtimeOf } from "../_shared/runtime.ts";
import { base } from "./base.ts";
import { connectStream } from "./connect.ts";
import { fifoEnds } from "./fifo_ends.ts";
import { listenAtPath, listenDirectly } from "./listener.ts";

/** Bun, as the driver sees it. */
export const runtime: Runtime = runtimeOf({
  base,
  version: () => Bun.version,
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
  return {
    exec: {
      support: "native",
      reason:
        "At the limit of processes (RLIMIT_NPROC) Bun aborts when it wants a thread of its own",
    },
    cancelConnect: {
      support: "emulated",
      reason: "Bun cannot give up a connect: what opens late is reset",
    },
    backlog: {
      support: "none",
      reason: "Bun ignores it: the queue has 512 places",
    },
    deferAccept: {
      support: "emulated",
      reason: "Bun accepts eagerly: connections wait accepted and unread",
    },
  };
}
