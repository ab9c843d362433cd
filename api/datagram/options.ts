/**
 * Options of `bind` as users give them, checked and completed.
 *
 * @module
 */
import type { DatagramLimits } from "../../core/datagram.ts";
import type { BindRequest } from "../../core/datagram/transport.ts";
import type { BindOptions } from "./types.ts";
import {
  checkOptions,
  count,
  flag,
  invalid,
  onErrorOf,
  optionalInteger,
  whole,
} from "../options.ts";

/** As many as there are in about a fifth of a second of a busy server. */
const defaultQueueDatagrams = 1024;
/** Twenty times what Linux keeps for a socket by itself. */
const defaultQueueBytes = 4 * 1024 * 1024;
const defaultMaxQueued = 16 * 1024 * 1024;
const defaultFlushTimeout = 1000;
/** An `int`, as setsockopt(2) takes it. */
const maxBuffer = 2 ** 31 - 1;

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function datagramLimitsOf(
  options: BindOptions,
): Omit<DatagramLimits, "sendsAtOnce"> {
  return {
    queueDatagrams: whole(options, "queueDatagrams", 1, defaultQueueDatagrams),
    queueBytes: count(options, "queueBytes", 1, defaultQueueBytes),
    maxQueued: count(options, "maxQueued", 1, defaultMaxQueued),
    flushTimeout: count(options, "flushTimeout", 0, defaultFlushTimeout),
    broadcast: flag(options, "broadcast", false),
    ipv6Only: flag(options, "ipv6Only", false),
  };
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function bindRequestOf(options: BindOptions): BindRequest {
  checkOptions(options);
  onErrorOf(options);
  const { onDatagram, multicastInterface, multicastLoopback } = options;
  if (onDatagram !== undefined && typeof onDatagram !== "function") {
    throw invalid("onDatagram", onDatagram, "a function");
  }
  if (
    multicastInterface !== undefined && typeof multicastInterface !== "string"
  ) throw invalid("multicastInterface", multicastInterface, "a string");
  return {
    broadcast: flag(options, "broadcast", false),
    reuseAddress: flag(options, "reuseAddress", false),
    ipv6Only: flag(options, "ipv6Only", false),
    ttl: optionalInteger(options, "ttl", 1, 255),
    multicastTtl: optionalInteger(options, "multicastTtl", 0, 255),
    multicastLoopback: multicastLoopback === undefined
      ? undefined
      : flag(options, "multicastLoopback", true),
    multicastInterface,
    receiveBuffer: optionalInteger(options, "receiveBuffer", 1, maxBuffer),
    sendBuffer: optionalInteger(options, "sendBuffer", 1, maxBuffer),
  };
}
