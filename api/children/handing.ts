/**
 * What can be handed to another process or thread, and what cannot: checked
 * before a server with children listens.
 *
 * @module
 */
import { type Address, formatAddress, isAbstract } from "../../core/address.ts";
import type { Children, Starter } from "../../core/children.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Feature, Runtime } from "../../core/runtime.ts";
import type { ListenOptions } from "../types.ts";

/** Who is to serve, as messages name it. */
export type Servers = "children" | "threads" | "a program";

/** @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED`, with the reason. */
export function childrenOf(
  runtime: Runtime,
  feature: Feature,
  by: Servers,
): Children {
  const { support, reason } = runtime.capabilities().features[feature];
  if (support === "none") throw unsupported(by, reason!);
  const { children } = runtime;
  if (children === undefined) {
    throw unsupported(by, "this runtime starts no processes");
  }
  return children;
}

/**
 * Threads, and the runtime's own listeners: whatever is accepted here can be
 * given to a thread.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED`, with the reason.
 */
export function threadsOf(runtime: Runtime): Starter & Pick<Runtime, "listen"> {
  const { support, reason } = runtime.capabilities().features.workers;
  if (support === "none") throw unsupported("threads", reason!);
  const { threads } = runtime;
  if (threads === undefined) {
    throw unsupported("threads", "this runtime starts none");
  }
  return {
    ...threads,
    listen: (at, request, events) => runtime.listen(at, request, events),
  };
}

/**
 * A socket can be handed to another process; nothing else here can.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED`, with the reason.
 */
export function checkAddress(at: Address, by: Servers): void {
  if (at.transport === "tcp") return;
  if (at.transport === "unix" && !isAbstract(at)) return;
  const why = at.transport === "fifo"
    ? "both of its FIFOs would have to be opened anew in the child"
    : "its connections cannot be handed to a child";
  throw unsupported(by, `${formatAddress(at)} is not possible, ${why}`);
}

/**
 * A program takes any socket, abstract names included, where there are some.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED`, with the reason.
 */
export function checkProgramAddress(runtime: Runtime, at: Address): void {
  const by = "a program";
  if (at.transport !== "unix" || !isAbstract(at)) return checkAddress(at, by);
  const { support, reason } = runtime.capabilities().features.unixAbstract;
  if (support !== "none") return;
  throw unsupported(by, `${formatAddress(at)} is not possible, ${reason}`);
}

/** @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` for options that have clients show who they are. */
export function checkHandshakes(
  { identify, allowUsers }: ListenOptions,
  by: Servers,
): void {
  if (identify !== true && allowUsers === undefined) return;
  const words = "clients cannot show who they are before it serves";
  throw unsupported(by, words);
}

/**
 * Data for children, as they will have it.
 *
 * @throws {SockeyeError} `EINVAL` for what cannot be sent to them.
 */
export function copyOf(
  data: unknown,
  name: string,
  children: Pick<Starter, "copy">,
): unknown {
  try {
    return children.copy(data);
  } catch (cause) {
    throw new SockeyeError(
      "EINVAL",
      `${name} is what cannot be sent: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/**
 * Members can share a TCP port; nothing else.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED`, with the reason.
 */
export function checkPorts(
  runtime: Runtime,
  addresses: readonly Address[],
): void {
  const { support, reason } = runtime.capabilities().features.reusePort;
  if (support === "none") throw unsupported("children", reason!);
  const other = addresses.find(({ transport }) => transport !== "tcp");
  if (other === undefined) return;
  const words = `${formatAddress(other)} has no port to be reused`;
  throw unsupported("children", words);
}

function unsupported(by: Servers, words: string): SockeyeError {
  return new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot serve by ${by}: ${words}`,
  );
}
