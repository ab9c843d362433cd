/**
 * `serve` for a module whose handler runs in children.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  parseAddress,
} from "../../core/address.ts";
import type { ChildTask } from "../../core/children/messages.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Runtime } from "../../core/runtime.ts";
import { childrenPolicyOf, optionsForChild } from "./options.ts";
import type { ChildrenOptions, ModuleLocation } from "./types.ts";
import {
  borrowOf,
  capacityOf,
  checkOptions,
  limitsOf,
  listenRequestOf,
  onErrorOf,
} from "../options.ts";
import { Crew } from "./crew.ts";
import {
  checkAddress,
  checkHandshakes,
  checkPorts,
  childrenOf,
  copyOf,
  threadsOf,
} from "./handing.ts";
import { PoolServer } from "./pool_server.ts";
import { closeHandle, isChildStrategy, listenOnAll } from "../serve.ts";
import type { Server } from "../types.ts";

/** Whether what is to serve is a module, and not handlers. */
export function isModule(given: unknown): given is ModuleLocation {
  return typeof (given as { href?: unknown } | null)?.href === "string";
}

/** Serves over a runtime by children; see `serve` in `mod.ts`. */
export async function serveByChildren(
  runtime: Runtime,
  at: AddressLike | readonly AddressLike[],
  module: ModuleLocation,
  options: ChildrenOptions,
): Promise<Server> {
  checkOptions(options);
  checkStrategy(options.strategy);
  const addresses = addressesOf(at);
  const { strategy, ...common } = options;
  const children = strategy === "workers"
    ? threadsOf(runtime)
    : childrenOf(runtime, strategy, "children");
  if (strategy !== "workers") {
    for (const address of addresses) checkAddress(address, "children");
    checkHandshakes(common, "children");
  }
  const policy = childrenPolicyOf(options, children.parallelism());
  if (policy.reusesPort) checkPorts(runtime, addresses);
  const data = copyOf(options.childData, "Option childData", children);
  limitsOf(common);
  borrowOf(common);
  const onError = onErrorOf(common);
  const capacity = { ...capacityOf(common), maxConnections: Infinity };
  const { signal } = options;
  let request = listenRequestOf(common);
  let handles = await listenOnAll(children, addresses, request, signal);
  if (policy.reusesPort) {
    // The first ones had the ports for themselves, which shows that they are
    // free: with the option, somebody else's server would share them with us.
    const found = handles.map(({ address }) => address);
    await Promise.all(handles.map(closeHandle));
    request = { ...request, reusePort: true };
    handles = await listenOnAll(children, found, request, signal);
  }
  const task: ChildTask = {
    module: module.href,
    data,
    addresses: handles.map(({ address }) => address),
    request,
    exclusive: policy.limits.exclusive,
    options: optionsForChild(options, policy),
    reports: onError !== undefined,
  };
  const parts = { runtime, children, handles, task, policy };
  const server = new PoolServer({
    ...parts,
    staff: (pool, events) => new Crew(parts, pool, events),
    capacity,
    onError,
  });
  await startedOrClosed(server, options.signal);
  return server;
}

function checkStrategy(strategy: unknown): void {
  if (isChildStrategy(strategy)) return;
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot serve a module: strategy is ${
      JSON.stringify(strategy)
    }, only "process", "prefork" and "workers" are there`,
  );
}

/** @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS`, or `EINVAL` if there is none. */
export function addressesOf(
  at: AddressLike | readonly AddressLike[],
): Address[] {
  const all = (Array.isArray(at) ? at : [at]) as readonly AddressLike[];
  if (all.length > 0) return all.map((one) => parseAddress(one));
  throw new SockeyeError("EINVAL", "Cannot serve: no address is given");
}

/** Until the first child is ready; a signal ends that, and the server. */
async function startedOrClosed(
  server: PoolServer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const onAbort = (): void => void server.close({ grace: 0 });
  signal?.addEventListener("abort", onAbort);
  try {
    await server.started;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
