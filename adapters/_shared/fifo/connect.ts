/**
 * Connecting over FIFOs: does what `core/rendezvous/client.ts` asks for.
 *
 * @module
 */
import { chmodSync, chownSync, lstatSync } from "node:fs";
import { randomBytes } from "node:crypto";
import process from "node:process";
import type { FifoAddress } from "../../../core/address.ts";
import type { SockeyeError } from "../../../core/error.ts";
import { RendezvousClient } from "../../../core/rendezvous/client.ts";
import type {
  ClientEffect,
  FoundFile,
} from "../../../core/rendezvous/effects.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
} from "../../../core/transport.ts";
import { found } from "../disk_name/found.ts";
import { translateError } from "../errors.ts";
import { type FifoPlatform, missingFifos } from "./platform.ts";
import { BegunReader } from "./reader.ts";
import { FifoStream, nameless } from "./stream.ts";
import { makeFifos } from "./mkfifo.ts";
import { RendezvousFiles } from "./rendezvous_files.ts";
import { scheduler } from "../scheduler.ts";
import { failSoon } from "../unsupported.ts";

type DoneAtOnce = Exclude<
  ClientEffect,
  { do: "makeFifos" | "receive" | "wait" | "done" | "failed" }
>;

/** Connects to a rendezvous. */
export function connectFifo(
  platform: FifoPlatform,
  to: FifoAddress,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  const missing = missingFifos(platform);
  if (missing !== undefined) return failSoon(missing, events);
  const connecting = new FifoConnecting(platform, to, request, events);
  // Nobody is told within the call: its caller does not hold the Pending yet.
  queueMicrotask(() => connecting.advance());
  return connecting;
}

/** A connection being made. */
class FifoConnecting implements Pending {
  readonly #platform: FifoPlatform;
  readonly #to: FifoAddress;
  readonly #machine: RendezvousClient;
  readonly #files: RendezvousFiles = new RendezvousFiles();
  #events: ConnectEvents | undefined;
  /** Of s2c, from when an answer is awaited. */
  #reader: BegunReader | undefined;
  #timer: unknown;
  #advancing = false;
  #making = false;

  constructor(
    platform: FifoPlatform,
    to: FifoAddress,
    request: ConnectRequest,
    events: ConnectEvents,
  ) {
    this.#platform = platform;
    this.#to = to;
    this.#events = events;
    this.#machine = new RendezvousClient(scheduler.now(), {
      path: to.path,
      pid: process.pid,
      nonce: randomBytes(16).toString("hex"),
      expectServer: request.expectServer,
      timeout: request.handshakeTimeout,
    });
  }

  cancel(): void {
    this.#events = undefined;
    this.#machine.cancel();
    this.advance();
  }

  /** Does what can be done by now. */
  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    scheduler.clearTimer(this.#timer);
    while (this.#step(this.#machine.pollEffect()));
    this.#advancing = false;
  }

  /** Does one effect; false where that takes time, or nothing follows. */
  #step(effect: ClientEffect): boolean {
    switch (effect.do) {
      case "makeFifos":
        // Giving up comes here again, and has to wait for it all the same.
        if (!this.#making) this.#make(effect.paths);
        return false;
      case "receive":
        this.#receive();
        return this.#machine.pollEffect() !== effect || this.#await();
      case "wait":
        return this.#await();
      case "done":
        this.#done();
        return false;
      case "failed":
        this.#failed(effect.error);
        return false;
      default:
        this.#now(effect);
        return true;
    }
  }

  #now(effect: DoneAtOnce): void {
    let outcome: FoundFile | undefined;
    try {
      outcome = this.#perform(effect);
    } catch (error) {
      const { code } = translateError(error);
      return this.#machine.handleFailed(scheduler.now(), code, error);
    }
    const now = scheduler.now();
    if (outcome === undefined) this.#machine.handleDone(now);
    else this.#machine.handleFound(now, outcome);
  }

  #perform(effect: DoneAtOnce): FoundFile | undefined {
    switch (effect.do) {
      case "inspect":
        return found(lstatSync(effect.path, { bigint: true }));
      case "chmod":
        return chmodSync(effect.path, effect.mode) as undefined;
      case "chown":
        return chownSync(effect.path, effect.uid, effect.group) as undefined;
      case "close":
        // The reader has it, and closes it in the end.
        if (effect.end === "s2c" && this.#reader !== undefined) return;
        return this.#files.perform(effect);
      default:
        return this.#files.perform(effect);
    }
  }

  #make(paths: readonly string[]): void {
    const machine = this.#machine;
    this.#making = true;
    makeFifos(this.#platform, paths).then(
      () => machine.handleDone(scheduler.now()),
      (error) => {
        const { code } = translateError(error);
        machine.handleFailed(scheduler.now(), code, error);
      },
    ).then(() => {
      this.#making = false;
      this.advance();
    });
  }

  /** Always false: the timer goes on. */
  #await(): boolean {
    const now = scheduler.now();
    const ms = Math.max(0, this.#machine.pollTimeout() - now);
    this.#timer = scheduler.setTimer(() => {
      // Timers may be a little early.
      this.#machine.handleTimeout(scheduler.now());
      this.advance();
    }, Math.ceil(ms));
    return false;
  }

  #receive(): void {
    if (this.#reader !== undefined) return;
    const { ends } = this.#platform;
    this.#reader = new BegunReader(ends, this.#files.take("s2c"), {
      data: (bytes) => {
        this.#machine.handleBytes(scheduler.now(), bytes);
        this.advance();
      },
      over: (error) => {
        // Behind the answer it is the connection's.
        if (this.#machine.pollEffect().do !== "receive") return;
        this.#machine.handleFailed(
          scheduler.now(),
          error?.code ?? "ECONNRESET",
          error,
        );
        this.advance();
      },
    });
  }

  #done(): void {
    const reader = this.#reader!;
    const writer = this.#files.take("c2s");
    const ends = reader.handOver(this.#machine.rest());
    const stream = new FifoStream(ends, { reader: -1, writer }, {
      localAddress: nameless,
      remoteAddress: this.#to,
    });
    const events = this.#events;
    if (events !== undefined) return events.connected(stream);
    // Given up in the very turn in which it was done.
    stream.attach(deaf);
    stream.abort();
  }

  #failed(error: SockeyeError): void {
    const tell = (): void => this.#events?.failed(error);
    if (this.#reader === undefined) tell();
    else this.#reader.close(tell);
  }
}

const deaf = {
  data: (): boolean => false,
  written(): void {},
  readClosed(): void {},
  shutdownDone(): void {},
  closed(): void {},
};
