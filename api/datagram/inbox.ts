/**
 * The receiving side of a datagram socket: who is given what arrives.
 *
 * @module
 */
import { type Address, formatAddress } from "../../core/address.ts";
import { canonicalAddress } from "../../core/datagram/address.ts";
import { Deque } from "../../core/deque.ts";
import type { ErrorCode, SockeyeError } from "../../core/error.ts";
import type { DatagramParts } from "./parts.ts";
import type { BindOptions, Datagram, DatagramSocket } from "./types.ts";
import type { Loop } from "../loop.ts";
import { TimedWaiter, type WaiterHost } from "../timed_waiter.ts";
import type { Op } from "../types.ts";
import { checkSignal, deadlineOf } from "../wait.ts";

/** Gives what arrives to a handler, or to those who ask. */
export class DatagramInbox implements WaiterHost {
  readonly loop: Loop;
  readonly #parts: DatagramParts;
  readonly #socket: DatagramSocket;
  readonly #options: BindOptions;
  readonly #receives: Deque<TimedWaiter<Datagram>> = new Deque();
  /** An asynchronous handler is at work. */
  #busy = false;
  /** The last sender as the runtime spelt it, and as we do. */
  #spelt: Address | undefined;
  #canonical: Address | undefined;

  constructor(
    parts: DatagramParts,
    socket: DatagramSocket,
    options: BindOptions,
  ) {
    this.loop = parts.loop;
    this.#parts = parts;
    this.#socket = socket;
    this.#options = options;
  }

  /** A datagram arrived. */
  arrived(bytes: Uint8Array, address: Address): void {
    if (address !== this.#spelt) {
      this.#spelt = address;
      this.#canonical = canonicalAddress(address);
    }
    const from = this.#canonical!;
    if (this.#parts.machine.handleDatagram({ bytes, from }, from)) this.pump();
  }

  /** Hands on what there is to whoever wants it. */
  pump(): void {
    const { onDatagram } = this.#options;
    if (onDatagram !== undefined) return this.#pumpHandler(onDatagram);
    const { machine } = this.#parts;
    while (this.#receives.length > 0 && machine.readable) {
      const waiter = this.#receives.shift()!;
      const code = machine.takeFailure();
      if (code === undefined) waiter.resolve(machine.take()!);
      else waiter.reject(this.#failure(code));
    }
  }

  #pumpHandler(onDatagram: NonNullable<BindOptions["onDatagram"]>): void {
    const { machine } = this.#parts;
    const code = machine.takeFailure();
    if (code !== undefined) this.#tell(this.#failure(code));
    while (!this.#busy && machine.waiting > 0) {
      try {
        const result = onDatagram(machine.take()!, this.#socket);
        if (isPromise(result)) this.#await(result);
      } catch (error) {
        this.report(error);
      }
    }
  }

  #await(result: Promise<void>): void {
    this.#busy = true;
    const resume = (): void => {
      this.#busy = false;
      this.pump();
    };
    result.then(resume, (error) => {
      this.report(error);
      resume();
    });
  }

  async receive(op?: Op): Promise<Datagram> {
    checkSignal(op?.signal);
    const now = this.loop.runtime.now();
    const deadline = deadlineOf(op, now);
    this.#checkReceives();
    if (deadline <= now) throw this.late();
    if (this.#receives.length === 0) {
      const datagram = this.#take();
      if (datagram !== undefined) return datagram;
    }
    const waiter = new TimedWaiter<Datagram>(this, deadline, op?.signal);
    this.#receives.push(waiter);
    return await waiter.promise;
  }

  tryReceive(): Datagram | undefined {
    this.#checkReceives();
    // Those who wait were here before.
    return this.#receives.length > 0 ? undefined : this.#take();
  }

  /** The next one, for a loop: what fails goes to `onError`; undefined at the end. */
  async next(): Promise<Datagram | undefined> {
    for (;;) {
      try {
        return await this.receive();
      } catch (error) {
        const code = (error as SockeyeError).code;
        if (this.#parts.machine.state !== "open") return undefined;
        if (code === "ERR_SOCKEYE_STATE") throw error;
        this.#tell(error);
      }
    }
  }

  #take(): Datagram | undefined {
    const { machine } = this.#parts;
    const code = machine.takeFailure();
    if (code !== undefined) throw this.#failure(code);
    return machine.take();
  }

  #checkReceives(): void {
    if (this.#parts.machine.state !== "open") throw this.#closed();
    if (this.#options.onDatagram === undefined) return;
    throw this.#parts.failure("ERR_SOCKEYE_STATE", "receive at", {
      words: "onDatagram is given what arrives",
    });
  }

  /** The socket is closed: nobody is given anything any more. */
  end(): void {
    for (let waiter; (waiter = this.#receives.shift()) !== undefined;) {
      waiter.reject(this.#closed());
    }
  }

  giveUp(waiter: unknown): void {
    this.#receives.remove(waiter as TimedWaiter<Datagram>);
  }

  late(): SockeyeError {
    return this.#failure("ETIMEDOUT");
  }

  #closed(): SockeyeError {
    return this.#parts.failure("ERR_SOCKEYE_CLOSED", "receive at");
  }

  #failure(code: ErrorCode): SockeyeError {
    const { peer } = this.#parts.machine;
    const from = peer === undefined ? "" : ` from ${formatAddress(peer)}`;
    const words = code === "ECONNREFUSED"
      ? "nobody is there to answer"
      : undefined;
    return this.#parts.failure(
      code,
      `receive${from} at`,
      words === undefined ? {} : { words },
    );
  }

  /** What is no fault of anybody here is told where somebody listens. */
  #tell(error: unknown): void {
    if (this.#options.onError !== undefined) this.report(error);
  }

  /** What nobody waits for: to `onError`, or shown. */
  report(error: unknown): void {
    const { onError } = this.#options;
    if (onError === undefined) return this.loop.report(error);
    try {
      onError(error);
    } catch (thrown) {
      this.loop.report(thrown);
    }
  }
}

function isPromise(value: unknown): value is Promise<void> {
  return typeof (value as { then?: unknown } | null | undefined)?.then ===
    "function";
}
