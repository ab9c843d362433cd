/**
 * A guest's side of a chat: one link, to the room.
 */
import type { Datagram, DatagramSocket } from "../../mod.ts";
import { Link, patience } from "./link.ts";
import { parse } from "./parcel.ts";
import { type Party, print } from "./party.ts";

/** Lines that were typed and have not arrived; what is typed then waits outside. */
const maxWaiting = 100;

export class Visit implements Party {
  readonly #session = Math.random().toString(36).slice(2, 12);
  readonly #link: Link;
  readonly #silence: number;
  #heardAt: number;
  #leftAt = Infinity;
  #isOver = false;

  /**
   * @param socket connected to the room
   * @param silence ms after which nobody is there any more
   */
  constructor(
    socket: DatagramSocket,
    name: string,
    silence: number,
    now: number,
  ) {
    this.#silence = silence;
    this.#heardAt = now;
    // What cannot be sent is lost, as on its way, and is sent again.
    this.#link = new Link(
      this.#session,
      (datagram) => void socket.send(datagram).catch(() => {}),
    );
    this.#link.say(`/name ${name}`, now);
  }

  get takesLines(): boolean {
    return this.#leftAt === Infinity && this.#link.waiting < maxWaiting;
  }
  get isWaiting(): boolean {
    return this.#link.waiting > 0;
  }
  isOver(now: number): boolean {
    if (this.#isOver) return true;
    if (this.#leftAt === Infinity) return false;
    return !this.isWaiting || now - this.#leftAt > patience;
  }

  typed(line: string, now: number): void {
    if (line === "/quit") this.leave(now);
    else if (this.#leftAt === Infinity) this.#link.say(line, now);
  }

  ended(now: number): void {
    this.leave(now);
  }

  leave(now: number): void {
    if (this.#leftAt !== Infinity) return;
    this.#leftAt = now;
    this.#link.say("/quit", now);
  }

  received({ bytes }: Datagram, now: number): void {
    const parcel = parse(bytes);
    if (parcel?.session !== this.#session) return;
    this.#heardAt = now;
    for (const line of this.#link.receive(parcel, now)) {
      this.#isOver ||= line === "/quit";
      print(line === "/quit" ? "* the room is closed" : line);
    }
  }

  look(now: number): void {
    if (now - this.#heardAt > this.#silence) {
      throw new Error("The room is silent");
    }
    this.#link.sign();
  }

  resend(now: number): void {
    this.#link.resend(now);
  }
}
