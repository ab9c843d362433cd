/**
 * The main thread, as a thread that serves finds it, by `node:worker_threads`,
 * alike on Node, Deno and Bun.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import type { Address } from "../../../core/address.ts";
import type { Parent, ParentEvents } from "../../../core/children.ts";
import { SockeyeError } from "../../../core/error.ts";
import type { FrameKind, Opened } from "../../../core/relay.ts";
import type { ListenEvents, ListenHandle } from "../../../core/transport.ts";
import { FramePort } from "./frame_port.ts";
import { RelayedStream } from "./relay_stream.ts";
import type { ThreadData } from "./started.ts";

/** @throws {SockeyeError} `ERR_SOCKEYE_STATE` in a thread that no server has started. */
export function findMainThread(): Parent {
  const data = workerData as Partial<ThreadData> | null;
  if (data?.port !== undefined) return new MainThread(new FramePort(data.port));
  throw new SockeyeError(
    "ERR_SOCKEYE_STATE",
    "Cannot serve as a thread: no server has started this one",
  );
}

class MainThread implements Parent {
  readonly missed = 0;
  received = 0;
  readonly #port: FramePort;
  readonly #streams: Map<number, RelayedStream> = new Map();
  #listeners: RelayedListener[] = [];
  #left = false;

  constructor(port: FramePort) {
    this.#port = port;
  }

  attach(events: ParentEvents): void {
    this.#port.attach((kind, id, value) => {
      if (kind === "message") this.#heard(value, events);
      else if (kind === "open") this.#opened(id, value as Opened);
      else this.#streams.get(id)?.heard(kind as FrameKind, value);
    }, () => {
      if (!this.#left) events.gone();
    });
  }

  listeners(addresses: readonly Address[]): ListenHandle[] {
    this.#listeners = addresses.map((at) => new RelayedListener(at));
    return this.#listeners;
  }

  send(message: unknown): void {
    this.#port.push("message", 0, message);
  }

  leave(): void {
    this.#left = true;
    this.#port.close();
  }

  #heard(message: unknown, events: ParentEvents): void {
    const { do: what, count } = (message ?? {}) as Partial<
      { do: unknown; count: unknown }
    >;
    if (what === "ask") this.send({ say: "here", count });
    else events.message(message);
  }

  #opened(id: number, opened: Opened): void {
    this.received++;
    this.send({ say: "got", of: "connection" });
    const stream = new RelayedStream(id, opened, this.#port, () => {
      this.#streams.delete(id);
    });
    this.#streams.set(id, stream);
    this.#listeners[opened.index]?.give(stream);
  }
}

/** A listener of the main thread's, as far as it is ours: what it gives us. */
class RelayedListener implements ListenHandle {
  readonly address: Address;
  readonly acceptsOnDemand = false;
  #events: ListenEvents | undefined;
  #closed = false;

  constructor(at: Address) {
    this.address = at;
  }

  attach(events: ListenEvents): void {
    this.#events = events;
  }

  startAccept(): void {}
  stopAccept(): void {}

  give(stream: RelayedStream): void {
    if (this.#events !== undefined) this.#events.connection(stream);
    else stream.abort();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    queueMicrotask(() => this.#events?.closed());
  }
}
