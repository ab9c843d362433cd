/**
 * The datagram part of the suite: what its cases hold while they run.
 *
 * Cases, verdicts and gaps are those of `harness.ts`; the subject binds
 * sockets where that of streams connects and listens.
 */
import { performance } from "node:perf_hooks";
import { judge, type Judged, NotApplicable } from "./harness.ts";
import { within } from "./wait.ts";
import { openSockets } from "./scratch.ts";
import type {
  BindOptions,
  Datagram,
  DatagramSocket,
} from "../api/datagram/types.ts";
import type { Address, AddressLike } from "../core/address.ts";
import { isSamePeer } from "../core/datagram/address.ts";
import type { Feature } from "../core/runtime.ts";
import type { DatagramSubject, DatagramTransport, Outcome } from "./subject.ts";

/** All of them. */
export const datagramTransports: readonly DatagramTransport[] = [
  "udp",
  "udp6",
  "mem",
];

/** One sentence about datagrams. */
export type DatagramCase = Judged<DatagramTrial>;

let serial = 0;

/** What a case works with. */
export class DatagramTrial {
  readonly subject: DatagramSubject;
  readonly transport: DatagramTransport;
  readonly gaps: string[] = [];
  readonly #sockets: DatagramSocket[] = [];
  readonly #before: number = openSockets();

  constructor(subject: DatagramSubject) {
    this.subject = subject;
    this.transport = subject.transport;
  }

  /** Whether it is the kernel's network, and not the simulated one. */
  get isReal(): boolean {
    return this.transport !== "mem";
  }

  /** An address of loopback that is free. */
  address(): string {
    if (this.transport === "mem") return `mem:datagrams-${++serial}`;
    return this.transport === "udp6" ? "udp://[::1]:0" : "udp://127.0.0.1:0";
  }

  async bind(options?: BindOptions, at?: AddressLike): Promise<DatagramSocket> {
    const socket = await this.subject.bind(at ?? this.address(), options);
    this.#sockets.push(socket);
    return socket;
  }

  /** An address where nobody is, and was somebody a moment ago. */
  async deadAddress(): Promise<Address> {
    const socket = await this.bind();
    await socket.close();
    return socket.localAddress;
  }

  /** Notes that the platform cannot hold the sentence, and why. */
  gap(reason: string): void {
    if (!this.gaps.includes(reason)) this.gaps.push(reason);
  }

  /** Whether the subject has a feature; if not, its reason is noted as a gap. */
  async has(feature: Feature): Promise<boolean> {
    const { support, reason } = await this.subject.support(feature);
    if (support === "none") this.gap(reason ?? `no ${feature}`);
    return support !== "none";
  }

  /** Ends the case for a control: its API has no notion of this. */
  libraryOnly(what: string): void {
    if (this.subject.bare) {
      throw new NotApplicable(`The API has no notion of ${what}`);
    }
  }

  /** Closes what is left, and fails if the process holds more than before. */
  async finish(): Promise<void> {
    const closing = this.#sockets.map((socket) => socket.close());
    await within(5000, "closing what the case opened", Promise.all(closing));
    const last = performance.now() + 5000;
    while (openSockets() > this.#before && performance.now() < last) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const more = openSockets() - this.#before;
    if (more > 0) throw new Error(`${more} sockets left open`);
  }
}

/** Runs one case over one subject; never throws. */
export function runDatagramCase(
  item: DatagramCase,
  subject: DatagramSubject,
): Promise<Outcome> {
  return judge(item, new DatagramTrial(subject));
}

/** What comes next, awaited for so long that nothing but a loss takes longer. */
export function next(socket: DatagramSocket): Promise<Datagram> {
  return socket.receive({ timeout: 10_000 });
}

/**
 * Everything that had been sent to a socket has come when this resolves: a
 * last word to it is sent, and taken out again.
 */
export async function settle(
  from: DatagramSocket,
  to: DatagramSocket,
): Promise<Datagram[]> {
  const word = new TextEncoder().encode(`last word ${++serial}`);
  await from.send(word, to.localAddress);
  const before: Datagram[] = [];
  for (;;) {
    const datagram = await next(to);
    if (equal(datagram.bytes, word)) return before;
    before.push(datagram);
  }
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length &&
    one.every((byte, index) => byte === other[index]);
}

/** Whether a datagram came from a socket. */
export function isFrom(datagram: Datagram, socket: DatagramSocket): boolean {
  return isSamePeer(datagram.from, socket.localAddress);
}
