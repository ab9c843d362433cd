/**
 * A network within the process: names, who listens there, and what lies
 * between.
 *
 * @module
 */
import type { MemAddress } from "../../core/address.ts";
import type { BindEvents } from "../../core/datagram/transport.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import type {
  ConnectEvents,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../core/transport.ts";
import { DatagramField } from "./datagrams.ts";
import { type Fault, FaultPlan } from "./faults.ts";
import { Link, type LinkSettings, type Side, type TraceEvent } from "./link.ts";
import { type Knock, MemoryListener, type Waiting } from "./listener.ts";
import {
  checkRange,
  draw,
  drawWhole,
  type Random,
  type Range,
  type Seed,
  seeded,
} from "./random.ts";
import { Loan, MemoryStream, type StreamSettings } from "./stream.ts";

/**
 * How a simulated network behaves. A range is drawn from the seed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   createSimulation,
 *   type MemoryNetworkOptions,
 * } from "@sockeye/net/memory";
 *
 * const narrow: Partial<MemoryNetworkOptions> = { window: 1024, chunk: 100 };
 * const { run, listen, connect } = createSimulation(narrow);
 * await run(async () => {
 *   const listener = await listen("mem:narrow");
 *   const client = await connect("mem:narrow");
 *   const server = await listener.accept();
 *   client.send(new Uint8Array(1500));
 *   assert.equal((await server.read())?.length, 100);
 *   client.abort();
 *   await listener.close();
 * });
 * ```
 */
export interface MemoryNetworkOptions {
  /** Time; the network's chance comes from its own seed. */
  scheduler: Scheduler;
  /** Where chance starts. Default 0. */
  seed?: Seed;
  /** One way, ms; a range is drawn once for each connection, and for each datagram. Default 0. */
  latency?: Range;
  /** Added to the latency of each piece, ms; order is kept, but among datagrams. Default 0. */
  jitter?: Range;
  /** Bytes are delivered in pieces of at most so many. Default: joined as they come. */
  chunk?: Range;
  /** Bytes that are taken from a sender and not read by its receiver. Default 65536. */
  window?: number;
  /** Deliver data in one lent buffer, which is spoilt afterwards. Default false. */
  lend?: boolean;
  /** Keep the rest of a write that does not fit and take it later, or ask for it again. Default true. */
  holdPending?: boolean;
  /** Milliseconds until a shutdown is handed over. Default 0: at once. */
  shutdownDelay?: number;
  /** Descriptors that there are; at the limit, connecting, listening, binding and accepting fail with `EMFILE`. Default: no limit. */
  descriptorLimit?: number;
  /** Faults in force from the start; see `inject`. */
  faults?: readonly Fault[];
  /** Told what happens, in order. */
  trace?: (event: TraceEvent) => void;
}

/** A connect under way. */
interface Dial {
  readonly id: number;
  readonly to: MemAddress;
  readonly latency: number;
  readonly events: ConnectEvents;
  cancelled: boolean;
  client: MemoryStream | undefined;
}

/**
 * What a test does to the network while it runs.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, listen, connect, network } = createSimulation();
 * await run(async () => {
 *   const listener = await listen("mem:fragile");
 *   const lift = network.inject({ kind: "refuse" });
 *   await assert.rejects(connect("mem:fragile"), { code: "ECONNREFUSED" });
 *   lift();
 *   const client = await connect("mem:fragile");
 *   assert.equal(network.reset("fragile"), 1);
 *   await assert.rejects(client.read(), { code: "ECONNRESET" });
 *   await listener.close();
 * });
 * ```
 */
export interface NetworkControls {
  /** Descriptors in use: listeners, connects, sockets for datagrams, and connections accepted or made. */
  readonly descriptors: number;
  /**
   * Puts a fault into force, for connections made and datagrams sent from now
   * on; gives the way to lift it.
   *
   * @throws {SockeyeError} `EINVAL` for an amount that makes no sense.
   */
  inject(fault: Fault): () => void;
  /** Resets the connections to a name, or all; gives how many. */
  reset(name?: string): number;
  /**
   * Delivers nothing for `ms` on the connections to a name, or on all; gives
   * how many.
   *
   * @throws {SockeyeError} `EINVAL` for a time below 0.
   */
  stall(ms: number, name?: string): number;
}

/** A network within the process. */
export class MemoryNetwork implements NetworkControls {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #latency: Range;
  readonly #linkSettings: LinkSettings;
  readonly #streamSettings: StreamSettings;
  readonly #descriptorLimit: number;
  readonly #faults: FaultPlan;
  readonly #listeners: Map<string, MemoryListener> = new Map();
  readonly #datagrams: DatagramField;
  readonly #links: Set<Link> = new Set();
  #dialled = 0;
  #descriptors = 0;

  /** @throws {SockeyeError} `EINVAL` for an amount that makes no sense. */
  constructor(options: MemoryNetworkOptions) {
    checkRange("latency", options.latency, 0);
    checkRange("jitter", options.jitter, 0);
    checkRange("chunk", options.chunk, 1);
    checkRange("window", options.window, 1);
    checkRange("shutdownDelay", options.shutdownDelay, 0);
    checkRange("descriptorLimit", options.descriptorLimit, 0);
    const { scheduler, jitter = 0, chunk, trace } = options;
    const random = seeded(options.seed ?? 0, "network");
    this.#scheduler = scheduler;
    this.#random = random;
    this.#latency = options.latency ?? 0;
    this.#descriptorLimit = options.descriptorLimit ?? Infinity;
    this.#faults = new FaultPlan(options.faults ?? [], random);
    this.#linkSettings = { scheduler, random, jitter, chunk, trace };
    this.#streamSettings = {
      scheduler,
      window: options.window ?? 65536,
      keepPieces: chunk !== undefined,
      holdPending: options.holdPending ?? true,
      shutdownDelay: options.shutdownDelay ?? 0,
      loan: options.lend === true ? new Loan() : undefined,
    };
    this.#datagrams = new DatagramField({
      scheduler,
      // Of its own: datagrams do not shift what connections draw.
      random: seeded(options.seed ?? 0, "datagrams"),
      latency: this.#latency,
      jitter,
      faults: this.#faults,
      takeDescriptor: () => {
        const error = this.#descriptorError();
        if (error === undefined) this.#descriptors++;
        return error;
      },
      giveDescriptor: () => void this.#descriptors--,
    });
  }

  get descriptors(): number {
    return this.#descriptors;
  }

  inject(fault: Fault): () => void {
    return this.#faults.add(fault);
  }

  reset(name?: string): number {
    return this.#each(name, (link) => link.resetBoth());
  }

  stall(ms: number, name?: string): number {
    checkRange("ms", ms, 0);
    return this.#each(name, (link) => link.stall(ms));
  }

  connect(to: MemAddress, events: ConnectEvents): Pending {
    const dial: Dial = {
      id: ++this.#dialled,
      to,
      latency: draw(this.#latency, this.#random),
      events,
      cancelled: false,
      client: undefined,
    };
    const full = this.#descriptorError();
    this.#descriptors++;
    if (full !== undefined) this.#fail(dial, 0, full);
    else {
      this.#trace(dial, "connect");
      if (dial.latency === 0) this.#knock(dial);
      else this.#after(dial.latency, () => this.#knock(dial));
    }
    return { cancel: () => this.#cancel(dial) };
  }

  listen(
    at: MemAddress,
    request: Pick<ListenRequest, "backlog">,
    events: ListenStartEvents,
  ): Pending {
    const failure = this.#listeners.has(at.name)
      ? new SockeyeError("EADDRINUSE", "Somebody listens there")
      : this.#descriptorError();
    let cancelled = false;
    if (failure !== undefined) {
      this.#after(0, () => cancelled || events.failed(failure));
      return { cancel: () => void (cancelled = true) };
    }
    const listener = this.#bind(at, request.backlog);
    let told = false;
    this.#after(0, () => {
      if (cancelled) return;
      told = true;
      events.listening(listener);
    });
    return {
      cancel: () => {
        cancelled = true;
        if (!told) listener.close();
      },
    };
  }

  /** Binds a socket for datagrams; `mem:*` is a name that the network chooses. */
  bind(at: MemAddress, events: BindEvents): Pending {
    return this.#datagrams.bind(at, events);
  }

  #bind(at: MemAddress, backlog: number): MemoryListener {
    const listener = new MemoryListener(at, backlog, {
      scheduler: this.#scheduler,
      acceptError: () => this.#acceptError(at.name),
      released: () => {
        this.#listeners.delete(at.name);
        this.#descriptors--;
      },
    });
    this.#listeners.set(at.name, listener);
    this.#descriptors++;
    return listener;
  }

  /** The client's first packet has come to the name. */
  #knock(dial: Dial): void {
    const listener = this.#listeners.get(dial.to.name);
    const refused = listener === undefined ||
      this.#faults.hits("refuse", dial.to.name).length > 0;
    const knock: Knock = {
      admit: () => dial.cancelled ? undefined : this.#join(dial),
      refuse: () => {
        this.#trace(dial, "refuse");
        const error = new SockeyeError("ECONNREFUSED", "Nobody listens there");
        this.#fail(dial, dial.latency, error);
      },
    };
    if (refused) knock.refuse();
    else listener.receive(knock);
  }

  /** Makes the two ends; the client learns of it one latency later. */
  #join(dial: Dial): Waiting {
    const { id, to, latency, events } = dial;
    const link = new Link(id, to.name, latency, this.#linkSettings);
    const here: MemAddress = { transport: "mem", name: `${to.name}#${id}` };
    const end = (side: Side, gone: () => void): MemoryStream => {
      const [local, remote] = side === "client" ? [here, to] : [to, here];
      const settings = this.#streamSettings;
      return new MemoryStream(link, side, local, remote, settings, gone);
    };
    let ends = 2;
    let accepted = false;
    const gone = (counted: boolean): void => {
      if (counted) this.#descriptors--;
      if (--ends > 0) return;
      link.dispose();
      this.#links.delete(link);
    };
    const client = end("client", () => gone(true));
    const stream = end("server", () => gone(accepted));
    link.join(client, stream);
    link.trace("open", "server");
    this.#links.add(link);
    dial.client = client;
    this.#after(latency, () => dial.cancelled || events.connected(client));
    const whenAccepted = (): void => {
      accepted = true;
      this.#descriptors++;
      link.trace("accept", "server");
    };
    return { stream, ...this.#lieInWait(link), accepted: whenAccepted };
  }

  /** Lets the faults loose that hit this connection. */
  #lieInWait(link: Link): Pick<Waiting, "readyAt" | "fails"> {
    const { name } = link;
    const amount = (range: Range | undefined): number | undefined =>
      range === undefined ? undefined : draw(range, this.#random);
    const bytes = (range: Range | undefined): number | undefined =>
      range === undefined ? undefined : drawWhole(range, this.#random);
    let readyAt = 0;
    for (const { ms } of this.#faults.hits("slowAccept", name)) {
      readyAt = Math.max(readyAt, this.#scheduler.now() + amount(ms)!);
    }
    for (const fault of this.#faults.hits("stall", name)) {
      const { ms, afterBytes, afterMs } = fault;
      link.stallAfter(amount(ms)!, bytes(afterBytes), amount(afterMs));
    }
    for (const { afterBytes, afterMs } of this.#faults.hits("reset", name)) {
      link.resetAfter(bytes(afterBytes), amount(afterMs));
    }
    const inQueue = this.#faults.hits("resetInQueue", name);
    if (inQueue.length > 0) link.resetBoth();
    return { readyAt, fails: inQueue.some((fault) => fault.acceptFails) };
  }

  #cancel(dial: Dial): void {
    if (dial.cancelled) return;
    dial.cancelled = true;
    if (dial.client === undefined) this.#descriptors--;
    else dial.client.abort();
  }

  #fail(dial: Dial, delay: number, error: SockeyeError): void {
    this.#after(delay, () => {
      if (dial.cancelled) return;
      dial.cancelled = true;
      this.#descriptors--;
      dial.events.failed(error);
    });
  }

  #acceptError(name: string): SockeyeError | undefined {
    const [fault] = this.#faults.hits("acceptError", name);
    if (fault === undefined) return this.#descriptorError();
    return new SockeyeError(fault.code, "Accepting failed, as simulated");
  }

  #descriptorError(): SockeyeError | undefined {
    if (this.#descriptors < this.#descriptorLimit) return undefined;
    return new SockeyeError(
      "EMFILE",
      `All ${this.#descriptorLimit} descriptors are in use`,
    );
  }

  /** In a turn of its own at the earliest. */
  #after(ms: number, callback: () => void): void {
    if (ms === 0) this.#scheduler.turn(callback);
    else if (ms !== Infinity) this.#scheduler.setTimer(callback, ms);
  }

  #each(name: string | undefined, act: (link: Link) => void): number {
    let count = 0;
    for (const link of this.#links) {
      if (name !== undefined && link.name !== name) continue;
      act(link);
      count++;
    }
    return count;
  }

  #trace(dial: Dial, what: TraceEvent["what"]): void {
    const at = this.#scheduler.now();
    const { trace } = this.#linkSettings;
    trace?.({ at, connection: dial.id, side: "client", what });
  }
}
