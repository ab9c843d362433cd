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
import { connectStream } from "./connect.ts";
import { fifoPlatform, fifoSupport } from "./fifo_platform.ts";
import { listenAbstract, listenTcp, listenUnix } from "./listener.ts";

/** Bun, as the driver sees it. */
export const runtime: Runtime = {
  ...scheduler,
  name: "bun",
  debug: Boolean(process.env.SOCKEYE_DEBUG),
  capabilities,
  children: childrenOf(() => true),
  descriptors: descriptorUse,
  connect,
  listen,
  bind,
  stdin: openStdin,
};

function connect(
  to: Address,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  if (to.transport === "tcp") return connectStream(to, request, events);
  if (to.transport === "unix") {
    return connectIdentified(to, request, events, connectStream);
  }
  if (to.transport === "fifo") {
    return connectFifo(fifoPlatform, to, request, events);
  }
  return refuse(noTransport(to), events);
}

function listen(
  at: Address,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  if (at.transport === "tcp") return listenTcp(at, request, events);
  if (at.transport === "fifo") {
    return listenFifo(fifoPlatform, at, request, events);
  }
  if (at.transport !== "unix") return refuse(noTransport(at), events);
  return at.path.startsWith("@")
    ? listenAbstract(at, request, events)
    : listenIdentifying(at, request, events, listenUnix);
}

function bind(at: Address, request: BindRequest, events: BindEvents): Pending {
  return at.transport === "udp"
    ? bindDatagram(at, request, events, plainTraits)
    : refuse(noTransport(at), events);
}

function noTransport(address: Address): string {
  return `the Bun adapter has no ${address.transport}`;
}

const native: Capability = { support: "native" };

function capabilities(): Capabilities {
  const linux = process.platform === "linux";
  return {
    runtime: "bun",
    version: Bun.version,
    features: {
      tcp: native,
      unix: native,
      unixAbstract: linux
        ? native
        : { support: "none", reason: "Linux alone has abstract names" },
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
