/**
 * The sending half of a driver: bytes from the user, through the outbox, to
 * the transport, and word back to whoever waits.
 *
 * @module
 */
import type { ConnectionMachine } from "../core/connection.ts";
import type { RuntimeBase } from "../core/runtime.ts";
import type { StreamHandle } from "../core/transport.ts";
import type { Inbox } from "./inbox.ts";
import { Outbox, type WriteWaiter } from "./outbox.ts";
import { largeBuffers, smallBuffers } from "./spare_buffers.ts";

/** Most bytes that a transport is to hold at a time: what `write` lends is offered in slices of this. */
const slice = 65536;

/** Sends for one connection. Runs no command of the machine: that is the driver's. */
export class Sender {
  /** What a handler may use until it returns; see `send`. */
  borrowed: Uint8Array | undefined;

  readonly #runtime: RuntimeBase;
  readonly #machine: ConnectionMachine;
  readonly #handle: StreamHandle;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox = new Outbox();
  /** The copy that the transport holds of a slice that is lent; see `#safe`. */
  #heldCopy: Uint8Array | undefined;
  /** Those who wait until our end is handed over. */
  #enders: WriteWaiter[] = [];

  constructor(
    runtime: RuntimeBase,
    machine: ConnectionMachine,
    handle: StreamHandle,
    inbox: Inbox,
  ) {
    this.#runtime = runtime;
    this.#machine = machine;
    this.#handle = handle;
    this.#inbox = inbox;
  }

  /**
   * Sends bytes that the caller may change afterwards: what the system does
   * not take at once is copied. A chunk that a handler borrowed is held
   * instead, since the borrower promised to let go of it.
   *
   * Gives whether all were taken; else the rest is queued.
   */
  send(bytes: Uint8Array): boolean {
    const taken = this.#handle.holdsPending ? 0 : this.#sendDirectly(bytes);
    if (taken === bytes.length) return true;
    this.#queue(taken === 0 ? bytes : bytes.subarray(taken));
    return false;
  }

  /** Past the queue, where a pending transmit lets go of what it did not take. */
  #sendDirectly(bytes: Uint8Array): number {
    const machine = this.#machine;
    let taken = 0;
    while (taken < bytes.length && machine.writesDirectly) {
      const offer = taken === 0 ? bytes : bytes.subarray(taken);
      const count = this.#handle.transmit(offer);
      machine.transmittedDirectly(offer.length, count);
      taken += count;
    }
    return taken;
  }

  #queue(bytes: Uint8Array): void {
    // A transport may tell its end within the transmit that met it.
    if (!this.#machine.canWrite) return;
    const outbox = this.#outbox;
    const copied = outbox.copied + bytes.length;
    if (!this.#machine.queueWrite(bytes.length, copied)) return;
    const borrowed = this.borrowed?.buffer === bytes.buffer;
    const lent = borrowed && this.#inbox.lends(bytes);
    if (borrowed && (!lent || this.#inbox.keepLoan())) {
      outbox.pushOwned(bytes, lent);
    } else outbox.pushCopy(bytes);
  }

  /** Queues bytes that stay the caller's until the waiter is told. */
  write(bytes: Uint8Array, waiter: WriteWaiter): void {
    this.#outbox.pushLent(bytes, waiter);
    this.#machine.queueWrite(bytes.length, 0);
    this.#updateWait();
  }

  /** Gives up a write that waits. */
  rejectWrite(waiter: WriteWaiter): void {
    const dropped = this.#outbox.reject(waiter);
    if (dropped > 0) this.#machine.unqueue(dropped);
    this.#updateWait();
  }

  /** The waiter is to be told when our end is handed over. */
  awaitEnd(waiter: WriteWaiter): void {
    this.#enders.push(waiter);
    this.#updateWait();
  }

  /** Gives up a waiter of `awaitEnd`; our end is sent all the same. */
  forgetEnd(waiter: WriteWaiter): void {
    this.#enders = this.#enders.filter((other) => other !== waiter);
    this.#updateWait();
  }

  /** Offers the front of the outbox to the transport. */
  transmit(): void {
    const offer = this.#outbox.offer(slice);
    const taken = this.#handle.transmit(this.#safe(offer));
    if (taken === offer.length) this.#freeCopy();
    this.#advance(taken, this.#handle.holdsPending);
    this.#machine.transmitted(this.#progressTime(), offer.length, taken);
  }

  /**
   * A write that waits may be given up at any time, and its bytes are the
   * caller's again: so where the transport holds on to what it has not taken
   * yet, it is given a copy. (32 MiB written with a timeout, then overwritten:
   * up to 64 KiB of what arrived was of the later bytes.)
   */
  #safe(offer: Uint8Array): Uint8Array {
    if (!this.#handle.holdsPending || !this.#outbox.offersLent) return offer;
    const copy = buffersFor(offer).take();
    copy.set(offer);
    return this.#heldCopy = copy.subarray(0, offer.length);
  }

  /** After an abort it is not freed: the transport may hold it to its end. */
  #freeCopy(): void {
    const copy = this.#heldCopy;
    if (copy === undefined) return;
    this.#heldCopy = undefined;
    buffersFor(copy).giveBack(new Uint8Array(copy.buffer));
  }

  /** The transmit that was pending is over. */
  written(count: number): void {
    this.#freeCopy();
    // After an abort the queue is empty, and a runtime may still count.
    if (!this.#outbox.empty) this.#advance(count, false);
    this.#machine.handleWritten(this.#progressTime(), count);
  }

  #advance(count: number, holding: boolean): void {
    const loan = this.#outbox.advance(count, holding);
    if (loan === undefined) return;
    // Sent while still lent: the adapter never learns that it was kept.
    if (this.#inbox.lends(loan)) this.#inbox.returnLoan();
    else this.#handle.giveBack?.(loan);
  }

  /** A reading of the clock costs 33 to 84 ns: only where it means something. */
  #progressTime(): number {
    return this.#machine.timesProgress ? this.#runtime.now() : 0;
  }

  /** Tells those whose wait is over: by bytes taken, by time, by the end of all. */
  settle(now: number): void {
    const machine = this.#machine;
    const outbox = this.#outbox;
    outbox.settleDone();
    if (machine.reason !== undefined) outbox.clear();
    else if (outbox.waiting) {
      const dropped = machine.writeWait.expired(now)
        ? outbox.rejectAll()
        : outbox.rejectExpired(now);
      if (dropped > 0) machine.unqueue(dropped);
    }
    if (this.#enders.length > 0) this.#settleEnders(now);
    this.#updateWait();
  }

  #settleEnders(now: number): void {
    const machine = this.#machine;
    const expired = machine.writeWait.expired(now);
    const waiting: WriteWaiter[] = [];
    for (const waiter of this.#enders) {
      if (machine.shutdownDone) waiter.resolve();
      else if (machine.reason !== undefined) waiter.reject(0);
      else if (expired || waiter.deadline <= now) waiter.reject(0);
      else waiting.push(waiter);
    }
    this.#enders = waiting;
  }

  /** What waits, and until when, is for the machine to know. */
  #updateWait(): void {
    const outbox = this.#outbox;
    let deadline = outbox.deadline;
    for (const ender of this.#enders) {
      deadline = Math.min(deadline, ender.deadline);
    }
    const waiting = outbox.waiting || this.#enders.length > 0;
    this.#machine.writeWait.set(waiting, deadline);
  }
}

function buffersFor({ length }: Uint8Array): typeof smallBuffers {
  return length <= smallBuffers.size ? smallBuffers : largeBuffers;
}
