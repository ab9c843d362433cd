/**
 * What can go wrong in the simulated network, and whom it hits.
 *
 * @module
 */
import type { ErrnoCode } from "../../core/error.ts";
import { checkRange, type Random, type Range } from "./random.ts";
import { SockeyeError } from "../../core/error.ts";

/**
 * Whom a fault hits. Several faults may hit one connection or datagram.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, type Fault } from "@sockeye/net/memory";
 *
 * const fault: Fault = { kind: "refuse", name: "db", count: 2 };
 * const { run, connect, listen } = createSimulation({ faults: [fault] });
 * await run(async () => {
 *   const listener = await listen("mem:db");
 *   for (let i = 0; i < 2; i++) {
 *     await assert.rejects(connect("mem:db"), { code: "ECONNREFUSED" });
 *   }
 *   (await connect("mem:db")).abort(); // it is used up
 *   await listener.close();
 * });
 * ```
 */
export interface FaultScope {
  /** The name that is connected or sent to. Default: every name. */
  name?: string;
  /** The chance of each connection or datagram, 0 to 1. Default 1. */
  probability?: number;
  /** How many of them it hits before it is used up. Default: any number. */
  count?: number;
}

/**
 * One kind of fault, and whom it hits:
 *
 * - `refuse`: the connect fails with `ECONNREFUSED`, although somebody listens
 * - `reset`: both sides are told of a reset; after `afterBytes` bytes (both
 *   directions together; these still arrive), or `afterMs` after the
 *   connection was made, whatever comes first; without either, at once
 * - `resetInQueue`: reset while it waits to be accepted; the listener gets a
 *   connection that is reset (as on Linux), or with `acceptFails` (default
 *   false) a failed accept (`ECONNABORTED`)
 * - `stall`: nothing is delivered for `ms`, resets included; begins after
 *   `afterBytes` or `afterMs`, or at once. `Infinity` is a peer that vanished
 * - `slowAccept`: it is ready to be accepted `ms` later than it could be
 * - `acceptError`: the accept fails with `code`, and the connection goes on
 *   waiting
 *
 * And of datagrams:
 *
 * - `lose`: it never arrives
 * - `duplicate`: it arrives once more, at a time of its own
 * - `delay`: it takes `ms` more, so that later ones overtake it
 *
 * Times are simulated milliseconds. Amounts may be ranges, `[least, most]`,
 * drawn from the seed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, bind, clock } = createSimulation({
 *   faults: [{ kind: "delay", ms: 500, count: 1 }],
 * });
 * await run(async () => {
 *   const socket = await bind("mem:*");
 *   await socket.send(new Uint8Array([1]), socket.localAddress);
 *   await socket.send(new Uint8Array([2]), socket.localAddress);
 *   assert.equal((await socket.receive()).bytes[0], 2);
 *   assert.equal((await socket.receive()).bytes[0], 1);
 *   assert.equal(clock.now(), 500);
 *   await socket.close();
 * });
 * ```
 */
export type Fault =
  & FaultScope
  & (
    | { kind: "refuse" }
    | { kind: "reset"; afterBytes?: Range; afterMs?: Range }
    | { kind: "resetInQueue"; acceptFails?: boolean }
    | { kind: "stall"; ms: Range; afterBytes?: Range; afterMs?: Range }
    | { kind: "slowAccept"; ms: Range }
    | { kind: "acceptError"; code: ErrnoCode }
    | { kind: "lose" }
    | { kind: "duplicate" }
    | { kind: "delay"; ms: Range }
  );

interface Rule {
  readonly fault: Fault;
  left: number;
}

/** The faults that are in force. */
export class FaultPlan {
  readonly #rules: Set<Rule> = new Set();
  readonly #random: Random;

  constructor(faults: readonly Fault[], random: Random) {
    this.#random = random;
    for (const fault of faults) this.add(fault);
  }

  /** Puts one into force; gives the way to lift it. */
  add(fault: Fault): () => void {
    checkFault(fault);
    const rule = { fault, left: fault.count ?? Infinity };
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  /** Those of one kind that hit a connection or datagram to `name`; to be asked once for each. */
  hits<K extends Fault["kind"]>(
    kind: K,
    name: string,
  ): Extract<Fault, { kind: K }>[] {
    const found: Extract<Fault, { kind: K }>[] = [];
    for (const rule of this.#rules) {
      const { fault } = rule;
      if (fault.kind !== kind || rule.left <= 0) continue;
      if (fault.name !== undefined && fault.name !== name) continue;
      const { probability = 1 } = fault;
      if (probability < 1 && this.#random() >= probability) continue;
      rule.left--;
      found.push(fault as Extract<Fault, { kind: K }>);
    }
    return found;
  }
}

function checkFault(fault: Fault): void {
  checkRange("count", fault.count, 0);
  const { probability = 1 } = fault;
  if (!(probability >= 0 && probability <= 1)) {
    throw new SockeyeError(
      "EINVAL",
      `Cannot simulate probability ${probability}: expected 0 to 1`,
    );
  }
  if ("ms" in fault) checkRange("ms", fault.ms, 0);
  if ("afterMs" in fault) checkRange("afterMs", fault.afterMs, 0);
  if ("afterBytes" in fault) checkRange("afterBytes", fault.afterBytes, 0);
}
