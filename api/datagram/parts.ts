/**
 * What the parts of a datagram socket share: its machine, its handle, and the
 * words of its errors.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
  type UdpAddress,
} from "../../core/address.ts";
import { type DatagramLimits, DatagramMachine } from "../../core/datagram.ts";
import { canonicalAddress } from "../../core/datagram/address.ts";
import type { DatagramHandle } from "../../core/datagram/transport.ts";
import {
  type ErrorCode,
  isErrnoCode,
  SockeyeError,
  textOf,
  textOfCode,
} from "../../core/error.ts";
import { isLoopback } from "../../core/datagram/ip.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { Sending } from "./sending.ts";
import type { Datagram } from "./types.ts";
import { Loop } from "../loop.ts";
import { Watchers } from "../watchers.ts";

/** The shared parts of one socket. */
export class DatagramParts {
  readonly runtime: Runtime;
  readonly loop: Loop;
  readonly handle: DatagramHandle;
  readonly local: Address;
  readonly machine: DatagramMachine<Datagram, Sending>;
  readonly watchers: Watchers;
  /** Does what the machine says, after every mutation of it. */
  drain: () => void = () => {};

  constructor(
    runtime: Runtime,
    handle: DatagramHandle,
    limits: Omit<DatagramLimits, "sendsAtOnce">,
  ) {
    this.runtime = runtime;
    this.loop = Loop.of(runtime);
    this.handle = handle;
    this.local = canonicalAddress(handle.localAddress);
    const { sendsAtOnce } = handle;
    this.machine = new DatagramMachine(this.local, { ...limits, sendsAtOnce });
    this.watchers = new Watchers(this.loop.report);
  }

  /**
   * An error that says the action, our address, and why: in the words given,
   * else in those of the code. The action ends in "from" or "at".
   */
  failure(
    code: ErrorCode,
    action: string,
    why: { words?: string; error?: SockeyeError } = {},
  ): SockeyeError {
    const words = why.words ?? this.#wordsOf(code, why.error);
    const { error } = why;
    return new SockeyeError(
      code,
      `Cannot ${action} ${formatAddress(this.local)}: ${words}`,
      error === undefined ? {} : { cause: error.cause ?? error },
    );
  }

  #wordsOf(code: ErrorCode, error: SockeyeError | undefined): string {
    if (code === "ERR_SOCKEYE_CLOSED") return "the socket is closed";
    if (code === "EINVAL" && this.#isOnLoopback) {
      return "a socket on loopback reaches this machine alone";
    }
    if (error !== undefined) return textOf(error);
    return isErrnoCode(code) ? textOfCode(code) : code;
  }

  get #isOnLoopback(): boolean {
    return this.local.transport === "udp" && isLoopback(this.local.host);
  }
}

/**
 * Where a datagram is to go, checked and in one spelling.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS`
 */
export function destination(to: AddressLike, action: string): Address {
  const address = canonicalAddress(parseAddress(to));
  if (!("port" in address) || address.port !== 0) return address;
  throw new SockeyeError(
    "ERR_SOCKEYE_ADDRESS",
    `Cannot ${action} ${formatAddress(address)}: port 0 is for binding`,
  );
}

/**
 * Reads destinations. A server answers where the last datagram came from, and
 * a client sends where it sent before: those are not read again.
 */
export class Destinations {
  #given: AddressLike | undefined;
  #host: string | undefined;
  #port: number | undefined;
  #read: Address | undefined;

  /** @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS` */
  read(to: AddressLike, action: string): Address {
    if (to === this.#given && this.#isUnchanged(to)) return this.#read!;
    const address = destination(to, action);
    // What is no pair of these is cheap to read.
    if (typeof to === "string" || to.transport === "udp") {
      this.#keep(to, address);
    }
    return address;
  }

  #keep(to: string | UdpAddress, address: Address): void {
    this.#given = to;
    this.#read = address;
    if (typeof to === "string") return;
    this.#host = to.host;
    this.#port = to.port;
  }

  /** An object is the caller's, who may alter it. */
  #isUnchanged(to: AddressLike): boolean {
    return typeof to === "string" ||
      (to.transport === "udp" && to.host === this.#host &&
        to.port === this.#port);
  }
}

/** The same address with the host that its name was looked up to. */
export function withHost(address: Address, host: string): Address {
  return "host" in address ? { ...address, host } : address;
}
