/**
 * The simulated network as a runtime of its own, and beside a real one.
 *
 * @module
 */
import { type Address, formatAddress } from "../../core/address.ts";
import type { BindEvents, BindRequest } from "../../core/datagram/transport.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Capabilities, Capability, Runtime } from "../../core/runtime.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../core/transport.ts";
import { VirtualClock } from "./clock.ts";
import { MemoryInput } from "./input.ts";
import { MemoryNetwork, type MemoryNetworkOptions } from "./network.ts";

/**
 * Options of {@linkcode createMemoryRuntime}: the network's, and the clock.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, VirtualClock } from "@sockeye/net/memory";
 *
 * const clock = new VirtualClock();
 * const near = createSimulation({ clock, latency: 1 });
 * const far = createSimulation({ clock, latency: 100 }); // one time for both
 * await near.run(async () => {
 *   const listener = await far.listen("mem:name");
 *   await assert.rejects(near.connect("mem:name"), { code: "ECONNREFUSED" });
 *   (await far.connect("mem:name")).abort();
 *   await listener.close();
 * });
 * ```
 */
export interface MemoryRuntimeOptions
  extends Omit<MemoryNetworkOptions, "scheduler"> {
  /** Default: a new one, from the same seed. */
  clock?: VirtualClock;
  /** As `SOCKEYE_DEBUG` on a real runtime. Default false. */
  debug?: boolean;
}

/** A runtime whose time and network are simulated. */
export interface MemoryRuntime extends Runtime {
  readonly name: "memory";
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly input: MemoryInput;
}

/**
 * Makes a runtime of its own: a clock, and a network that only it reaches.
 *
 * @throws {SockeyeError} `EINVAL` for an option that makes no sense.
 */
export function createMemoryRuntime(
  options: MemoryRuntimeOptions = {},
): MemoryRuntime {
  const { seed = 0, clock = new VirtualClock({ seed }) } = options;
  const network = new MemoryNetwork({ ...options, scheduler: clock });
  const input = new MemoryInput(clock);
  const { descriptorLimit } = options;
  return {
    name: "memory",
    debug: options.debug ?? false,
    clock,
    network,
    input,
    ...schedulerOf(clock),
    capabilities: () => simulated,
    descriptors: () =>
      descriptorLimit === undefined
        ? undefined
        : { limit: descriptorLimit, used: network.descriptors },
    connect: (to, _request, events) =>
      to.transport === "mem"
        ? network.connect(to, events)
        : refuse(clock, to, events),
    listen: (at, request, events) =>
      at.transport === "mem"
        ? network.listen(at, request, events)
        : refuse(clock, at, events),
    bind: (at, _request, events) =>
      at.transport === "mem"
        ? network.bind(at, events)
        : refuse(clock, at, events),
    stdin: () => input,
  };
}

let shared: MemoryNetwork | undefined;
const wrapped = new WeakMap<Runtime, Runtime>();

/**
 * Gives a runtime the addresses `mem:name`, in the one network of the process:
 * no latency, no faults, the time of the first runtime that it is given to.
 * Everything else is passed through. The same runtime gives the same result.
 *
 * An idle listener or connection there does not keep the process alive, since
 * nothing could reach it from outside.
 */
export function withMemory(runtime: Runtime): Runtime {
  const known = wrapped.get(runtime);
  if (known !== undefined) return known;
  const network = shared ??= new MemoryNetwork({ scheduler: runtime });
  let capabilities: Capabilities | undefined;
  const result: Runtime = {
    name: runtime.name,
    debug: runtime.debug,
    ...schedulerOf(runtime),
    children: runtime.children,
    threads: runtime.threads,
    capabilities: () => capabilities ??= addMem(runtime.capabilities()),
    descriptors: () => runtime.descriptors(),
    connect: (
      to: Address,
      request: ConnectRequest,
      events: ConnectEvents,
    ): Pending =>
      to.transport === "mem"
        ? network.connect(to, events)
        : runtime.connect(to, request, events),
    listen: (
      at: Address,
      request: ListenRequest,
      events: ListenStartEvents,
    ): Pending =>
      at.transport === "mem"
        ? network.listen(at, request, events)
        : runtime.listen(at, request, events),
    bind: (at: Address, request: BindRequest, events: BindEvents): Pending =>
      at.transport === "mem"
        ? network.bind(at, events)
        : runtime.bind(at, request, events),
    stdin: () => runtime.stdin(),
  };
  wrapped.set(runtime, result);
  return result;
}

type SchedulerPart = Pick<
  Runtime,
  "now" | "setTimer" | "clearTimer" | "defer" | "turn" | "random" | "report"
>;

function schedulerOf(scheduler: SchedulerPart): SchedulerPart {
  return {
    now: () => scheduler.now(),
    setTimer: (callback, ms) => scheduler.setTimer(callback, ms),
    clearTimer: (timer) => scheduler.clearTimer(timer),
    defer: (callback) => scheduler.defer(callback),
    turn: (callback) => scheduler.turn(callback),
    random: () => scheduler.random(),
    report: (error) => scheduler.report(error),
  };
}

function addMem(capabilities: Capabilities): Capabilities {
  const features = { ...capabilities.features, mem: native };
  return { ...capabilities, features };
}

const native: Capability = { support: "native" };
const none: Capability = {
  support: "none",
  reason: "The simulated network has mem: addresses only",
};

const simulated: Capabilities = {
  runtime: "memory",
  version: "simulated",
  features: {
    tcp: none,
    unix: none,
    unixAbstract: none,
    mem: native,
    fifo: none,
    udp: none,
    udpFilter: native,
    udpRefused: native,
    udpErrors: none,
    udpBuffers: none,
    multicast: none,
    stdin: native,
    halfOpen: native,
    reset: native,
    unixReset: none,
    fifoReset: none,
    cancelConnect: native,
    backlog: native,
    deferAccept: native,
    ipv6Only: none,
    noDelay: none,
    keepAlive: none,
    identify: none,
    process: none,
    prefork: none,
    workers: none,
    exec: none,
    reusePort: none,
    orphanExit: none,
  },
};

function refuse(
  clock: VirtualClock,
  address: Address,
  events: { failed(error: SockeyeError): void },
): Pending {
  const error = new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `The simulated network has no ${formatAddress(address)}: its addresses ` +
      "are mem:name",
  );
  let cancelled = false;
  clock.turn(() => cancelled || events.failed(error));
  return { cancel: () => void (cancelled = true) };
}
