/**
 * The simulated network: the verbs of `@sockeye/net` in time that jumps, over
 * a network that delays, splits, stalls, refuses and resets, from a seed.
 *
 * A server that takes its verbs as arguments is tested here without sockets or
 * waiting: an hour of idleness takes a moment, and what went wrong once goes
 * wrong again with the same seed. Addresses are `mem:name`; each simulation
 * has its own. What has no part in it (files, real sockets, `setTimeout`)
 * happens in real time, for which the simulation does not wait.
 *
 * @example
 * ```ts
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, serve, connect, clock } = createSimulation({
 *   seed: 7,
 *   latency: [20, 40],
 *   chunk: [1, 3],
 *   faults: [{ kind: "refuse", count: 1 }],
 * });
 *
 * await run(async () => {
 *   const server = await serve("mem:echo", {
 *     data: (channel, bytes) => void channel.send(bytes),
 *   });
 *   await connect("mem:echo").catch((error) => console.log(error.code));
 *   const client = await connect("mem:echo");
 *   await client.write(new TextEncoder().encode("hello"));
 *   await client.closeWrite();
 *   for await (const bytes of client) {
 *     console.log(clock.now(), new TextDecoder().decode(bytes)); // in pieces
 *   }
 *   await client.close();
 *   await server.close();
 * });
 * ```
 *
 * Datagrams go there too: `bind("mem:name")`, and `bind("mem:*")` for a name
 * that the network chooses. Each takes a latency of its own, so with a range
 * they overtake each other; `lose`, `duplicate` and `delay` are their faults.
 *
 * @example
 * ```ts
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, bind, clock } = createSimulation({
 *   latency: [5, 15],
 *   faults: [{ kind: "lose", count: 2 }],
 * });
 *
 * await run(async () => {
 *   const server = await bind("mem:server", {
 *     onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
 *   });
 *   const client = await bind("mem:*");
 *   await client.connect("mem:server");
 *   for (let answered = false; !answered;) {
 *     await client.send(new TextEncoder().encode("hello"));
 *     answered = await client.receive({ timeout: 100 })
 *       .then(() => true, () => false);
 *     console.log(clock.now(), answered); // twice in vain
 *   }
 *   await client.close();
 *   await server.close();
 * });
 * ```
 *
 * @module
 */
import type { VirtualClock, WaitOptions } from "../adapters/memory/clock.ts";
import type { InputControls } from "../adapters/memory/input.ts";
import type { NetworkControls } from "../adapters/memory/network.ts";
import {
  createMemoryRuntime,
  type MemoryRuntimeOptions,
} from "../adapters/memory/runtime.ts";
import { Poller as AnyPoller } from "../api/poller.ts";
import { createVerbs, type Verbs } from "../api/verbs.ts";
import type { Runtime } from "../core/runtime.ts";

export * from "../api/exports.ts";
export {
  VirtualClock,
  type VirtualClockOptions,
  type WaitOptions,
} from "../adapters/memory/clock.ts";
export type { Fault, FaultScope } from "../adapters/memory/faults.ts";
export type { InputControls } from "../adapters/memory/input.ts";
export type { Side, TraceEvent } from "../adapters/memory/link.ts";
export type {
  MemoryNetworkOptions,
  NetworkControls,
} from "../adapters/memory/network.ts";
export type { Range, Seed } from "../adapters/memory/random.ts";
export type { MemoryRuntimeOptions } from "../adapters/memory/runtime.ts";
export type { Poller } from "../api/poller.ts";
export type { Children } from "../core/children.ts";
export type { Runtime, Scheduler } from "../core/runtime.ts";

/**
 * A network and a time of their own, and the verbs bound to them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, type Simulation } from "@sockeye/net/memory";
 *
 * async function idleFor({ run, advance, clock }: Simulation, ms: number) {
 *   await run(() => advance(ms));
 *   return clock.now();
 * }
 * assert.equal(await idleFor(createSimulation(), 3_600_000), 3_600_000);
 * ```
 */
export interface Simulation extends Verbs {
  /** A poller for sources of this simulation. */
  readonly Poller: new <T = unknown>() => AnyPoller<T>;
  /** Its time. */
  readonly clock: VirtualClock;
  /** Its network, to make things go wrong while a scenario runs. */
  readonly network: NetworkControls;
  /** What comes on its standard input, which `stdin` gives. */
  readonly input: InputControls;
  /** What the verbs are bound to. */
  readonly runtime: Runtime;
  /**
   * Runs a scenario: lets time pass until its promise settles, and gives its
   * value.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_STATE` when nothing is left to happen
   * before it settles, `ETIMEDOUT` after `within` simulated milliseconds
   * (default a day); or whatever the scenario throws.
   */
  readonly run: <T>(
    scenario: () => T | PromiseLike<T>,
    options?: WaitOptions,
  ) => Promise<T>;
  /** Lets `ms` simulated milliseconds pass; within a scenario, a pause. */
  readonly advance: (ms: number) => Promise<void>;
}

/**
 * Makes a simulation.
 *
 * @param options the network's qualities, its faults, and the seed that all
 * chance comes from (default 0)
 * @throws {SockeyeError} `EINVAL` for an amount that makes no sense
 *
 * @example
 * ```ts
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, listen, connect, network, clock } = createSimulation();
 * await run(async () => {
 *   const listener = await listen("mem:quiet");
 *   const client = await connect("mem:quiet");
 *   network.stall(Infinity); // the peer vanishes
 *   await client.read({ timeout: 60_000 }).catch((error) => {
 *     console.log(error.code, clock.now()); // ETIMEDOUT 60000
 *   });
 *   client.abort();
 *   await listener.close();
 * });
 * ```
 */
export function createSimulation(
  options: MemoryRuntimeOptions = {},
): Simulation {
  const runtime = createMemoryRuntime(options);
  const { clock, network, input } = runtime;
  return {
    ...createVerbs(() => runtime),
    Poller: class<T = unknown> extends AnyPoller<T> {
      constructor() {
        super(() => runtime);
      }
    },
    clock,
    network,
    input,
    runtime,
    run: (scenario, options) => clock.run(scenario, options),
    advance: (ms) => clock.advance(ms),
  };
}
