/**
 * The Deno adapter, over Deno's own `Deno.listen` and `Deno.connect`.
 *
 * Deno also has `node:net`. Measured with Deno 2.9 on Linux, server on one
 * core, load from the other: echo of 64 bytes on 64 connections 157,500
 * messages/s natively, 105,100 by `node:net`; one connection in bulk 4,280 and
 * 2,670 MB/s. And only the native listener leaves connections in the kernel's
 * queue while nobody accepts, and outlives the descriptor limit: the other
 * accepts without end, and dies there without a word. Through this adapter an
 * echo takes the processor time of a bare loop of `read` and `write`: 6.7 µs
 * for 64 bytes, 22 µs for 64 KiB.
 *
 * The price: no reset, and no delay of keep-alive; see `capabilities`.
 *
 * At the descriptor limit a program without any `node:` import panics as soon
 * as it reads its first stack trace, be it to print the error of `accept()`:
 * Deno cannot look up the bounds of its stack any more. Loading one of these
 * modules, as this adapter does, has that done before.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { BindEvents, BindRequest } from "../../core/datagram/transport.ts";
import { SockeyeError } from "../../core/error.ts";
import type {
  Capabilities,
  ConnectEvents,
  ConnectRequest,
  DescriptorUse,
  Pending,
  Runtime,
} from "../../core/transport.ts";
import { bindDatagram } from "../_shared/datagram.ts";
import { childrenOf } from "../_shared/children.ts";
import { descriptorUse } from "../_shared/descriptors.ts";
import { connectFifo } from "../_shared/fifo_connect.ts";
import { connectIdentified } from "../_shared/identify_connect.ts";
import { orphanExit } from "../_shared/orphans.ts";
import { scheduler } from "../_shared/scheduler.ts";
import { openStdin } from "../_shared/stdin.ts";
import {
  fifoReset,
  identify,
  refuse,
  unixReset,
} from "../_shared/unsupported.ts";
import { configure, fromDeno, toDenoPath } from "./conn.ts";
import { traits } from "./datagram.ts";
import { translateError } from "./errors.ts";
import { fifoPlatform, fifoSupport } from "./fifo_platform.ts";
import { listen } from "./listener.ts";
import { isGranted, mayRun, selfStart } from "./permissions.ts";
import { DenoStream } from "./stream.ts";
import { turn } from "./turn.ts";

/** Deno's sockets, time and chance. */
export const runtime: Runtime = {
  ...scheduler,
  name: "deno",
  debug: readDebug(),
  turn,
  capabilities,
  children: childrenOf(mayRun),
  descriptors,
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
  if (to.transport === "fifo") {
    return connectFifo(fifoPlatform, to, request, events);
  }
  return to.transport === "unix"
    ? connectIdentified(to, request, events, connectStream)
    : connectStream(to, request, events);
}

function connectStream(
  to: Address,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  const controller = new AbortController();
  let cancelled = false;
  open(to, controller.signal).then((conn) => {
    if (cancelled) return conn.close();
    configure(conn, request);
    // The peer of a Unix socket was bound elsewhere, before it got its name.
    const remote = to.transport === "unix" ? to : fromDeno(conn.remoteAddr);
    const local = fromDeno(conn.localAddr);
    events.connected(new DenoStream(conn, local, remote));
  }, (error) => {
    if (!cancelled) events.failed(translateError(error));
  });
  return {
    cancel(): void {
      cancelled = true;
      // On a Unix socket nothing heeds it: that is made or refused at once.
      controller.abort();
    },
  };
}

async function open(to: Address, signal: AbortSignal): Promise<Deno.Conn> {
  switch (to.transport) {
    case "tcp":
      return await Deno.connect({ hostname: to.host, port: to.port, signal });
    case "unix":
      return await Deno.connect({ transport: "unix", path: toDenoPath(to) });
    default:
      throw new SockeyeError(
        "ERR_SOCKEYE_UNSUPPORTED",
        `Deno has no transport "${to.transport}" here`,
      );
  }
}

function bind(at: Address, request: BindRequest, events: BindEvents): Pending {
  return at.transport === "udp"
    ? bindDatagram(at, request, events, traits)
    : refuse(`Deno has no transport "${at.transport}" here`, events);
}

/** Asks for a permission before using it, so that Deno never asks the user. */
function descriptors(): DescriptorUse | undefined {
  const path = "/proc/self/fd";
  return isGranted({ name: "read", path }) ? descriptorUse() : undefined;
}

/** Asked while the module is loaded, which another runtime may do as well. */
function readDebug(): boolean {
  if (!("Deno" in globalThis)) return false;
  const variable = "SOCKEYE_DEBUG";
  return isGranted({ name: "env", variable }) &&
    Boolean(Deno.env.get(variable));
}

const native = { support: "native" } as const;

function capabilities(): Capabilities {
  return {
    runtime: "deno",
    version: Deno.version.deno,
    features: {
      tcp: native,
      unix: native,
      unixAbstract: Deno.build.os === "linux"
        ? native
        : { support: "none", reason: "Only Linux has abstract names" },
      mem: {
        support: "none",
        reason: "The simulated network has an adapter of its own",
      },
      fifo: fifoSupport(),
      udp: native,
      udpFilter: {
        support: "emulated",
        reason:
          "Deno does not connect the socket: what strangers send fills the kernel's queue, and is dropped behind it",
      },
      udpRefused: {
        support: "none",
        reason:
          "Deno does not connect the socket, and the kernel tells of a refusal only where it is",
      },
      udpErrors: {
        support: "emulated",
        reason:
          "Deno keeps the reason of most failed sends to itself: EACCES, EINVAL and EAFNOSUPPORT are told from the addresses, and whatever else it is as ENETUNREACH",
      },
      udpBuffers: {
        support: "none",
        reason:
          "Deno sets neither SO_RCVBUF nor SO_SNDBUF: receiveBuffer and sendBuffer are ignored",
      },
      multicast: native,
      stdin: native,
      halfOpen: native,
      reset: {
        support: "none",
        reason:
          "Deno cannot set SO_LINGER, and ends our direction before it closes: the peer of an abort reads an end, and learns the rest when it writes",
      },
      unixReset,
      fifoReset,
      cancelConnect: native,
      backlog: {
        support: "native",
        reason: "On TCP alone: the queue of a Unix socket has 1024 places",
      },
      deferAccept: native,
      ipv6Only: {
        support: "emulated",
        reason:
          "Deno cannot set IPV6_V6ONLY: who comes by IPv4 is accepted and sent away",
      },
      noDelay: native,
      keepAlive: {
        support: "native",
        reason: "Deno can only switch it on: keepAliveDelay is ignored",
      },
      identify,
      process: selfStart(),
      prefork: selfStart(),
      orphanExit: orphanExit(mayRun),
    },
  };
}
