/**
 * Listening on FIFOs: does what `core/rendezvous/server.ts` asks for.
 *
 * @module
 */
import { closeSync } from "node:fs";
import type { FifoAddress } from "../../../core/address.ts";
import { SockeyeError } from "../../../core/error.ts";
import type { ServerEffect } from "../../../core/rendezvous/effects.ts";
import type { ServerHandshake } from "../../../core/rendezvous/handshake.ts";
import { RendezvousServer } from "../../../core/rendezvous/server.ts";
import { sweepInterval } from "../../../core/rendezvous/sweep.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../../core/transport.ts";
import { type Binder, takeName } from "../disk_name.ts";
import { translateError } from "../errors.ts";
import type { FifoReader } from "./ends.ts";
import { type FifoPlatform, missingFifos } from "./platform.ts";
import { FifoStream, nameless } from "./stream.ts";
import { makeFifos } from "./mkfifo.ts";
import { openFifo, probeFifo, RendezvousFiles } from "./rendezvous_files.ts";
import { sweepRendezvous } from "./rendezvous_sweep.ts";
import { scheduler } from "../scheduler.ts";
import { failSoon } from "../unsupported.ts";

/** The rendezvous, open. */
interface Held {
  readonly reader: number;
  /** Never written to: with it there is always a writer, and no end. */
  readonly writer: number;
}

/** Listens at a rendezvous. */
export function listenFifo(
  platform: FifoPlatform,
  at: FifoAddress,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  const missing = missingFifos(platform);
  if (missing !== undefined) return failSoon(missing, events);
  const { mode, group } = request;
  let cancelled = false;
  const name = { kind: "fifo", path: at.path, mode, group } as const;
  const taking = takeName(name, binderOf(platform), {
    taken({ listener: held, release }): void {
      const period = request.handshakeTimeout;
      sweepRendezvous(platform, at.path, period).then(() => {
        const made = new FifoListener(platform, at, request, held, release);
        if (cancelled) made.close();
        else events.listening(made);
      });
    },
    failed: (error) => events.failed(error),
  });
  return {
    cancel(): void {
      cancelled = true;
      taking.cancel();
    },
  };
}

function binderOf(platform: FifoPlatform): Binder<Held> {
  return {
    async bind(path) {
      await makeFifos(platform, [path]);
      const reader = openFifo(path, "read");
      try {
        return { reader, writer: openFifo(path, "write") };
      } catch (error) {
        closeSync(reader);
        throw error;
      }
    },
    unbind({ reader, writer }) {
      closeSync(reader);
      closeSync(writer);
    },
    probe: (path) => Promise.resolve(probeFifo(path)),
  };
}

/** A rendezvous that stands. */
class FifoListener implements ListenHandle {
  readonly address: FifoAddress;
  /**
   * Whoever connects must be answered within the handshake's time, wanted or
   * not. A listener that does not accept at all leaves them in the rendezvous.
   */
  readonly acceptsOnDemand = false;

  readonly #platform: FifoPlatform;
  readonly #period: number;
  readonly #machine: RendezvousServer;
  readonly #writer: number;
  readonly #reader: FifoReader;
  /** Gives the name on disk back. */
  readonly #release: () => void;
  readonly #files: Map<ServerHandshake, RendezvousFiles> = new Map();
  #events: ListenEvents | undefined;
  #timer: unknown;
  #sweepTimer: unknown;
  #pumping = false;
  #closing = false;
  #error: SockeyeError | undefined;

  constructor(
    platform: FifoPlatform,
    at: FifoAddress,
    request: ListenRequest,
    held: Held,
    release: () => void,
  ) {
    this.address = at;
    this.#platform = platform;
    this.#period = request.handshakeTimeout;
    this.#release = release;
    this.#machine = new RendezvousServer({
      path: at.path,
      timeout: request.handshakeTimeout,
      allowUsers: request.allowUsers,
      group: request.group,
    });
    this.#writer = held.writer;
    this.#reader = platform.ends.openReader(held.reader, {
      data: (bytes, lent) => this.#onData(bytes, lent),
      ended: () =>
        this.#end(new SockeyeError("EIO", "it ended, although we hold it")),
      failed: (error) => this.#end(error),
      closed: () => this.#onReaderBack(),
    });
    this.#sweepLater();
  }

  attach(events: ListenEvents): void {
    this.#events = events;
  }

  startAccept(): void {
    if (this.#closing) return;
    this.#machine.setAccepting(true);
    this.#pump();
  }

  stopAccept(): void {
    if (this.#closing) return;
    this.#machine.setAccepting(false);
    this.#pump();
  }

  close(): void {
    this.#end(undefined);
  }

  #onData(bytes: Uint8Array, lent: boolean): boolean {
    this.#machine.handleBytes(lent ? bytes.slice() : bytes);
    this.#pump();
    return false;
  }

  /** Does all that there is to do by now; one turn. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#machine.startTurn();
    for (;;) {
      const handshake = this.#machine.poll(scheduler.now());
      if (handshake === undefined) break;
      while (this.#step(handshake, handshake.pollEffect()));
    }
    this.#pumping = false;
    if (this.#closing) return;
    if (this.#machine.wantsBytes) this.#reader.start();
    else this.#reader.stop();
    this.#pumpLater();
  }

  #pumpLater(): void {
    scheduler.clearTimer(this.#timer);
    const now = scheduler.now();
    const at = this.#machine.pollTimeout(now);
    if (at === Infinity) return;
    const pump = (): void => {
      if (!this.#closing) this.#pump();
    };
    // More than a turn may do: other connections come first.
    if (at <= now) scheduler.turn(pump);
    else this.#timer = scheduler.setTimer(pump, Math.ceil(at - now));
  }

  /** Does one effect; false where it waits, or is over. */
  #step(handshake: ServerHandshake, effect: ServerEffect): boolean {
    switch (effect.do) {
      case "wait":
        return false;
      case "exhausted":
        this.#events?.acceptFailed(effect.error);
        handshake.handleDone(scheduler.now());
        return true;
      case "admit":
        handshake.handleDone(scheduler.now());
        this.#admit(this.#forget(handshake), effect.credentials);
        return false;
      case "refuse":
        handshake.handleDone(scheduler.now());
        this.#forget(handshake);
        this.#events?.refused(effect.error);
        return false;
      default:
        this.#perform(handshake, effect);
        return true;
    }
  }

  #perform(
    handshake: ServerHandshake,
    effect: Parameters<RendezvousFiles["perform"]>[0],
  ): void {
    const files = this.#files.get(handshake) ?? new RendezvousFiles();
    this.#files.set(handshake, files);
    try {
      const found = files.perform(effect);
      if (found === undefined) handshake.handleDone(scheduler.now());
      else handshake.handleFound(scheduler.now(), found);
    } catch (error) {
      const { code } = translateError(error);
      handshake.handleFailed(scheduler.now(), code, error);
    }
  }

  #forget(handshake: ServerHandshake): RendezvousFiles | undefined {
    const files = this.#files.get(handshake);
    this.#files.delete(handshake);
    return files;
  }

  #admit(
    files: RendezvousFiles | undefined,
    credentials: Extract<ServerEffect, { do: "admit" }>["credentials"],
  ): void {
    const reader = files!.take("c2s");
    const writer = files!.take("s2c");
    const { ends } = this.#platform;
    this.#events?.connection(
      new FifoStream(ends, { reader, writer }, {
        localAddress: this.address,
        remoteAddress: nameless,
        credentials,
      }),
    );
  }

  /** Keeps the process alive besides, which a reader that is stopped may not. */
  #sweepLater(): void {
    this.#sweepTimer = scheduler.setTimer(() => {
      sweepRendezvous(this.#platform, this.address.path, this.#period)
        .then(() => {
          if (!this.#closing) this.#sweepLater();
        });
    }, sweepInterval(this.#period));
  }

  #end(error: SockeyeError | undefined): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#error = error;
    scheduler.clearTimer(this.#timer);
    scheduler.clearTimer(this.#sweepTimer);
    this.#release();
    this.#machine.close();
    this.#pump();
    closeSync(this.#writer);
    this.#reader.close();
  }

  #onReaderBack(): void {
    // Some runtimes tell this within close().
    queueMicrotask(() => this.#events?.closed(this.#error));
  }
}
