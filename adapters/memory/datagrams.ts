/**
 * Datagrams in the simulated network: names of their own, beside those that
 * are listened on, and a way between any two that loses, doubles and delays.
 *
 * Each datagram takes its own time, drawn from `latency` and `jitter`: with a
 * range, they overtake each other. One that comes to a name where nobody is
 * vanishes; a sender that is connected to that name is told so, one way later.
 *
 * @module
 */
import {
  type Address,
  formatAddress,
  type MemAddress,
} from "../../core/address.ts";
import type {
  BindEvents,
  DatagramEvents,
  DatagramHandle,
} from "../../core/datagram/transport.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import type { Pending } from "../../core/transport.ts";
import type { FaultPlan } from "./faults.ts";
import { draw, type Random, type Range } from "./random.ts";

/** What a field of datagrams is given of its network. */
export interface FieldSettings {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly latency: Range;
  readonly jitter: Range;
  readonly faults: FaultPlan;
  /** Takes a descriptor, unless there is none. */
  takeDescriptor(): SockeyeError | undefined;
  giveDescriptor(): void;
}

/** The sockets of one network, and what lies between them. */
export class DatagramField {
  readonly #settings: FieldSettings;
  readonly #sockets: Map<string, MemorySocket> = new Map();
  #named = 0;

  constructor(settings: FieldSettings) {
    this.#settings = settings;
  }

  bind(at: MemAddress, events: BindEvents): Pending {
    const { scheduler } = this.#settings;
    const name = at.name === "*" ? this.#freeName() : at.name;
    const failure = this.#sockets.has(name)
      ? new SockeyeError("EADDRINUSE", "Somebody is bound there")
      : this.#settings.takeDescriptor();
    let cancelled = false;
    let told = false;
    const socket = failure === undefined ? this.#add(name) : undefined;
    scheduler.turn(() => {
      if (cancelled) return;
      told = true;
      if (socket !== undefined) events.bound(socket);
      else events.failed(failure!);
    });
    return {
      cancel: () => {
        cancelled = true;
        if (!told) socket?.close();
      },
    };
  }

  #freeName(): string {
    let name: string;
    do name = `*${++this.#named}`; while (this.#sockets.has(name));
    return name;
  }

  #add(name: string): MemorySocket {
    const socket = new MemorySocket(name, this.#settings.scheduler, {
      carry: (bytes, to) => this.#carry(socket, bytes, to),
      released: () => {
        this.#sockets.delete(name);
        this.#settings.giveDescriptor();
      },
    });
    this.#sockets.set(name, socket);
    return socket;
  }

  #carry(from: MemorySocket, bytes: Uint8Array, to: MemAddress): void {
    const { faults } = this.#settings;
    const { name } = to;
    const delays = faults.hits("delay", name);
    const extra = delays.reduce(
      (sum, { ms }) => sum + draw(ms, this.#settings.random),
      0,
    );
    const copies = 1 + faults.hits("duplicate", name).length;
    if (faults.hits("lose", name).length > 0) return;
    for (let copy = 0; copy < copies; copy++) {
      const sent = bytes.slice();
      this.#after(extra + this.#delay(), () => this.#arrive(from, sent, to));
    }
  }

  #arrive(from: MemorySocket, bytes: Uint8Array, to: MemAddress): void {
    const socket = this.#sockets.get(to.name);
    if (socket !== undefined) {
      return socket.arrive(bytes, from.localAddress);
    }
    this.#after(this.#delay(), () => from.refused(to));
  }

  #delay(): number {
    const { latency, jitter, random } = this.#settings;
    return draw(latency, random) + draw(jitter, random);
  }

  /** At once without a delay, as on a loopback interface. */
  #after(ms: number, callback: () => void): void {
    if (ms === 0) callback();
    else if (ms !== Infinity) this.#settings.scheduler.setTimer(callback, ms);
  }
}

interface SocketHost {
  carry(bytes: Uint8Array, to: MemAddress): void;
  released(): void;
}

/** One simulated socket; it tells in turns of its own, in the order of events. */
class MemorySocket implements DatagramHandle {
  readonly localAddress: MemAddress;
  readonly sendsAtOnce = Infinity;
  readonly #scheduler: Scheduler;
  readonly #host: SocketHost;
  readonly #news: ((events: DatagramEvents) => void)[] = [];
  #events: DatagramEvents | undefined;
  #woken = false;
  #peer: MemAddress | undefined;
  #gone = false;

  constructor(name: string, scheduler: Scheduler, host: SocketHost) {
    this.localAddress = { transport: "mem", name };
    this.#scheduler = scheduler;
    this.#host = host;
  }

  attach(events: DatagramEvents): void {
    this.#events = events;
    this.#wake();
  }

  lookup(host: string, token: unknown): void {
    const error = new SockeyeError("ENOTFOUND", "Nothing is looked up here");
    this.#tell((events) => events.found(token, host, error));
  }

  send(bytes: Uint8Array, to: Address, token: unknown): void {
    this.#host.carry(bytes, to as MemAddress);
    this.#tell((events) => events.sent(token));
  }

  connect(to: Address): void {
    this.#peer = to as MemAddress;
    this.#tell((events) => events.connected());
  }

  disconnect(): void {
    this.#peer = undefined;
  }

  join(): void {
    throw new SockeyeError("ERR_SOCKEYE_UNSUPPORTED", "There are no groups");
  }

  leave(): void {
    this.join();
  }

  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#news.length = 0;
    this.#host.released();
    this.#news.push((events) => events.over());
    this.#wake();
  }

  /** A datagram has come. */
  arrive(bytes: Uint8Array, from: MemAddress): void {
    this.#tell((events) => events.datagram(bytes, from));
  }

  /** Nobody was at the name: of interest to who is connected to it. */
  refused(to: MemAddress): void {
    if (this.#peer?.name !== to.name) return;
    const said = `Nobody is bound to ${formatAddress(to)}`;
    const error = new SockeyeError("ECONNREFUSED", said);
    this.#tell((events) => events.failed(error));
  }

  #tell(news: (events: DatagramEvents) => void): void {
    if (this.#gone) return;
    this.#news.push(news);
    this.#wake();
  }

  #wake(): void {
    if (this.#woken || this.#events === undefined) return;
    if (this.#news.length === 0) return;
    this.#woken = true;
    this.#scheduler.turn(this.#turn);
  }

  /** All that was there when the turn began; what follows from it takes another. */
  readonly #turn = (): void => {
    this.#woken = false;
    for (const news of this.#news.splice(0)) {
      // Closed by what was told before: then nothing else is told.
      if (this.#gone && this.#news.length > 0) break;
      news(this.#events!);
    }
    this.#wake();
  };
}
