/**
 * The Node adapter, over `node:net`: Node has no other API for sockets.
 *
 * @module
 */
import process from "node:process";
import type { Address } from "../../core/address.ts";
import type { BindEvents, BindRequest } from "../../core/datagram/transport.ts";
import type {
  Capabilities,
  Capability,
  ConnectEvents,
  ConnectRequest,
  ListenRequest,
  ListenStartEvents,
  Pending,
  Runtime,
} from "../../core/transport.ts";
import { bindDatagram } from "../_shared/datagram.ts";
import { childrenOf } from "../_shared/children.ts";
import { descriptorUse } from "../_shared/descriptors.ts";
import { plainTraits } from "../_shared/dgram_traits.ts";
import { connectFifo } from "../_shared/fifo_connect.ts";
import { listenFifo } from "../_shared/fifo_listener.ts";
import { connectIdentified } from "../_shared/identify_connect.ts";
import { listenIdentifying } from "../_shared/identify_listen.ts";
import { orphanExit } from "../_shared/orphans.ts";
import { scheduler } from "../_shared/scheduler.ts";
import { openStdin } from "../_shared/stdin.ts";
import {
  fifoReset,
  identify,
  refuse,
  unixReset,
} from "../_shared/unsupported.ts";
import { isAbstract } from "../_shared/net_addresses.ts";
import { connectStream } from "./connect.ts";
import { mistakesResets } from "../_shared/net_end.ts";
import { fifoPlatform, fifoSupport } from "./fifo_platform.ts";
import { listenAtPath, listenDirectly } from "../_shared/net_listener.ts";

/** Node, as the driver sees it. */
export const runtime: Runtime = {
  ...scheduler,
  turn,
  name: "node",
  debug: Boolean(process.env.SOCKEYE_DEBUG),
  capabilities,
  children: childrenOf(() => true),
  descriptors: descriptorUse,
  connect,
  listen,
  bind,
  stdin: openStdin,
};

/** Where an end must be read twice to be believed (`net_end.ts`), news of it takes two. */
function turn(callback: () => void): void {
  if (!mistakesResets) return scheduler.turn(callback);
  scheduler.turn(() => scheduler.turn(callback));
}

function connect(
  to: Address,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  if (to.transport === "tcp") return connectStream(to, request, events);
  if (to.transport === "fifo") {
    return connectFifo(fifoPlatform, to, request, events);
  }
  if (to.transport !== "unix") return refuse(noTransport(to), events);
  const { support, reason } = abstractNames();
  return isAbstract(to) && support === "none"
    ? refuse(reason!, events)
    : connectIdentified(to, request, events, connectStream);
}

function listen(
  at: Address,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  if (at.transport === "tcp") return listenDirectly(at, request, events);
  if (at.transport === "fifo") {
    return listenFifo(fifoPlatform, at, request, events);
  }
  if (at.transport !== "unix") return refuse(noTransport(at), events);
  if (!isAbstract(at)) {
    return listenIdentifying(at, request, events, listenAtPath);
  }
  const { support, reason } = abstractNames();
  return support === "none"
    ? refuse(reason!, events)
    : listenDirectly(at, request, events);
}

function bind(at: Address, request: BindRequest, events: BindEvents): Pending {
  return at.transport === "udp"
    ? bindDatagram(at, request, events, plainTraits)
    : refuse(noTransport(at), events);
}

function noTransport(address: Address): string {
  return `the Node adapter has no ${address.transport}`;
}

const native: Capability = { support: "native" };

function abstractNames(): Capability {
  if (process.platform !== "linux") {
    return { support: "none", reason: "Linux alone has abstract names" };
  }
  if (Number.parseInt(process.versions.node) < 22) {
    return {
      support: "none",
      reason: "Node before 22 pads abstract names with NULs: " +
        "no other program could reach them",
    };
  }
  return native;
}

function capabilities(): Capabilities {
  return {
    runtime: "node",
    version: process.versions.node,
    features: {
      tcp: native,
      unix: native,
      unixAbstract: abstractNames(),
      mem: {
        support: "none",
        reason: "The simulated network has an adapter of its own",
      },
      fifo: fifoSupport(),
      udp: native,
      udpFilter: native,
      udpRefused: native,
      udpErrors: native,
      udpBuffers: native,
      multicast: native,
      stdin: native,
      halfOpen: native,
      reset: native,
      unixReset,
      fifoReset,
      cancelConnect: native,
      backlog: native,
      deferAccept: {
        support: "emulated",
        reason: "Node accepts eagerly: connections wait accepted and unread",
      },
      ipv6Only: native,
      noDelay: native,
      keepAlive: native,
      identify,
      process: native,
      prefork: native,
      orphanExit: orphanExit(() => true),
    },
  };
}
