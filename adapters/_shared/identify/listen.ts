/**
 * Listeners on Unix sockets whose clients show who they are.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Address, UnixAddress } from "../../../core/address.ts";
import { challenge } from "../../../core/credentials.ts";
import type { SockeyeError } from "../../../core/error.ts";
import { Challenges } from "../../../core/credentials/challenges.ts";
import {
  preparePlace,
  type ProofPlace,
  removePlace,
} from "../../../core/credentials/place.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
  StreamHandle,
} from "../../../core/transport.ts";
import { translateError } from "../errors.ts";
import { type HandshakeEvents, HandshakeStream } from "./handshake_stream.ts";
import { runPlace } from "./place_effects.ts";
import { scheduler } from "../scheduler.ts";
import { Alarm } from "../alarm.ts";

/** How an adapter listens at a path. */
export type ListenAtPath = (
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
) => Pending;

/** Listens at a path by the adapter's `listen`; with the challenge, if the request says so. */
export function listenIdentifying(
  at: UnixAddress,
  request: ListenRequest,
  events: ListenStartEvents,
  listen: ListenAtPath,
): Pending {
  if (!request.identify) return listen(at, request, events);
  let cancelled = false;
  const pending = listen(at, request, {
    listening(handle): void {
      try {
        const place = runPlace(preparePlace(at.path, request.mode));
        events.listening(new IdentifyingListener(handle, place, request));
      } catch (error) {
        giveBack(handle, () => {
          if (!cancelled) events.failed(translateError(error));
        });
      }
    },
    failed: (error) => events.failed(error),
  });
  return {
    cancel(): void {
      cancelled = true;
      pending.cancel();
    },
  };
}

/** Closes a listener that nobody was told of. */
function giveBack(handle: ListenHandle, closed: () => void): void {
  handle.attach({
    connection: (late) => late.abort(),
    acceptFailed: () => {},
    refused: () => {},
    closed,
  });
  handle.close();
}

/** A listener over another one: each connection is told of once its user is known. */
class IdentifyingListener
  implements ListenHandle, ListenEvents, HandshakeEvents {
  readonly address: Address;
  readonly acceptsOnDemand: boolean;

  readonly #handle: ListenHandle;
  readonly #place: ProofPlace;
  readonly #request: ListenRequest;
  readonly #handshakes: Challenges<HandshakeStream> = new Challenges();
  readonly #alarm: Alarm = new Alarm(() => this.#expire());
  #events!: ListenEvents;
  #accepting = false;
  /** Through the handshake while nothing was to be accepted; on demand alone. */
  readonly #ready: HandshakeStream[] = [];
  #closed = false;

  constructor(
    handle: ListenHandle,
    place: ProofPlace,
    request: ListenRequest,
  ) {
    this.#handle = handle;
    this.#place = place;
    this.#request = request;
    this.address = handle.address;
    this.acceptsOnDemand = handle.acceptsOnDemand;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
    this.#handle.attach(this);
  }

  startAccept(): void {
    this.#accepting = true;
    while (this.#accepting && this.#ready.length > 0) {
      this.#events.connection(this.#ready.shift()!);
    }
    if (this.#accepting) this.#handle.startAccept();
  }

  stopAccept(): void {
    this.#accepting = false;
    this.#handle.stopAccept();
  }

  close(): void {
    this.#finish();
    this.#handle.close();
  }

  /** Ends what is under way, and gives the place back while the name is ours. */
  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#handshakes.takeAll()) {
      stream.giveUp("ERR_SOCKEYE_CLOSED", "the server was closed");
    }
    this.#alarm.set(Infinity);
    for (const stream of this.#ready.splice(0)) abandon(stream);
    runPlace(removePlace(this.#place));
  }

  #expire(): void {
    const now = scheduler.now();
    for (;;) {
      const late = this.#handshakes.takeExpired(now);
      if (late === undefined) break;
      late.handleTimeout();
    }
    this.#alarm.set(this.#handshakes.pollTimeout());
  }

  // What the listener beneath tells

  connection(handle: StreamHandle): void {
    if (this.#closed) return abandon(handle);
    const { allowUsers, handshakeTimeout: timeout } = this.#request;
    const nonce = randomBytes(16).toString("hex");
    const request = { place: this.#place, nonce, allowUsers, timeout };
    const stream = new HandshakeStream(
      handle.remoteAddress,
      challenge(scheduler.now(), request),
      this,
    );
    this.#handshakes.add(stream)?.giveUp(
      "EAGAIN",
      "others came, and it had said nothing yet",
    );
    this.#alarm.set(this.#handshakes.pollTimeout());
    stream.begin(handle);
  }

  acceptFailed(error: SockeyeError): void {
    this.#events.acceptFailed(error);
  }

  refused(error: SockeyeError): void {
    this.#events.refused(error);
  }

  closed(error?: SockeyeError): void {
    this.#finish();
    this.#events.closed(error);
  }

  // What the handshakes tell

  opened(stream: HandshakeStream): void {
    this.#over(stream);
    if (this.#closed) abandon(stream);
    else if (this.#accepting || !this.acceptsOnDemand) {
      this.#events.connection(stream);
    } else this.#ready.push(stream);
  }

  failed(stream: HandshakeStream, error: SockeyeError): void {
    this.#over(stream);
    if (!this.#closed) this.#events.refused(error);
  }

  left(stream: HandshakeStream): void {
    this.#over(stream);
  }

  #over(stream: HandshakeStream): void {
    this.#handshakes.delete(stream);
    this.#alarm.set(this.#handshakes.pollTimeout());
  }
}

/** Ends a stream that nobody was told of. */
function abandon(stream: StreamHandle): void {
  stream.attach({
    data: () => false,
    written: () => {},
    readClosed: () => {},
    shutdownDone: () => {},
    closed: () => {},
  });
  stream.abort();
}
