/**
 * The sending side of a datagram socket: what waits to go out, and for whom.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
} from "../../core/address.ts";
import type { ErrorCode, SockeyeError } from "../../core/error.ts";
import { WRITABLE } from "../../core/readiness.ts";
import type { Deadlined } from "../../core/timers.ts";
import { type DatagramParts, Destinations, withHost } from "./parts.ts";
import { Sending } from "./sending.ts";
import type { Loop } from "../loop.ts";
import type { WaiterHost } from "../timed_waiter.ts";
import type { Op } from "../types.ts";
import { checkBytes, checkSignal, deadlineOf } from "../wait.ts";

/** Sends, and carries out what the machine decides. */
export class DatagramSender implements WaiterHost, Deadlined {
  readonly loop: Loop;
  timerIndex = -1;
  readonly #parts: DatagramParts;
  readonly #destinations: Destinations = new Destinations();
  #draining = false;
  #wasWritable = true;

  constructor(parts: DatagramParts) {
    this.loop = parts.loop;
    this.#parts = parts;
    parts.drain = () => this.drain();
  }

  async send(bytes: Uint8Array, to?: AddressLike, op?: Op): Promise<void> {
    const { machine } = this.#parts;
    checkBytes(bytes, "send");
    const address = to === undefined
      ? undefined
      : this.#destinations.read(to, "send to");
    checkSignal(op?.signal);
    const now = this.loop.runtime.now();
    const deadline = deadlineOf(op, now);
    const code = machine.checkSend(bytes.length, address) ??
      (deadline <= now ? "ETIMEDOUT" : undefined);
    if (code !== undefined) throw this.#failure(code, address, bytes.length);
    // Given up, it may be with the system already, which goes on reading.
    const isBounded = deadline < Infinity || op?.signal !== undefined;
    const lent = isBounded ? bytes.slice() : bytes;
    const whither = address ?? machine.peer!;
    const sending = new Sending(this, lent, whither, deadline, op?.signal);
    machine.queueSend(sending);
    this.drain();
    await sending.promise;
  }

  /** The system took it, or did not. */
  sent(sending: Sending, error: SockeyeError | undefined): void {
    const { machine, handle } = this.#parts;
    if (machine.handleSent(sending, error?.code) === "again") {
      return handle.send(sending.bytes, sending.to, sending);
    }
    if (error === undefined) sending.resolve(undefined);
    else sending.reject(this.#explain(error, sending));
    this.drain();
  }

  /** Its name was looked up, or could not be. */
  found(
    sending: Sending,
    host: string,
    error: SockeyeError | undefined,
  ): void {
    const { machine } = this.#parts;
    if (error === undefined) {
      if (machine.handleFound(sending)) {
        sending.to = withHost(sending.to, host);
      }
    } else if (machine.forget(sending)) {
      sending.reject(this.#explain(error, sending));
    }
    this.drain();
  }

  /** Does what the machine says, after every mutation of it. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#commands();
    } finally {
      this.#draining = false;
    }
    const { machine, watchers, runtime } = this.#parts;
    if (this.timerIndex >= 0 || machine.pollTimeout() < Infinity) {
      this.loop.update(this);
    }
    if (machine.writable === this.#wasWritable) return;
    this.#wasWritable = machine.writable;
    if (machine.writable) runtime.defer(() => watchers.tell(WRITABLE));
  }

  #commands(): void {
    const { machine, handle } = this.#parts;
    for (;;) {
      const command = machine.pollCommand();
      switch (command) {
        case "wait":
          return;
        case "lookup": {
          const { to } = machine.outgoing!;
          handle.lookup((to as { host: string }).host, machine.outgoing);
          break;
        }
        case "send": {
          const sending = machine.handleHanded();
          handle.send(sending.bytes, sending.to, sending);
          break;
        }
        case "connect":
          handle.connect(machine.newPeer!);
          break;
        case "close":
          handle.close();
          break;
        default:
          command satisfies never;
      }
    }
  }

  // What the loop's timer tells: closing has taken too long

  pollTimeout(): number {
    return this.#parts.machine.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.#parts.machine.handleTimeout(now);
    this.drain();
  }

  /** The socket is over: what it had not sent is lost. */
  end(error: SockeyeError | undefined): void {
    const { machine } = this.#parts;
    for (let lost; (lost = machine.pollLost()) !== undefined;) {
      lost.reject(
        error === undefined
          ? this.#failure("ERR_SOCKEYE_CLOSED", lost.to)
          : this.#explain(error, lost),
      );
    }
    this.loop.update(this);
  }

  // What its waiters tell

  giveUp(waiter: unknown): void {
    if (this.#parts.machine.forget(waiter as Sending)) this.drain();
  }

  late(waiter: unknown): SockeyeError {
    return this.#failure("ETIMEDOUT", (waiter as Sending).to);
  }

  #explain(error: SockeyeError, { to, length }: Sending): SockeyeError {
    return this.#failure(error.code, to, length, error);
  }

  #failure(
    code: ErrorCode,
    to: Address | undefined,
    length = 0,
    error?: SockeyeError,
  ): SockeyeError {
    const { peer } = this.#parts.machine;
    const whither = to ?? peer;
    const what = code === "EMSGSIZE" ? `send ${length} bytes` : "send";
    const action = whither === undefined
      ? `${what} from`
      : `${what} to ${formatAddress(whither)} from`;
    const connected = peer === undefined ? "" : ` to ${formatAddress(peer)}`;
    return this.#parts.failure(code, action, {
      ...(error !== undefined && { error }),
      ...(code === "ERR_SOCKEYE_STATE" && {
        words: `it is connected${connected}, and an address was given`,
      }),
    });
  }
}
