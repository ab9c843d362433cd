/**
 * The peer of a datagram socket: how it comes to have one.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
} from "../../core/address.ts";
import { canonicalAddress, isNamed } from "../../core/datagram/address.ts";
import type { ErrorCode, SockeyeError } from "../../core/error.ts";
import { type DatagramParts, destination, withHost } from "./parts.ts";
import type { Loop } from "../loop.ts";
import { TimedWaiter, type WaiterHost } from "../timed_waiter.ts";
import type { Op } from "../types.ts";
import { checkSignal, deadlineOf } from "../wait.ts";

/** A connect that waits. */
export class Naming extends TimedWaiter<void> {
  readonly to: Address;

  constructor(
    host: WaiterHost,
    to: Address,
    deadline: number,
    signal: AbortSignal | undefined,
  ) {
    super(host, deadline, signal);
    this.to = to;
  }
}

/** Connects and disconnects a socket. */
export class DatagramPeer implements WaiterHost {
  readonly loop: Loop;
  readonly #parts: DatagramParts;
  #naming: Naming | undefined;

  constructor(parts: DatagramParts) {
    this.loop = parts.loop;
    this.#parts = parts;
  }

  async connect(to: AddressLike, op?: Op): Promise<void> {
    const address = destination(to, "connect to");
    checkSignal(op?.signal);
    const now = this.loop.runtime.now();
    const deadline = deadlineOf(op, now);
    const code = this.#check(address) ??
      (deadline <= now ? "ETIMEDOUT" : undefined);
    if (code !== undefined) throw this.#failure(code, address);
    const naming = new Naming(this, address, deadline, op?.signal);
    this.#naming = naming;
    const { handle } = this.#parts;
    if (isNamed(address)) {
      handle.lookup((address as { host: string }).host, naming);
    } else this.#name(naming, address);
    await naming.promise;
  }

  #check(address: Address): ErrorCode | undefined {
    return this.#naming !== undefined
      ? "ERR_SOCKEYE_STATE"
      : this.#parts.machine.checkConnect(address);
  }

  /** Its name was looked up, or could not be. */
  found(naming: Naming, host: string, error: SockeyeError | undefined): void {
    if (this.#naming !== naming) return;
    if (error !== undefined) return this.#fail(error.code, error);
    this.#name(naming, canonicalAddress(withHost(naming.to, host)));
  }

  #name(naming: Naming, peer: Address): void {
    const { machine } = this.#parts;
    const code = machine.checkConnect(peer);
    if (this.#naming !== naming) return;
    if (code !== undefined) return this.#fail(code);
    machine.connect(peer);
    this.#parts.drain();
  }

  /** The system knows it, or cannot have it. */
  connected(error: SockeyeError | undefined): void {
    const { machine } = this.#parts;
    if (error !== undefined) machine.disconnect();
    else machine.handleConnected((datagram) => datagram.from);
    const naming = this.#naming;
    if (naming === undefined) {
      // Nobody waits for it any more: then it is not to be.
      if (error === undefined) this.#drop();
    } else if (error !== undefined) this.#fail(error.code, error);
    else {
      this.#naming = undefined;
      naming.resolve(undefined);
    }
  }

  disconnect(): void {
    const { machine } = this.#parts;
    if (this.#naming !== undefined || machine.newPeer !== undefined) {
      throw this.#parts.failure("ERR_SOCKEYE_STATE", "disconnect at", {
        words: busyWords,
      });
    }
    if (machine.peer !== undefined) this.#drop();
  }

  #drop(): void {
    this.#parts.machine.disconnect();
    this.#parts.handle.disconnect();
  }

  /** The socket is closed. */
  end(): void {
    if (this.#naming !== undefined) this.#fail("ERR_SOCKEYE_CLOSED");
  }

  giveUp(): void {
    this.#naming = undefined;
    this.#parts.machine.cancelConnect();
  }

  late(waiter: unknown): SockeyeError {
    return this.#failure("ETIMEDOUT", (waiter as Naming).to);
  }

  #fail(code: ErrorCode, error?: SockeyeError): void {
    const naming = this.#naming!;
    this.#naming = undefined;
    naming.reject(this.#failure(code, naming.to, error));
  }

  #failure(code: ErrorCode, to: Address, error?: SockeyeError): SockeyeError {
    return this.#parts.failure(code, `connect to ${formatAddress(to)} from`, {
      ...(error !== undefined && { error }),
      ...(code === "ERR_SOCKEYE_STATE" && { words: busyWords }),
    });
  }
}

const busyWords = "a connect is on";
