/**
 * A runtime, put together from what its adapter alone knows.
 *
 * Which address is for which piece, what goes before a Unix socket is opened,
 * and what no runtime can do is the same on all of them, and stands here.
 *
 * @module
 */
import process from "node:process";
import {
  type Address,
  isAbstract,
  type TcpAddress,
  type UnixAddress,
} from "../../core/address.ts";
import type { BindEvents, BindRequest } from "../../core/datagram/transport.ts";
import type {
  Capabilities,
  Capability,
  Feature,
  Runtime,
  RuntimeBase,
} from "../../core/runtime.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../core/transport.ts";
import { childrenOf } from "./children.ts";
import { childEntry, startedFrom } from "./children/entry.ts";
import { bindDatagram, type DgramTraits } from "./datagram.ts";
import { connectFifo } from "./fifo/connect.ts";
import { listenFifo } from "./fifo/listener.ts";
import { type FifoPlatform, fifoSupport } from "./fifo/platform.ts";
import { connectIdentified } from "./identify/connect.ts";
import type { Grants } from "./grants.ts";
import { listenIdentifying } from "./identify/listen.ts";
import { orphanExit } from "./children/orphans.ts";
import { reusePort } from "./net/reuse_port.ts";
import type { StartProgram } from "./programs/start.ts";
import { openStdin } from "./stdin.ts";
import { onlyAtHome } from "./stranger.ts";
import { threads, workers } from "./threads.ts";
import { fifoReset, identify, mem, refuse, unixReset } from "./unsupported.ts";

/** What one adapter knows. */
export interface Parts {
  readonly base: RuntimeBase;
  /** As the runtime tells it. */
  version(): string;
  /** Connects to a TCP address, a path, or an abstract name. */
  connectStream(
    to: TcpAddress | UnixAddress,
    request: ConnectRequest,
    events: ConnectEvents,
  ): Pending;
  /** Listens at a TCP address, or at an abstract name: nothing is on disk. */
  listenDirectly(
    at: TcpAddress | UnixAddress,
    request: ListenRequest,
    events: ListenStartEvents,
  ): Pending;
  /** Listens at a path, taking and giving back the name as `disk_name.ts` does. */
  listenAtPath(
    at: UnixAddress,
    request: ListenRequest,
    events: ListenStartEvents,
  ): Pending;
  readonly fifo: FifoPlatform;
  readonly dgram: DgramTraits;
  /** What it may do. */
  readonly grants: Grants;
  readonly startProgram: StartProgram;
  /** What is not native, or not wholly; asked again each time. */
  gaps(): Partial<Record<Feature, Capability>>;
}

/** Puts a runtime together, for the one that its adapter is for. */
export function runtimeOf(parts: Parts): Runtime {
  return onlyAtHome({
    ...parts.base,
    capabilities: () => capabilitiesOf(parts),
    children: childrenOf(parts.grants, parts.startProgram),
    threads,
    connect: (to, request, events) => connect(parts, to, request, events),
    listen: (at, request, events) => listen(parts, at, request, events),
    bind: (at, request, events) => bind(parts, at, request, events),
    stdin: openStdin,
  });
}

function connect(
  parts: Parts,
  to: Address,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  switch (to.transport) {
    case "tcp":
      return parts.connectStream(to, request, events);
    case "unix":
      return missingName(parts, to, events) ??
        connectIdentified(to, request, events, parts.connectStream);
    case "fifo":
      return connectFifo(parts.fifo, to, request, events);
    default:
      return refuse(noTransport(parts, to), events);
  }
}

function listen(
  parts: Parts,
  at: Address,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  switch (at.transport) {
    case "tcp":
      return parts.listenDirectly(at, request, events);
    case "unix":
      if (!isAbstract(at)) {
        return listenIdentifying(at, request, events, parts.listenAtPath);
      }
      return missingName(parts, at, events) ??
        parts.listenDirectly(at, request, events);
    case "fifo":
      return listenFifo(parts.fifo, at, request, events);
    default:
      return refuse(noTransport(parts, at), events);
  }
}

function bind(
  parts: Parts,
  at: Address,
  request: BindRequest,
  events: BindEvents,
): Pending {
  return at.transport === "udp"
    ? bindDatagram(at, request, events, parts.dgram)
    : refuse(noTransport(parts, at), events);
}

/** Refuses an abstract name where there are none. */
function missingName(
  parts: Parts,
  address: UnixAddress,
  events: Parameters<typeof refuse>[1],
): Pending | undefined {
  if (!isAbstract(address)) return undefined;
  const { support, reason } = capabilitiesOf(parts).features.unixAbstract;
  return support === "none" ? refuse(reason!, events) : undefined;
}

function noTransport({ base }: Parts, address: Address): string {
  return `the adapter of ${base.name} has no ${address.transport}`;
}

const native: Capability = { support: "native" };

function capabilitiesOf(parts: Parts): Capabilities {
  const { grants } = parts;
  const { process: forked, prefork, ...gaps } = parts.gaps();
  return {
    runtime: parts.base.name,
    version: parts.version(),
    features: {
      tcp: native,
      unix: native,
      unixAbstract: process.platform === "linux"
        ? native
        : { support: "none", reason: "Linux alone has abstract names" },
      mem,
      fifo: fifoSupport(parts.fifo),
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
      deferAccept: native,
      ipv6Only: native,
      noDelay: native,
      keepAlive: native,
      identify,
      process: startedFrom(childEntry, grants, forked ?? native),
      prefork: startedFrom(childEntry, grants, prefork ?? native),
      reusePort: reusePort(),
      workers: workers(grants),
      exec: native,
      orphanExit: orphanExit(grants),
      ...gaps,
    },
  };
}
