/**
 * What lies between the two ends of a simulated connection.
 *
 * @module
 */
import type { Scheduler } from "../../core/runtime.ts";
import { draw, drawWhole, type Random, type Range } from "./random.ts";

/**
 * Which end of a connection: `client` is the one that connected.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, type Side } from "@sockeye/net/memory";
 *
 * const endedBy: Side[] = [];
 * const { run, listen, connect } = createSimulation({
 *   trace: ({ what, side }) => void (what === "end" && endedBy.push(side)),
 * });
 * await run(async () => {
 *   const listener = await listen("mem:sides");
 *   const client = await connect("mem:sides");
 *   await client.closeWrite();
 *   client.abort();
 *   await listener.close();
 * });
 * assert.deepEqual(endedBy, ["client"]);
 * ```
 */
export type Side = "client" | "server";

/** What the network carries. */
export type Parcel =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "taken"; readonly count: number }
  | { readonly kind: "end" }
  | { readonly kind: "reset" };

/** Where parcels arrive; called at once, as a kernel is by its network card. */
export interface LinkEnd {
  arrive(parcel: Parcel): void;
}

/**
 * One line of the network's trace.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation, type TraceEvent } from "@sockeye/net/memory";
 *
 * const events: TraceEvent[] = [];
 * const { run, listen, connect } = createSimulation({
 *   latency: 10,
 *   trace: (event) => void events.push(event),
 * });
 * await run(async () => {
 *   const listener = await listen("mem:traced");
 *   (await connect("mem:traced")).abort();
 *   await listener.close();
 * });
 * assert.deepEqual(events[0], {
 *   at: 0,
 *   connection: 1,
 *   side: "client",
 *   what: "connect",
 * });
 * ```
 */
export interface TraceEvent {
  /** Simulated milliseconds. */
  readonly at: number;
  /** The connection, counted from 1 in its network. */
  readonly connection: number;
  /** Whose doing it is, or at whom it arrives. */
  readonly side: Side;
  /** `send` and `arrive` are bytes; the others name what happens. */
  readonly what:
    | "connect"
    | "refuse"
    | "open"
    | "accept"
    | "send"
    | "arrive"
    | "end"
    | "reset"
    | "stall"
    | "close";
  /** Bytes, of `send` and `arrive`. */
  readonly length?: number;
}

/** What links of one network have in common. */
export interface LinkSettings {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly jitter: Range;
  readonly chunk: Range | undefined;
  readonly trace: ((event: TraceEvent) => void) | undefined;
}

/**
 * Slack of time comparisons: `now + (at - now)` may miss `at` by the last bit,
 * and a timer for that bit would never get there.
 */
const epsilon = 1e-6;

interface Flying {
  at: number;
  readonly parcel: Parcel;
}

/** One direction: parcels arrive in the order in which they were sent. */
class Wire {
  readonly #scheduler: Scheduler;
  readonly #target: LinkEnd;
  readonly #flying: Flying[] = [];
  #timer: unknown;
  #lastAt = 0;

  constructor(scheduler: Scheduler, target: LinkEnd) {
    this.#scheduler = scheduler;
    this.#target = target;
  }

  /** With no delay it arrives at once, as on a loopback interface. */
  send(parcel: Parcel, delay: number): void {
    const now = this.#scheduler.now();
    const at = Math.max(this.#lastAt, now + delay);
    if (at <= now && this.#flying.length === 0) {
      return this.#target.arrive(parcel);
    }
    this.#lastAt = at;
    this.#flying.push({ at, parcel });
    if (this.#flying.length === 1) this.#arm();
  }

  /** Nothing arrives before `until`; what is sent later keeps its place. */
  hold(until: number): void {
    for (const flying of this.#flying) flying.at = Math.max(flying.at, until);
    this.holdNext(until);
    this.#arm();
  }

  /** Nothing that is sent from now on arrives before `until`. */
  holdNext(until: number): void {
    this.#lastAt = Math.max(this.#lastAt, until);
  }

  /** Loses what is under way; a stall remains. */
  discard(): void {
    this.#flying.length = 0;
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== undefined) this.#scheduler.clearTimer(this.#timer);
    this.#timer = undefined;
    const at = this.#flying[0]?.at ?? Infinity;
    if (at === Infinity) return;
    this.#timer = this.#scheduler.setTimer(
      this.#due,
      at - this.#scheduler.now(),
    );
  }

  readonly #due = (): void => {
    this.#timer = undefined;
    const now = this.#scheduler.now() + epsilon;
    while (this.#flying.length > 0 && this.#flying[0]!.at <= now) {
      this.#target.arrive(this.#flying.shift()!.parcel);
    }
    if (this.#timer === undefined) this.#arm();
  };
}

/** The two directions of one connection, and the faults that lie in wait there. */
export class Link {
  readonly id: number;
  /** The name that was connected to. */
  readonly name: string;
  /** One way, ms. */
  readonly latency: number;
  readonly #settings: LinkSettings;
  #toClient!: Wire;
  #toServer!: Wire;
  #carried = 0;
  #resetAt = Infinity;
  #stallAt = Infinity;
  #stallMs = 0;
  /** The network has cut it: what is still sent vanishes. */
  #cut = false;
  readonly #resetFrom: Record<Side, boolean> = { client: false, server: false };
  readonly #timers: unknown[] = [];

  constructor(
    id: number,
    name: string,
    latency: number,
    settings: LinkSettings,
  ) {
    this.id = id;
    this.name = name;
    this.latency = latency;
    this.#settings = settings;
  }

  /** Names the two ends; once. */
  join(client: LinkEnd, server: LinkEnd): void {
    const { scheduler } = this.#settings;
    this.#toClient = new Wire(scheduler, client);
    this.#toServer = new Wire(scheduler, server);
  }

  trace(what: TraceEvent["what"], side: Side, length?: number): void {
    const { trace, scheduler } = this.#settings;
    if (trace === undefined) return;
    const event = { at: scheduler.now(), connection: this.id, side, what };
    trace(length === undefined ? event : { ...event, length });
  }

  /** Copies bytes and carries them to the other side, in the pieces that the options ask for. */
  carry(from: Side, bytes: Uint8Array): void {
    const { chunk, random } = this.#settings;
    this.trace("send", from, bytes.length);
    let start = 0;
    while (start < bytes.length && !this.#cut) {
      if (this.#carried >= this.#resetAt) return this.#cutBehind(from);
      if (this.#carried >= this.#stallAt) this.#beginStall();
      const most = chunk === undefined ? Infinity : drawWhole(chunk, random);
      const length = Math.min(
        bytes.length - start,
        most,
        this.#resetAt - this.#carried,
        this.#stallAt - this.#carried,
      );
      this.#carried += length;
      const piece = bytes.slice(start, start += length);
      this.#send(from, { kind: "data", bytes: piece });
    }
    if (this.#carried >= this.#resetAt && !this.#cut) this.#cutBehind(from);
  }

  /** Tells the sender that the receiver has taken bytes, so that there is room for more. */
  taken(by: Side, count: number): void {
    if (!this.#cut) this.#send(by, { kind: "taken", count });
  }

  /** Ends one direction, behind its data. */
  end(from: Side): void {
    this.trace("end", from);
    if (!this.#cut) this.#send(from, { kind: "end" });
  }

  /**
   * One side resets: what is under way is lost, in both directions. Its later
   * ones add nothing, and must not lose the first one under way.
   */
  resetBy(from: Side): void {
    if (this.#cut || this.#resetFrom[from]) return;
    this.#resetFrom[from] = true;
    this.trace("reset", from);
    this.#toClient.discard();
    this.#toServer.discard();
    this.#send(from, { kind: "reset" });
  }

  /** The network resets: both sides are told, what is under way is lost. */
  resetBoth(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.trace("reset", "client");
    this.trace("reset", "server");
    this.#toClient.discard();
    this.#toServer.discard();
    this.#send("client", { kind: "reset" });
    this.#send("server", { kind: "reset" });
  }

  /** Nothing is delivered for `ms` from now on. */
  stall(ms: number): void {
    this.trace("stall", "client");
    const until = this.#settings.scheduler.now() + ms;
    this.#toClient.hold(until);
    this.#toServer.hold(until);
  }

  resetAfter(bytes: number | undefined, ms: number | undefined): void {
    if (bytes === undefined && ms === undefined) return this.resetBoth();
    if (bytes !== undefined) this.#resetAt = Math.min(this.#resetAt, bytes);
    if (ms !== undefined) this.#after(ms, () => this.resetBoth());
  }

  stallAfter(
    stallMs: number,
    bytes: number | undefined,
    ms: number | undefined,
  ): void {
    if (bytes === undefined && ms === undefined) return this.stall(stallMs);
    if (bytes !== undefined) {
      this.#stallAt = bytes;
      this.#stallMs = stallMs;
    }
    if (ms !== undefined) this.#after(ms, () => this.stall(stallMs));
  }

  /** Both ends are gone: no fault is due any more. */
  dispose(): void {
    for (const timer of this.#timers) {
      this.#settings.scheduler.clearTimer(timer);
    }
  }

  #after(ms: number, callback: () => void): void {
    if (ms === Infinity) return;
    this.#timers.push(this.#settings.scheduler.setTimer(callback, ms));
  }

  /** The bytes so far arrive, those behind them wait. */
  #beginStall(): void {
    this.trace("stall", "client");
    const until = this.#settings.scheduler.now() + this.#stallMs;
    this.#stallAt = Infinity;
    this.#toClient.holdNext(until);
    this.#toServer.holdNext(until);
  }

  /** The receiver gets the bytes so far, then a reset; the sender a reset alone. */
  #cutBehind(from: Side): void {
    this.#cut = true;
    this.trace("reset", from);
    this.#send(from, { kind: "reset" });
    (from === "client" ? this.#toClient : this.#toServer).discard();
    this.#send(from === "client" ? "server" : "client", { kind: "reset" });
  }

  #send(from: Side, parcel: Parcel): void {
    const { jitter, random } = this.#settings;
    const wire = from === "client" ? this.#toServer : this.#toClient;
    wire.send(parcel, this.latency + draw(jitter, random));
  }
}
