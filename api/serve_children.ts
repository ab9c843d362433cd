/**
 * `serve` for a module whose handler runs in children.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
  isAbstract,
  parseAddress,
} from "../core/address.ts";
import type { Children } from "../core/children.ts";
import { SockeyeError } from "../core/error.ts";
import type { Runtime } from "../core/transport.ts";
import {
  childDataOf,
  childrenPolicyOf,
  optionsForChild,
} from "./children_options.ts";
import type { ChildrenOptions, ModuleLocation } from "./children_types.ts";
import {
  borrowOf,
  capacityOf,
  checkOptions,
  limitsOf,
  listenRequestOf,
  onErrorOf,
} from "./options.ts";
import { PoolServer } from "./pool_server.ts";
import { listenOnAll } from "./serve.ts";
import type { ListenOptions, Server } from "./types.ts";

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
  const children = childrenOf(runtime, options.strategy);
  addresses.forEach(checkAddress);
  const { strategy: _, ...common } = options;
  checkHandshakes(common);
  const policy = childrenPolicyOf(options, children.parallelism());
  const data = childDataOf(options);
  limitsOf(common);
  borrowOf(common);
  const onError = onErrorOf(common);
  const capacity = { ...capacityOf(common), maxConnections: Infinity };
  const request = listenRequestOf(common);
  const handles = await listenOnAll(children, addresses, common);
  const server = new PoolServer({
    runtime,
    children,
    handles,
    task: {
      module: module.href,
      data,
      addresses: handles.map(({ address }) => address),
      request,
      exclusive: policy.limits.exclusive,
      options: optionsForChild(options, policy),
      reports: onError !== undefined,
    },
    policy,
    capacity,
    onError,
  });
  await startedOrClosed(server, options.signal);
  return server;
}

function checkStrategy(strategy: unknown): void {
  if (strategy === "process" || strategy === "prefork") return;
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot serve a module: strategy is ${
      JSON.stringify(strategy)
    }, only "process" and "prefork" are there`,
  );
}

function addressesOf(at: AddressLike | readonly AddressLike[]): Address[] {
  const all = (Array.isArray(at) ? at : [at]) as readonly AddressLike[];
  if (all.length > 0) return all.map((one) => parseAddress(one));
  throw new SockeyeError("EINVAL", "Cannot serve: no address is given");
}

function childrenOf(
  runtime: Runtime,
  strategy: ChildrenOptions["strategy"],
): Children {
  const { children } = runtime;
  if (children === undefined) {
    throw unsupported("this runtime starts no children");
  }
  const { support, reason } = runtime.capabilities().features[strategy];
  if (support === "none") throw unsupported(reason!);
  return children;
}

/** A socket can be handed to another process; nothing else here can. */
function checkAddress(at: Address): void {
  if (at.transport === "tcp") return;
  if (at.transport === "unix" && !isAbstract(at)) return;
  const why = at.transport === "fifo"
    ? "both of its FIFOs would have to be opened anew in the child"
    : "its connections cannot be handed to a child";
  throw unsupported(`${formatAddress(at)} is not possible, ${why}`);
}

function checkHandshakes({ identify, allowUsers }: ListenOptions): void {
  if (identify !== true && allowUsers === undefined) return;
  throw unsupported("clients cannot show who they are before children serve");
}

function unsupported(words: string): SockeyeError {
  return new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot serve by children: ${words}`,
  );
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
