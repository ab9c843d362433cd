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
import type { Capability, Feature, Runtime } from "../../core/runtime.ts";
import { runtimeOf } from "../_shared/runtime.ts";
import { base } from "./base.ts";
import { connectStream } from "./connect.ts";
import { traits } from "./datagram.ts";
import { fifoPlatform } from "./fifo_platform.ts";
import { listenAtPath, listenDirectly } from "./listener.ts";
import { grants, maySelfStart } from "./permissions.ts";
import { startProgram } from "./start_program.ts";

/** Deno, as the driver sees it. */
export const runtime: Runtime = runtimeOf({
  base,
  version: () => Deno.version.deno,
  connectStream,
  listenDirectly,
  listenAtPath,
  fifo: fifoPlatform,
  dgram: traits,
  grants,
  startProgram,
  gaps,
});

/** Of connections that are handed to another process. */
const handing: Capability = {
  support: "native",
  reason:
    "Its listener is of node:net, which accepts without end: at the limit of descriptors it dies",
};

/** Of children, which are Deno again. */
function selfStart(): Capability {
  if (Deno.build.standalone) {
    const reason = "What `deno compile` made can only start itself, not Deno";
    return { support: "none", reason };
  }
  return maySelfStart() ? handing : {
    support: "none",
    reason: "Deno starts children with --allow-read and --allow-run only",
  };
}

function gaps(): Partial<Record<Feature, Capability>> {
  const children = selfStart();
  return {
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
    reset: {
      support: "none",
      reason:
        "Deno cannot set SO_LINGER, and ends our direction before it closes: the peer of an abort reads an end, and learns the rest when it writes",
    },
    backlog: {
      support: "native",
      reason: "On TCP alone: the queue of a Unix socket has 1024 places",
    },
    ipv6Only: {
      support: "emulated",
      reason:
        "Deno cannot set IPV6_V6ONLY: who comes by IPv4 is accepted and sent away",
    },
    keepAlive: {
      support: "native",
      reason: "Deno can only switch it on: keepAliveDelay is ignored",
    },
    process: children,
    prefork: children,
    exec: handing,
  };
}
