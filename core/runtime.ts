/**
 * A runtime, as its adapter gives it to the driver: transports, time, chance, and
 * what it can do. What the transports tell and are told is in `transport.ts`.
 *
 * @module
 */
import type { Address } from "./address.ts";
import type { Children, Threads } from "./children.ts";
import type { BindEvents, BindRequest } from "./datagram/transport.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  ListenRequest,
  ListenStartEvents,
  Pending,
  StdinHandle,
} from "./transport.ts";

/**
 * How well a runtime does a thing by itself.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { capabilities, type Support } from "@sockeye/net";
 *
 * const marks: Record<Support, string> = {
 *   native: "yes",
 *   emulated: "partly",
 *   none: "no",
 * };
 * const { features } = await capabilities();
 * assert.equal(marks[features.tcp.support], "yes");
 * ```
 */
export type Support = "native" | "emulated" | "none";

/**
 * One line of {@linkcode Capabilities}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { capabilities, type Capability } from "@sockeye/net";
 *
 * const { features } = await capabilities();
 * const { support, reason }: Capability = features.deferAccept;
 * if (support !== "native") console.log(`Clients may not wait: ${reason}`);
 * assert.ok(support === "native" || reason !== undefined);
 * ```
 */
export interface Capability {
  /** Native, emulated by this library, or not there at all. */
  readonly support: Support;
  /** Why, and what follows from it; absent where the support is native. */
  readonly reason?: string;
}

/**
 * The things that runtimes and transports differ in; `reset` is that of TCP.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { capabilities, type Feature } from "@sockeye/net";
 *
 * const needed: readonly Feature[] = ["tcp", "halfOpen"];
 * const { features } = await capabilities();
 * const lacking = needed.filter((name) => features[name].support === "none");
 * assert.deepEqual(lacking, []);
 * ```
 */
export type Feature =
  | "tcp"
  | "unix"
  | "unixAbstract"
  | "mem"
  | "fifo"
  | "udp"
  | "udpFilter"
  | "udpRefused"
  | "udpErrors"
  | "udpBuffers"
  | "multicast"
  | "stdin"
  | "halfOpen"
  | "reset"
  | "unixReset"
  | "fifoReset"
  | "cancelConnect"
  | "backlog"
  | "deferAccept"
  | "ipv6Only"
  | "noDelay"
  | "keepAlive"
  | "identify"
  | "process"
  | "prefork"
  | "reusePort"
  | "workers"
  | "exec"
  | "orphanExit";

/**
 * The runtimes that have an adapter, and the simulated one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { capabilities, type RuntimeName } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const real: readonly RuntimeName[] = ["node", "deno", "bun"];
 * assert.ok(real.includes((await capabilities()).runtime));
 * const simulation = createSimulation();
 * assert.equal((await simulation.capabilities()).runtime, "memory");
 * ```
 */
export type RuntimeName = "node" | "deno" | "bun" | "memory";

/**
 * What this runtime can do, and what it cannot.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Capabilities, capabilities } from "@sockeye/net";
 *
 * const { runtime, version, features }: Capabilities = await capabilities();
 * for (const [feature, { support, reason }] of Object.entries(features)) {
 *   if (support === "none") {
 *     console.log(`${runtime} ${version} has no ${feature}: ${reason}`);
 *   }
 * }
 * assert.equal(features.mem.support, "native");
 * ```
 */
export interface Capabilities {
  /** The runtime that the adapter is for. */
  readonly runtime: RuntimeName;
  /** Its version, as it tells it. */
  readonly version: string;
  /** A line for every feature, native ones included. */
  readonly features: Readonly<Record<Feature, Capability>>;
}

/** How many descriptors the process may have, and has. */
export interface DescriptorUse {
  /** The soft limit (`RLIMIT_NOFILE`, getrlimit(2)). */
  readonly limit: number;
  /** Descriptors open now. */
  readonly used: number;
}

/**
 * Time and chance, as a runtime or a simulation gives them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Scheduler } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * function pause(scheduler: Scheduler, ms: number): Promise<void> {
 *   return new Promise((resolve) => void scheduler.setTimer(resolve, ms));
 * }
 *
 * const { run, runtime } = createSimulation();
 * await run(() => pause(runtime, 60_000)); // a minute that takes no time
 * assert.equal(runtime.now(), 60_000);
 * ```
 */
export interface Scheduler {
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  now(): number;
  /** Calls back once after `ms`; keeps the process alive until then. */
  setTimer(callback: () => void, ms: number): unknown;
  /** Takes a timer of `setTimer` back; one that has fired is ignored. */
  clearTimer(timer: unknown): void;
  /** Calls back soon: after the code that runs now, before anything of the outside. */
  defer(callback: () => void): void;
  /** Calls back after the runtime has asked the kernel once for news (one turn of its loop). */
  turn(callback: () => void): void;
  /** A number in [0, 1). */
  random(): number;
  /** Shows an error that nobody asked to be told of: on standard error, where there is one. */
  report(error: unknown): void;
}

/**
 * What connections take from a runtime that are there already. A child that is
 * given all that it serves needs no more, and starts the sooner.
 */
export interface RuntimeBase extends Scheduler {
  /** Which runtime it is. */
  readonly name: RuntimeName;
  /** Whether `SOCKEYE_DEBUG` is set: borrowed bytes are poisoned after use. */
  readonly debug: boolean;
  /** Undefined where the platform does not tell. Reads the system: not for each connection. */
  descriptors(): DescriptorUse | undefined;
}

/**
 * Everything that the driver takes from a runtime, simulated ones included.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 * import { createVerbs, formatAddress, type Runtime } from "@sockeye/net/testing";
 *
 * const { run, runtime } = createSimulation();
 * const dialled: string[] = [];
 * const watched: Runtime = {
 *   ...runtime,
 *   connect(to, request, events) {
 *     dialled.push(formatAddress(to));
 *     return runtime.connect(to, request, events);
 *   },
 * };
 * const { connect } = createVerbs(() => watched);
 * await run(() => assert.rejects(connect("mem:nobody")));
 * assert.deepEqual(dialled, ["mem:nobody"]);
 * ```
 */
export interface Runtime extends RuntimeBase {
  /** The way to start children; absent where there are none. */
  readonly children?: Children | undefined;
  /** The way to start threads; absent where there are none. */
  readonly threads?: Threads | undefined;
  /** What it can do. */
  capabilities(): Capabilities;
  /** Makes a connection; `events` tells how it went, never before this returns. */
  connect(
    to: Address,
    request: ConnectRequest,
    events: ConnectEvents,
  ): Pending;
  /** Makes a listener; `events` tells how it went, never before this returns. */
  listen(
    at: Address,
    request: ListenRequest,
    events: ListenStartEvents,
  ): Pending;
  /** Binds a socket for datagrams; `events` tells how it went, never before this returns. */
  bind(at: Address, request: BindRequest, events: BindEvents): Pending;
  /**
   * Standard input. Asked for once: there is one in a process.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` where there is none.
   */
  stdin(): StdinHandle;
}
