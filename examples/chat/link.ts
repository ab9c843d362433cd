/**
 * Lines in order, each exactly once, over datagrams that may be lost, doubled
 * or late: the part of a chat that UDP leaves to us.
 *
 * Each side numbers its parcels from 1, and sends the next when the last was
 * acknowledged, with all lines that wait and fit; what is not acknowledged in
 * time is sent again. So what was said while the other's queue was full, where
 * even loopback loses a whole burst, arrives all the same.
 */
import { lengthOf, type Parcel, write } from "./parcel.ts";

/** How long whoever leaves waits for the last acknowledgements, ms. */
export const patience = 2000;
/** Ms; an answer takes 0.1 on loopback, and more from a busy program. */
const resendAfter = 100;
/** Bytes of lines in a parcel: with the headers less than any network's MTU. */
const parcelSize = 1150;

/** One end of a conversation. Times are ms on any clock. */
export class Link {
  /** Which program at the other end it is with. */
  readonly session: string;
  readonly #send: (datagram: Uint8Array) => void;
  readonly #queue: string[] = []; // the first are under way, if any are
  #underWay = 0;
  #number = 0;
  #sentAt = 0;
  #taken = 0; // number of the last parcel that was taken

  constructor(session: string, send: (datagram: Uint8Array) => void) {
    this.session = session;
    this.#send = send;
  }

  /** Lines that the other side has not acknowledged. */
  get waiting(): number {
    return this.#queue.length;
  }

  say(line: string, now: number): void {
    this.#queue.push(line);
    if (this.#underWay === 0) this.#sendNext(now);
  }

  /** Gives the lines that are new. */
  receive(parcel: Parcel, now: number): readonly string[] {
    if (this.#underWay > 0 && parcel.acknowledged === this.#number) {
      this.#queue.splice(0, this.#underWay);
      this.#underWay = 0;
    }
    const isNew = parcel.number === this.#taken + 1;
    if (isNew) this.#taken = parcel.number;
    if (this.#underWay === 0 && this.waiting > 0) this.#sendNext(now);
    else if (parcel.number > 0) this.sign();
    return isNew ? parcel.lines : [];
  }

  /** Sends once more what should have been acknowledged by now. */
  resend(now: number): void {
    if (this.#underWay > 0 && now - this.#sentAt >= resendAfter) {
      this.#sendNow(now);
    }
  }

  /** Acknowledges, or gives a sign of life. */
  sign(): void {
    this.#transmit(0, []);
  }

  #sendNext(now: number): void {
    this.#number++;
    let size = 0;
    for (const line of this.#queue) {
      size += lengthOf(line);
      if (size > parcelSize && this.#underWay > 0) break;
      this.#underWay++;
    }
    this.#sendNow(now);
  }

  #sendNow(now: number): void {
    this.#sentAt = now;
    this.#transmit(this.#number, this.#queue.slice(0, this.#underWay));
  }

  #transmit(number: number, lines: readonly string[]): void {
    const acknowledged = this.#taken;
    this.#send(write({ session: this.session, number, acknowledged, lines }));
  }
}
