/**
 * The parent, as a child process finds it: by the channel of
 * `node:child_process`, alike on Node, Deno and Bun.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Server, type Socket } from "node:net";
import process from "node:process";
import type { Address } from "../../../core/address.ts";
import type { Parent, ParentEvents } from "../../../core/children.ts";
import { SockeyeError } from "../../../core/error.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
} from "../../../core/transport.ts";
import { acceptedStream, NetListener } from "../net/listener.ts";
import { Reading } from "../net/stream.ts";

/** What comes with a handle. */
interface Handed {
  readonly do: "listener" | "connection";
  readonly index: number;
  /** Bytes that the parent had read, in base64. */
  readonly head?: string;
}

/** @throws {SockeyeError} `ERR_SOCKEYE_STATE` in a process that is no child. */
export function findParent(): Parent {
  if (typeof process.send === "function") return new ParentProcess();
  throw new SockeyeError(
    "ERR_SOCKEYE_STATE",
    "Cannot serve as a child: no server has started this process",
  );
}

class ParentProcess implements Parent {
  #listeners: HandedListener[] = [];
  #forget: () => void = () => {};
  received = 0;
  missed = 0;

  attach(events: ParentEvents): void {
    const onMessage = (message: unknown, handle: unknown): void => {
      if (isAsk(message)) {
        return this.send({ say: "here", count: message.count });
      }
      if (!isHanded(message)) return events.message(message);
      // So that the next one comes.
      this.send({ say: "got", of: message.do });
      this.#take(message, handle);
    };
    const onGone = (): void => events.gone();
    const onAsked = (): void => events.asked();
    // A terminal sends these to the whole group: the parent knows what to do.
    const onIgnored = (): void => {};
    process.on("message", onMessage);
    process.on("disconnect", onGone);
    process.on("SIGTERM", onAsked);
    for (const name of ["SIGINT", "SIGHUP"]) process.on(name, onIgnored);
    this.#forget = () => {
      process.off("message", onMessage);
      process.off("disconnect", onGone);
      process.off("SIGTERM", onAsked);
      for (const name of ["SIGINT", "SIGHUP"]) process.off(name, onIgnored);
    };
  }

  listeners(
    addresses: readonly Address[],
    request: ListenRequest,
  ): ListenHandle[] {
    this.#listeners = addresses.map((at) => new HandedListener(at, request));
    return this.#listeners;
  }

  send(message: unknown): void {
    // It may be gone; then `disconnect` tells, or has told.
    if (process.connected) process.send!(message, undefined, {}, () => {});
  }

  leave(): void {
    this.#forget();
    if (process.connected) process.disconnect!();
  }

  #take({ do: what, index, head }: Handed, handle: unknown): void {
    const listener = this.#listeners[index];
    if (what === "listener") return listener?.share(handle as Server);
    this.received++;
    if (handle === undefined || handle === null) this.missed++;
    else listener?.give(handle as Socket, head);
  }
}

function isAsk(message: unknown): message is { readonly count: number } {
  return (message as { do?: unknown } | null)?.do === "ask";
}

function isHanded(message: unknown): message is Handed {
  const { do: what } = (message ?? {}) as { do?: unknown };
  return what === "listener" || what === "connection";
}

/** A listener of the parent's: what it gives us, and what we accept on it. */
class HandedListener implements ListenHandle {
  readonly address: Address;
  readonly acceptsOnDemand = false;
  readonly #request: ListenRequest;
  #events: ListenEvents | undefined;
  #own: NetListener | undefined;
  #closed = false;

  constructor(at: Address, request: ListenRequest) {
    this.address = at;
    this.#request = request;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
    this.#own?.attach(events);
  }

  startAccept(): void {}
  stopAccept(): void {}

  /** The parent's server, to accept on. */
  share(server: Server): void {
    if (!(server instanceof Server)) return; // it was closed on its way
    const adopts = !("deno" in process.versions || "bun" in process.versions);
    // It came with the standard policies; private, but on all three.
    Object.assign(server, { allowHalfOpen: true, pauseOnConnect: true });
    const own = new NetListener(this.address, this.#request, adopts, server);
    own.take();
    this.#own = own;
    if (this.#closed) own.discard();
    else if (this.#events !== undefined) own.attach(this.#events);
  }

  /** One that the parent accepted. */
  give(socket: Socket, head: string | undefined): void {
    // It came with the standard policy, and reads ahead until it is stopped.
    socket.allowHalfOpen = true;
    socket.pause();
    const reading = new Reading();
    const stream = acceptedStream(socket, reading, this.address, this.#request);
    if (head !== undefined) stream.putBack(Buffer.from(head, "base64"));
    if (this.#events !== undefined) this.#events.connection(stream);
    else stream.abort();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#own?.discard();
    queueMicrotask(() => this.#events?.closed());
  }
}
