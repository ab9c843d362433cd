/**
 * Options of servers whose handlers run in children, checked and completed.
 *
 * @module
 */
import type { PoolLimits } from "../../core/pool/size.ts";
import type { ChildrenOptions } from "./types.ts";
import { count, flag, invalid, whole } from "../options.ts";

export const defaultMaxChildren = 64;
export const defaultStartTimeout = 10_000;
export const defaultGrace = 5000;
/** How long a child is kept that nobody needs just now, ms. */
const idleTimeout = 10_000;

/** What a server does about its children. */
export interface PoolPolicy {
  readonly limits: PoolLimits;
  /** Connections at once, of all children together, as far as they are given them. */
  readonly places: number;
  /** Whether signals close and restart it. */
  readonly signals: boolean;
  /** What connections are given to finish after a signal, ms. */
  readonly grace: number;
}

/** The same, where children run a module's handler. */
export interface ChildrenPolicy extends PoolPolicy {
  /** Whether the listeners are shared with children. */
  readonly shares: boolean;
  /** Whether children listen by themselves, at the same ports. */
  readonly reusesPort: boolean;
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function childrenPolicyOf(
  options: ChildrenOptions,
  processors: number,
): ChildrenPolicy {
  const { strategy } = options;
  const limits = strategy === "process"
    ? processLimitsOf(options, processors)
    : membersLimitsOf(options, processors);
  const reusesPort = flag(options, "reusePort", false);
  if (strategy === "process") refuse(options, "reusePort", strategy);
  return {
    shares: strategy === "prefork" && !reusesPort,
    reusesPort,
    limits,
    places: placesOf(options, limits),
    signals: flag(options, "signals", true),
    grace: count(options, "grace", 0, defaultGrace),
  };
}

function placesOf(options: ChildrenOptions, limits: PoolLimits): number {
  if (options.strategy === "process") return limits.max;
  if (acceptThemselves(options)) return Infinity;
  return whole(options, "maxConnections", 1, Infinity);
}

/** Whether members do, so that each has its share of the places. */
function acceptThemselves({ strategy, reusePort }: ChildrenOptions): boolean {
  return strategy === "prefork" || reusePort === true;
}

function processLimitsOf(
  options: ChildrenOptions,
  processors: number,
): PoolLimits {
  const most = whole(options, "maxChildren", 1, defaultMaxChildren);
  const connections = whole(options, "maxConnections", 1, Infinity);
  refuse(options, "children", "process");
  return {
    ...commonLimitsOf(options, 1, processors),
    exclusive: true,
    min: 0,
    max: Math.min(most, connections),
    spare: whole(options, "spareChildren", 0, 1),
  };
}

function membersLimitsOf(
  options: ChildrenOptions,
  processors: number,
): PoolLimits {
  const most = acceptThemselves(options)
    ? whole(options, "maxConnections", 1, Infinity)
    : Infinity;
  const standard = Math.min(Math.max(processors, 2), most);
  const min = whole(options, "children", 1, standard);
  // A member with no place could serve nobody.
  if (min > most) {
    const expected = `at least ${min}: one for each of the children`;
    throw invalid("maxConnections", most, expected);
  }
  refuse(options, "spareChildren", options.strategy);
  return {
    ...commonLimitsOf(options, Infinity, processors),
    exclusive: false,
    min,
    max: whole(options, "maxChildren", min, 2 * min),
    spare: 0,
  };
}

function commonLimitsOf(
  options: ChildrenOptions,
  connections: number,
  processors: number,
): Omit<PoolLimits, "exclusive" | "min" | "max" | "spare"> {
  return {
    // Starting is work: some more than there are processors fill its pauses.
    maxStarting: 4 * processors,
    maxConnectionsPerChild: whole(
      options,
      "maxConnectionsPerChild",
      1,
      connections,
    ),
    maxAge: count(options, "maxAge", 1, Infinity),
    startTimeout: count(options, "startTimeout", 1, defaultStartTimeout),
    idleTimeout,
  };
}

function refuse(
  options: ChildrenOptions,
  name: "children" | "spareChildren" | "reusePort",
  strategy: string,
): void {
  if (options[name] === undefined) return;
  throw invalid(name, options[name], `none with strategy "${strategy}"`);
}

/** The options that a child's own server is given: plain values alone. */
export function optionsForChild(
  options: ChildrenOptions,
  { limits }: ChildrenPolicy,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const name of forChild) {
    if (options[name] !== undefined) given[name] = options[name];
  }
  const { maxConnections = Infinity } = options;
  if (acceptThemselves(options) && maxConnections !== Infinity) {
    given.maxConnections = Math.floor(maxConnections / limits.min);
  }
  return given;
}

const forChild = [
  "noDelay",
  "keepAlive",
  "keepAliveDelay",
  "allowHalfOpen",
  "readHighWater",
  "writeHighWater",
  "maxQueued",
  "flushTimeout",
  "lingerTimeout",
  "overflow",
  "maxWaiting",
  "borrow",
] as const;
