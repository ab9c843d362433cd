/**
 * What the controls share: the interface of the suite with nothing behind it.
 *
 * A control is a bare runtime API in the wrapper that a competent user writes
 * from its documentation in an evening: the obvious call for each verb, waits
 * bounded by `Promise.race`, nothing repaired behind the API's back. Whatever
 * the API has no notion of stays {@linkcode NotApplicable} from here. Names of
 * errors are translated generously: they are not what is compared.
 */
import { NotApplicable } from "../../../conformance/harness.ts";
import type {
  Connection,
  Handlers,
  Listener,
  Op,
  Server,
} from "../../../api/types.ts";
import type { Address } from "../../../core/address.ts";
import type { Closed } from "../../../core/connection.ts";
import type { State } from "../../../core/transitions.ts";
import type { Capability, Runtime } from "../../../core/runtime.ts";

/** An error of a control, by the name that the suite knows it by. */
export class ControlError extends Error {
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(`${code}: ${cause instanceof Error ? cause.message : ""}`, { cause });
    this.code = code;
  }
}

/** Waits for a promise, a signal or a time, whichever is first. */
export async function race<T>(promise: Promise<T>, op: Op = {}): Promise<T> {
  if (op.timeout === undefined && op.signal === undefined) return promise;
  // Whatever loses the race may still fail later, with nobody listening.
  promise.catch(() => {});
  op.signal?.throwIfAborted();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let aborted = () => {};
  const ending = new Promise<never>((_, reject) => {
    aborted = () => reject(op.signal?.reason);
    op.signal?.addEventListener("abort", aborted);
    if (op.timeout !== undefined) {
      timer = setTimeout(
        () => reject(new ControlError("ETIMEDOUT")),
        op.timeout,
      );
    }
  });
  ending.catch(() => {});
  try {
    return await Promise.race([promise, ending]);
  } finally {
    clearTimeout(timer);
    op.signal?.removeEventListener("abort", aborted);
  }
}

/** Bounds one wait of an operation by what is left of its time. */
export type Waiting = <T>(promise: Promise<T>) => Promise<T>;

/** A connection over a bare API: subclasses fill in what the API offers. */
export abstract class BareConnection<T = unknown> implements Connection {
  context: T = undefined as T;
  readonly credentials: Connection["credentials"] = undefined;
  readonly #deadlines = new Map<"read" | "write", number>();
  #waits = 0;

  abstract readonly localAddress: Address;
  abstract readonly remoteAddress: Address;
  abstract readonly closed: Promise<Closed>;
  abstract close(): Promise<Closed>;
  abstract abort(): void;
  abstract send(bytes: Uint8Array): boolean;
  protected abstract receive(wait: Waiting): Promise<Uint8Array | null>;
  protected abstract transmit(bytes: Uint8Array): Promise<void>;
  protected abstract shutdown(): Promise<void>;

  read(op?: Op): Promise<Uint8Array | null> {
    return this.#bounded("read", (wait) => {
      const rest = this.#rest;
      this.#rest = new Uint8Array(0);
      return rest.length > 0 ? Promise.resolve(rest) : this.receive(wait);
    }, op);
  }

  write(bytes: Uint8Array, op?: Op): Promise<void> {
    return this.#bounded(
      "write",
      (wait) => wait(this.inTurn(() => this.transmit(bytes))),
      op,
    );
  }

  readInto(buffer: Uint8Array, op?: Op): Promise<number | null> {
    return this.#bounded("read", (wait) => this.#fill(buffer, wait), op);
  }

  async #fill(buffer: Uint8Array, wait: Waiting): Promise<number | null> {
    if (this.#rest.length === 0) {
      const chunk = await this.receive(wait);
      if (chunk === null) return null;
      this.#rest = chunk;
    }
    const part = this.#rest.subarray(0, buffer.length);
    this.#rest = this.#rest.subarray(part.length);
    buffer.set(part);
    return part.length;
  }
  #rest: Uint8Array = new Uint8Array(0);

  async closeWrite(op?: Op): Promise<void> {
    op?.signal?.throwIfAborted();
    await race(this.inTurn(() => this.shutdown()), op);
  }

  /** Writes and the end one after the other, as any queue of writes does. */
  protected inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(act);
    this.#tail = done.catch(() => {});
    return done;
  }
  #tail: Promise<void> = Promise.resolve();

  /** As the obvious race allows: for waits that begin from now on. */
  setDeadline(ms: number | null, side?: "read" | "write"): void {
    if (this.#waits > 0) {
      throw new NotApplicable("No deadline can be set on a wait under way");
    }
    for (const each of side ? [side] : ["read", "write"] as const) {
      if (ms === null) this.#deadlines.delete(each);
      else this.#deadlines.set(each, performance.now() + ms);
    }
  }

  async #bounded<R>(
    side: "read" | "write",
    act: (wait: Waiting) => Promise<R>,
    { signal, timeout = Infinity }: Op = {},
  ): Promise<R> {
    const deadline = Math.min(
      this.#deadlines.get(side) ?? Infinity,
      performance.now() + timeout,
    );
    if (deadline <= performance.now()) throw new ControlError("ETIMEDOUT");
    signal?.throwIfAborted();
    this.#waits++;
    try {
      return await act((promise) => {
        const left = Math.max(0, deadline - performance.now());
        return race(promise, {
          ...(signal && { signal }),
          ...(left < Infinity && { timeout: left }),
        });
      });
    } finally {
      this.#waits--;
    }
  }

  end(): void {
    this.closeWrite().catch(() => {});
  }

  get id(): number {
    return missing("id");
  }
  get state(): State {
    return missing("state");
  }
  get bytesRead(): number {
    return missing("bytesRead");
  }
  get bytesWritten(): number {
    return missing("bytesWritten");
  }
  get bytesQueued(): number {
    return missing("bytesQueued");
  }
  get readable(): ReadableStream<Uint8Array> {
    return missing("readable");
  }
  get writable(): WritableStream<Uint8Array> {
    return missing("writable");
  }
  get readiness(): number {
    return missing("readiness");
  }
  get runtime(): Runtime {
    return missing("runtime");
  }
  pause(): void {
    missing("pause");
  }
  resume(): void {
    missing("resume");
  }
  tryRead(_buffer: Uint8Array): number | null | undefined {
    return missing("tryRead");
  }
  tryWrite(_bytes: Uint8Array): number {
    return missing("tryWrite");
  }
  watch(_listener: (arrived: number) => void): () => void {
    return missing("watch");
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let chunk; (chunk = await this.read()) !== null;) yield chunk;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A listener over a bare API. */
export abstract class BareListener implements Listener {
  abstract readonly address: Address;
  abstract accept(op?: Op): Promise<Connection>;
  abstract close(): Promise<void>;

  get closed(): Promise<void> {
    return missing("closed");
  }
  get readiness(): number {
    return missing("readiness");
  }
  get runtime(): Runtime {
    return missing("runtime");
  }
  tryAccept(): Connection | undefined {
    return missing("tryAccept");
  }
  pause(): void {
    missing("pause");
  }
  resume(): void {
    missing("resume");
  }
  watch(_listener: (arrived: number) => void): () => void {
    return missing("watch");
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Connection> {
    for (;;) yield await this.accept();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Connections that arrived before somebody asked for them, and the reverse. */
export class AcceptQueue {
  readonly #arrived: Connection[] = [];
  readonly #waiting: {
    resolve: (connection: Connection) => void;
    reject: (error: unknown) => void;
  }[] = [];
  #closed = false;

  push(connection: Connection): void {
    const taker = this.#waiting.shift();
    if (taker) taker.resolve(connection);
    else this.#arrived.push(connection);
  }

  accept(): Promise<Connection> {
    const connection = this.#arrived.shift();
    if (connection) return Promise.resolve(connection);
    if (this.#closed) {
      return Promise.reject(new ControlError("ERR_SOCKEYE_CLOSED"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new ControlError("ERR_SOCKEYE_CLOSED"));
    }
    for (const connection of this.#arrived.splice(0)) connection.abort();
  }
}

/** The server of a control: it can be closed, and counts nothing. */
export function closable(address: Address, close: () => Promise<void>): Server {
  return {
    addresses: [address],
    get stats(): never {
      return missing("counts");
    },
    get closed(): never {
      return missing("a server's end");
    },
    restart: () => missing("children"),
    broadcast: () => missing("children"),
    close: () => close().then(() => ({ drained: 0, aborted: 0 })),
    [Symbol.asyncDispose]: close,
  };
}

/** What the controls cannot do, told by the same word as the library's. */
export function support(none: Partial<Record<string, string>>) {
  return (feature: string): Promise<Capability> => {
    const reason = none[feature];
    return Promise.resolve(
      reason === undefined
        ? { support: "native" }
        : { support: "none", reason },
    );
  };
}

/** Handlers whose promises nobody can be made to wait for. */
export type AnyHandlers = Handlers<unknown>;

export function missing(what: string): never {
  throw new NotApplicable(`The API has no notion of ${what}`);
}
