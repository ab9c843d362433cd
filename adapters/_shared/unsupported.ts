/**
 * What an adapter does not do, and no runtime can.
 *
 * @module
 */
import { SockeyeError } from "../../core/error.ts";
import type { Capability } from "../../core/runtime.ts";
import type { Pending } from "../../core/transport.ts";

/** Tells soon why it cannot be done. */
export function refuse(
  reason: string,
  events: { failed(error: SockeyeError): void },
): Pending {
  return failSoon(new SockeyeError("ERR_SOCKEYE_UNSUPPORTED", reason), events);
}

/** Tells an error that is known already; soon, not within the call. */
export function failSoon(
  error: SockeyeError,
  events: { failed(error: SockeyeError): void },
): Pending {
  let cancelled = false;
  queueMicrotask(() => {
    if (!cancelled) events.failed(error);
  });
  return { cancel: () => void (cancelled = true) };
}

/** Of the real runtimes; `withMemory` gives it to each of them. */
export const mem: Capability = {
  support: "none",
  reason: "The simulated network has an adapter of its own",
};

/** See unix(7): the kernel sends one only for input that nobody read. */
export const unixReset: Capability = {
  support: "none",
  reason: "Unix sockets know no reset: the peer of an abort reads an end, " +
    "or ECONNRESET where we had left input unread",
};

/** See fifo(7). */
export const fifoReset: Capability = {
  support: "none",
  reason: "FIFOs know no reset: the peer of an abort reads an end, and gets " +
    "EPIPE when it writes",
};

/**
 * No runtime has SO_PEERCRED. What would be left, the built-in FFI: Deno gives
 * no descriptor of its connections, and Node has none; Bun's sockets have an
 * `fd`. One runtime of three that shows another thing than the others, and
 * needs the C library by name for it, is not worth a second way.
 */
export const identify: Capability = {
  support: "emulated",
  reason: "No runtime tells the user at the other end of a Unix socket: the " +
    "caller proves it by a directory that only this user can have made",
};
