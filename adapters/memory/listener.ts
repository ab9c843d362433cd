/**
 * A name that is listened on, and the queue of those who are not accepted yet.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import type { ListenEvents, ListenHandle } from "../../core/transport.ts";
import type { MemoryStream } from "./stream.ts";

/** A connection that is made and waits to be accepted. */
export interface Waiting {
  readonly stream: MemoryStream;
  /** When it can be accepted at the earliest. */
  readonly readyAt: number;
  /** Accepting it fails. */
  readonly fails: boolean;
  /** It has been accepted. */
  accepted(): void;
}

/** A client whose connect has come this far. */
export interface Knock {
  /** There is room: gives the connection, or nothing if the client has left. */
  admit(): Waiting | undefined;
  /** The listener has closed. */
  refuse(): void;
}

/** What a listener asks of its network. */
export interface ListenerHost {
  readonly scheduler: Scheduler;
  /** Why nothing can be accepted now; undefined if something can. */
  acceptError(): SockeyeError | undefined;
  /** The listener is closed: its name is free. */
  released(): void;
}

/** A name that is listened on. */
export class MemoryListener implements ListenHandle {
  readonly address: Address;
  readonly acceptsOnDemand = true;
  readonly #host: ListenerHost;
  readonly #backlog: number;
  readonly #queue: Waiting[] = [];
  /** Clients beyond the backlog: as on Linux, their connects take longer. */
  readonly #outside: Knock[] = [];
  #events: ListenEvents | undefined;
  #accepting = false;
  #woken = false;
  #closed = false;
  #closedTold = false;

  constructor(address: Address, backlog: number, host: ListenerHost) {
    this.address = address;
    this.#host = host;
    this.#backlog = Math.max(backlog, 1);
  }

  attach(events: ListenEvents): void {
    this.#events = events;
    this.#wake();
  }

  startAccept(): void {
    this.#accepting = true;
    this.#wake();
  }

  stopAccept(): void {
    this.#accepting = false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.released();
    for (const { stream } of this.#queue.splice(0)) stream.abort();
    for (const knock of this.#outside.splice(0)) knock.refuse();
    this.#wake();
  }

  /** A client has come. */
  receive(knock: Knock): void {
    this.#outside.push(knock);
    this.#admit();
  }

  #admit(): void {
    while (this.#queue.length < this.#backlog && this.#outside.length > 0) {
      const waiting = this.#outside.shift()!.admit();
      if (waiting !== undefined) this.#queue.push(waiting);
    }
    this.#wake();
  }

  #wake(): void {
    if (this.#woken || this.#events === undefined) return;
    this.#woken = true;
    this.#host.scheduler.turn(this.#turn);
  }

  /** One connection, or one failure, for each turn. */
  readonly #turn = (): void => {
    this.#woken = false;
    if (this.#closed) return this.#tellClosed();
    const first = this.#queue[0];
    if (!this.#accepting || first === undefined) return;
    const early = first.readyAt - this.#host.scheduler.now();
    if (early > 0) {
      this.#woken = true;
      this.#host.scheduler.setTimer(this.#turn, early);
      return;
    }
    const error = this.#host.acceptError();
    if (error !== undefined) return this.#fail(error);
    this.#queue.shift();
    this.#admit();
    if (first.fails) {
      return this.#fail(
        new SockeyeError("ECONNABORTED", "The client reset it before accept"),
      );
    }
    first.accepted();
    this.#events!.connection(first.stream);
  };

  #fail(error: SockeyeError): void {
    this.#accepting = false;
    this.#events!.acceptFailed(error);
  }

  #tellClosed(): void {
    if (this.#closedTold) return;
    this.#closedTold = true;
    this.#events!.closed();
  }
}
