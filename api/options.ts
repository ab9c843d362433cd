/**
 * Options as users give them, checked and completed.
 *
 * @module
 */
import type { ConnectionLimits } from "../core/connection.ts";
import { SockeyeError } from "../core/error.ts";
import { once, type RetryLimits } from "../core/retry.ts";
import type {
  ConnectRequest,
  ListenRequest,
  StreamRequest,
} from "../core/transport.ts";
import type {
  ConnectOptions,
  ListenOptions,
  RetryOptions,
  ServeOptions,
  StreamOptions,
} from "./types.ts";

/** 64 KiB: one read, and a quarter of what the kernel holds for a connection besides. */
const defaultHighWater = 65536;
const defaultMaxQueued = 16 * 1024 * 1024;
const defaultFlushTimeout = 30_000;
const defaultLingerTimeout = 2000;
const defaultBacklog = 511;
const defaultHandshakeTimeout = 10_000;
const defaultAttempts = 10;
const defaultMinDelay = 100;
const defaultMaxDelay = 10_000;
/** The last one, (uid_t) -1, means "nobody" to chown(2). */
const maxId = 2 ** 32 - 2;

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function limitsOf(options: StreamOptions): ConnectionLimits {
  return {
    readHighWater: count(options, "readHighWater", 1, defaultHighWater),
    writeHighWater: count(options, "writeHighWater", 1, defaultHighWater),
    maxQueued: count(options, "maxQueued", 1, defaultMaxQueued),
    flushTimeout: count(options, "flushTimeout", 0, defaultFlushTimeout),
    lingerTimeout: count(options, "lingerTimeout", 0, defaultLingerTimeout),
    allowHalfOpen: flag(options, "allowHalfOpen", true),
  };
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function connectRequestOf(options: ConnectOptions): ConnectRequest {
  return {
    ...streamRequestOf(options),
    expectServer: optionalId(options, "expectServer"),
  };
}

/** How often a connection is tried, and who is told of failures. */
export interface Retry {
  readonly limits: RetryLimits;
  readonly onFailure: RetryOptions["onFailure"];
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function retryOf({ retry }: ConnectOptions): Retry {
  if (retry === undefined) return { limits: once, onFailure: undefined };
  if (typeof retry !== "object" || retry === null) {
    throw invalid("retry", retry, "an object");
  }
  checkFunction("onFailure", retry.onFailure);
  const minDelay = count(retry, "minDelay", 1, defaultMinDelay);
  const maxDelay = Math.max(defaultMaxDelay, minDelay);
  return {
    limits: {
      attempts: whole(retry, "attempts", 1, defaultAttempts),
      minDelay,
      maxDelay: count(retry, "maxDelay", minDelay, maxDelay),
    },
    onFailure: retry.onFailure,
  };
}

function streamRequestOf(options: StreamOptions): StreamRequest {
  return {
    noDelay: flag(options, "noDelay", true),
    keepAlive: flag(options, "keepAlive", false),
    keepAliveDelay: count(options, "keepAliveDelay", 0, 0),
    identify: flag(options, "identify", false),
    handshakeTimeout: count(
      options,
      "handshakeTimeout",
      0,
      defaultHandshakeTimeout,
    ),
  };
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function listenRequestOf(options: ListenOptions): ListenRequest {
  return {
    ...streamRequestOf(options),
    allowUsers: allowUsersOf(options),
    backlog: integer(options, "backlog", 1, 65535, defaultBacklog),
    ipv6Only: flag(options, "ipv6Only", false),
    mode: integer(options, "mode", 0, 0o777, 0o600),
    group: optionalId(options, "group"),
  };
}

function allowUsersOf(options: ListenOptions): readonly number[] | undefined {
  const { allowUsers } = options;
  if (allowUsers === undefined) return undefined;
  if (
    Array.isArray(allowUsers) && allowUsers.length > 0 &&
    allowUsers.every((uid) => Number.isInteger(uid) && uid >= 0 && uid <= maxId)
  ) return [...allowUsers];
  throw invalid("allowUsers", allowUsers, "a list of user ids");
}

/** How many connections a listener takes and holds. */
export interface Capacity {
  readonly maxConnections: number;
  readonly overflow: "defer" | "reject";
  readonly maxWaiting: number;
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function capacityOf(options: ListenOptions): Capacity {
  const { overflow = "defer" } = options;
  if (overflow !== "defer" && overflow !== "reject") {
    throw invalid("overflow", overflow, '"defer" or "reject"');
  }
  return {
    overflow,
    maxConnections: whole(options, "maxConnections", 1, Infinity),
    maxWaiting: whole(options, "maxWaiting", 0, defaultBacklog),
  };
}

/** @throws {SockeyeError} `EINVAL` for what is no function. */
export function onErrorOf(
  options: { readonly onError?: ListenOptions["onError"] },
): ListenOptions["onError"] {
  checkFunction("onError", options.onError);
  return options.onError;
}

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function borrowOf(options: ServeOptions): boolean {
  return flag(options, "borrow", false);
}

/** @throws {SockeyeError} `EINVAL` for options that are no object. */
export function checkOptions(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new SockeyeError(
    "EINVAL",
    `Options are ${String(options)}, expected an object`,
  );
}

export function count<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
  least: number,
  standard: number,
): number {
  const value = options[name];
  if (value === undefined) return standard;
  if (typeof value === "number" && value >= least) return value;
  throw invalid(name, value, `a number from ${least} up`);
}

/** A whole number, or `Infinity` for no limit. */
export function whole<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
  least: number,
  standard: number,
): number {
  const value = count(options, name, least, standard);
  if (Number.isInteger(value) || value === Infinity) return value;
  throw invalid(name, value, `a whole number from ${least} up, or Infinity`);
}

export function integer<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
  least: number,
  most: number,
  standard: number,
): number {
  const value = options[name];
  if (value === undefined) return standard;
  if (
    typeof value === "number" && Number.isInteger(value) && value >= least &&
    value <= most
  ) return value;
  throw invalid(name, value, `an integer from ${least} to ${most}`);
}

function optionalId<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
): number | undefined {
  return optionalInteger(options, name, 0, maxId);
}

export function optionalInteger<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
  least: number,
  most: number,
): number | undefined {
  return options[name] === undefined
    ? undefined
    : integer(options, name, least, most, least);
}

export function flag<K extends string>(
  options: { readonly [key in K]?: unknown },
  name: K,
  standard: boolean,
): boolean {
  const value = options[name];
  if (value === undefined) return standard;
  if (typeof value === "boolean") return value;
  throw invalid(name, value, "true or false");
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw invalid(name, value, "a function");
}

export function invalid(
  name: string,
  value: unknown,
  expected: string,
): SockeyeError {
  return new SockeyeError(
    "EINVAL",
    `Option ${name} is ${String(value)}, expected ${expected}`,
  );
}
