/**
 * The guests of a chat, by where their datagrams come from.
 */
import { type Address, type DatagramSocket, Peers } from "../../mod.ts";
import { Link } from "./link.ts";
import type { Parcel } from "./parcel.ts";

export interface Guest {
  readonly link: Link;
  /** Empty before it is told, and when the guest has left. */
  name: string;
}

export class Guests {
  readonly #socket: DatagramSocket;
  readonly #peers: Peers<Guest>;

  /** @param silence ms after which nobody is there any more */
  constructor(socket: DatagramSocket, silence: number) {
    this.#socket = socket;
    this.#peers = new Peers({ idle: silence, max: 100 });
  }

  /** Those who have come and not left. */
  get present(): Guest[] {
    const guests = Array.from(this.#peers, ([, guest]) => guest);
    return guests.filter(({ name }) => name !== "");
  }

  /** Whose parcel it is; a first one makes a guest, others may be nobody's. */
  whose(parcel: Parcel, from: Address, now: number): Guest | undefined {
    const { session, number } = parcel;
    let known = this.#peers.get(from);
    if (known?.link.session !== session) {
      if (number !== 1) return undefined;
      this.#peers.delete(from); // a program that had the address before
      known = { link: this.#linkTo(from, session), name: "" };
    }
    return this.#peers.heard(from, now, () => known!);
  }

  #linkTo(address: Address, session: string): Link {
    return new Link(session, (datagram) => {
      // What cannot be sent is lost, as on its way, and is sent again.
      this.#socket.send(datagram, address).catch(() => {});
    });
  }

  /** Gives a sign of life to all but those who have been silent for too long. */
  dropSilent(now: number): Guest[] {
    const silent = this.#peers.expire(now).map(({ value }) => value);
    for (const [, { link }] of this.#peers) link.sign();
    return silent;
  }
}
