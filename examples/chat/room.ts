/**
 * The server's side of a chat, in which its host takes part as well.
 */
import type { Datagram, DatagramSocket } from "../../mod.ts";
import { type Guest, Guests } from "./guests.ts";
import { patience } from "./link.ts";
import { parse } from "./parcel.ts";
import { freeName, type Party, print } from "./party.ts";

/** While so many lines wait for a guest, others are not heard: they say it again. */
const maxWaiting = 1000;

export class Room implements Party {
  readonly #host: string;
  readonly #guests: Guests;
  #closedAt = Infinity;

  /** @param silence ms after which nobody is there any more */
  constructor(socket: DatagramSocket, host: string, silence: number) {
    this.#host = freeName(host, []);
    this.#guests = new Guests(socket, silence);
  }

  get #names(): string[] {
    return [this.#host, ...this.#guests.present.map(({ name }) => name).sort()];
  }
  get takesLines(): boolean {
    return this.#guests.present.every(({ link }) => link.waiting < maxWaiting);
  }
  get isWaiting(): boolean {
    return this.#guests.present.some(({ link }) => link.waiting > 0);
  }
  isOver(now: number): boolean {
    if (this.#closedAt === Infinity) return false;
    return !this.isWaiting || now - this.#closedAt > patience;
  }

  typed(line: string, now: number): void {
    if (line === "/who") print(this.#who());
    else if (line === "/quit") this.leave(now);
    else this.#tell(`${this.#host}: ${line}`, now);
  }

  leave(now: number): void {
    if (this.#closedAt !== Infinity) return;
    this.#closedAt = now;
    this.#tell("/quit", now);
  }

  received({ bytes, from }: Datagram, now: number): void {
    const parcel = parse(bytes);
    if (parcel === undefined) return;
    const guest = this.#guests.whose(parcel, from, now);
    const heard = this.takesLines ? parcel : { ...parcel, number: 0 };
    for (const line of guest?.link.receive(heard, now) ?? []) {
      this.#hear(guest!, line, now);
    }
  }

  #hear(guest: Guest, line: string, now: number): void {
    const { name } = guest;
    if (line.startsWith("/name ")) {
      guest.name = ""; // it may take its own
      guest.name = freeName(line.slice("/name ".length), this.#names);
      const how = name === "" ? "has come" : `was ${name}`;
      this.#announce(`* ${guest.name} ${how}`, now);
    } else if (name === "") return;
    else if (line === "/who") guest.link.say(this.#who(), now);
    else if (line === "/quit") {
      guest.name = "";
      this.#announce(`* ${name} has left`, now);
    } else this.#announce(`${name}: ${line}`, now, guest);
  }

  look(now: number): void {
    for (const { name } of this.#guests.dropSilent(now)) {
      if (name !== "") this.#announce(`* ${name} is silent, and gone`, now);
    }
  }

  resend(now: number): void {
    for (const { link } of this.#guests.present) link.resend(now);
  }

  #announce(line: string, now: number, speaker?: Guest): void {
    print(line);
    this.#tell(line, now, speaker);
  }

  #tell(line: string, now: number, speaker?: Guest): void {
    for (const guest of this.#guests.present) {
      if (guest !== speaker) guest.link.say(line, now);
    }
  }

  #who(): string {
    return `* here: ${this.#names.join(", ")}`;
  }
}
