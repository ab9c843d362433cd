/**
 * Connections over Unix sockets whose server is checked, and told who we are.
 *
 * @module
 */
import process from "node:process";
import type { UnixAddress } from "../../../core/address.ts";
import { answerChallenge } from "../../../core/credentials.ts";
import type { SockeyeError } from "../../../core/error.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
} from "../../../core/transport.ts";
import { Alarm } from "../alarm.ts";
import { type HandshakeEvents, HandshakeStream } from "./handshake_stream.ts";
import { scheduler } from "../scheduler.ts";

/** How an adapter connects to a path. */
export type ConnectToPath = (
  to: UnixAddress,
  request: ConnectRequest,
  events: ConnectEvents,
) => Pending;

/** Connects to a path by the adapter's `connect`; with checks, if the request wants any. */
export function connectIdentified(
  to: UnixAddress,
  request: ConnectRequest,
  events: ConnectEvents,
  connect: ConnectToPath,
): Pending {
  const { identify, expectServer } = request;
  if (!identify && expectServer === undefined) {
    return connect(to, request, events);
  }
  const call = new Call(to, request, events, connect);
  // Nobody is told before this returns.
  queueMicrotask(() => call.start());
  return call;
}

/** One such connection being made. */
class Call implements Pending, HandshakeEvents {
  readonly #request: ConnectRequest;
  readonly #events: ConnectEvents;
  readonly #connect: ConnectToPath;
  readonly #to: UnixAddress;
  readonly #alarm: Alarm = new Alarm(() => {
    this.#stream?.handleTimeout();
  });
  #stream: HandshakeStream | undefined;
  #connecting: Pending | undefined;
  #cancelled = false;

  constructor(
    to: UnixAddress,
    request: ConnectRequest,
    events: ConnectEvents,
    connect: ConnectToPath,
  ) {
    this.#to = to;
    this.#request = request;
    this.#events = events;
    this.#connect = connect;
  }

  start(): void {
    if (this.#cancelled) return;
    const { identify, expectServer, handshakeTimeout: timeout } = this.#request;
    const { path } = this.#to;
    const machine = answerChallenge(scheduler.now(), {
      path,
      identify,
      expectServer,
      pid: process.pid,
      uid: effectiveUser(),
      timeout,
    });
    this.#stream = new HandshakeStream(this.#to, machine, this);
    this.#alarm.set(machine.pollTimeout());
    this.#stream.begin();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#stream?.giveUp("ERR_SOCKEYE_CLOSED", "it was given up");
  }

  connect(stream: HandshakeStream, path: string): void {
    const to = { ...this.#to, path };
    this.#connecting = this.#connect(to, this.#request, {
      connected: (handle) => stream.connected(handle),
      failed: (error) => stream.notConnected(error),
    });
  }

  opened(stream: HandshakeStream): void {
    this.#alarm.set(Infinity);
    this.#events.connected(stream);
  }

  failed(_stream: HandshakeStream, error: SockeyeError): void {
    this.#alarm.set(Infinity);
    this.#connecting?.cancel();
    if (!this.#cancelled) this.#events.failed(error);
  }

  /** Only a server takes it so. */
  left(): void {}
}

function effectiveUser(): number | undefined {
  try {
    return process.geteuid?.();
  } catch {
    return undefined; // Deno, without --allow-sys=uid
  }
}
