/**
 * The contract of `core/transport.ts` as promises, over the adapter of the
 * runtime that runs the tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Address } from "../../core/address.ts";
import type { SockeyeError } from "../../core/error.ts";
import type { Runtime } from "../../core/runtime.ts";
import type {
  ConnectRequest,
  ListenHandle,
  ListenRequest,
  Pending,
  StreamEvents,
  StreamHandle,
} from "../../core/transport.ts";
import { connectRequest, listenRequest } from "../requests.ts";

/** The adapter of the runtime that we run on. */
export const runtime: Runtime = await load();

async function load(): Promise<Runtime> {
  if ("Bun" in globalThis) {
    return (await import("../../adapters/bun/runtime.ts")).runtime;
  }
  if ("Deno" in globalThis) {
    return (await import("../../adapters/deno/runtime.ts")).runtime;
  }
  return (await import("../../adapters/node/runtime.ts")).runtime;
}

/** A condition that is asked again after each event; fails after ten seconds. */
class Conditions {
  #waiting: (() => boolean)[] = [];

  changed(): void {
    this.#waiting = this.#waiting.filter((settle) => !settle());
  }

  until(what: () => string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = runtime.setTimer(() => {
        this.#waiting = this.#waiting.filter((other) => other !== settle);
        reject(new Error(`Waited ten seconds for ${what()}`));
      }, 10_000);
      const settle = (): boolean => {
        if (!condition()) return false;
        runtime.clearTimer(timer);
        resolve();
        return true;
      };
      this.#waiting.push(settle);
      this.changed();
    });
  }
}

/** One stream: what was told of it, and its commands. */
export class Stream implements StreamEvents {
  readonly handle: StreamHandle;
  /** In the order of the events; neighbouring `data` once. */
  readonly told: string[] = [];
  readonly error: { value: SockeyeError | undefined } = { value: undefined };
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** The transmit that is pending, and how much of it was taken. */
  #pending: Uint8Array | undefined;
  readonly #conditions: Conditions = new Conditions();

  constructor(handle: StreamHandle, attach: boolean = true) {
    this.handle = handle;
    if (attach) handle.attach(this);
  }

  /** Bytes that arrived so far. */
  get received(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  get receivedLength(): number {
    return this.#length;
  }

  get text(): string {
    return new TextDecoder().decode(this.received);
  }

  get over(): boolean {
    return this.told.includes("closed");
  }

  data(bytes: Uint8Array, lent: boolean): boolean {
    assert.ok(bytes.length > 0, "data is never empty");
    assert.equal(bytes.constructor, Uint8Array, "data is a plain Uint8Array");
    this.#chunks.push(lent ? bytes.slice() : bytes);
    this.#length += bytes.length;
    this.#tell("data");
    return false;
  }

  written(count: number): void {
    assert.ok(this.#pending, "written follows a pending transmit");
    const rest = this.#pending.subarray(count);
    this.#pending = undefined;
    // The transmit is over: what was not taken is offered again.
    if (rest.length > 0) this.#offer(rest);
    // Which may have met the end: events may come within commands.
    if (!this.over) this.#tell("written");
  }

  readClosed(): void {
    this.#tell("readClosed");
  }

  shutdownDone(): void {
    this.#tell("shutdownDone");
  }

  closed(error?: SockeyeError): void {
    this.error.value = error;
    this.#tell("closed");
  }

  #tell(what: string): void {
    assert.ok(!this.over, `nothing follows closed, but ${what} came`);
    if (what !== this.told.at(-1) || what !== "data") this.told.push(what);
    this.#conditions.changed();
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return this.#conditions.until(
      () => `${what}, but was told ${this.told}`,
      condition,
    );
  }

  /** Waits for one of the events, which has come or comes yet. */
  event(what: string): Promise<void> {
    return this.until(what, () => this.told.includes(what));
  }

  /** Whether a transmit is pending. */
  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** Offers bytes; true if all were taken at once. */
  offer(bytes: Uint8Array): boolean {
    assert.equal(this.#pending, undefined, "one transmit at a time");
    return this.#offer(bytes);
  }

  #offer(bytes: Uint8Array): boolean {
    const taken = this.handle.transmit(bytes);
    this.#pending = taken < bytes.length ? bytes.subarray(taken) : undefined;
    return this.#pending === undefined;
  }

  /** Sends all of it, in slices of at most 64 KiB. */
  async send(bytes: Uint8Array | string): Promise<void> {
    const all = typeof bytes === "string"
      ? new TextEncoder().encode(bytes)
      : bytes;
    for (let at = 0; at < all.length; at += 65536) {
      if (this.offer(all.subarray(at, at + 65536))) continue;
      await this.until("written", () => !this.pending || this.over);
    }
  }

  /** Ends our direction. */
  async shutdown(): Promise<void> {
    if (!this.handle.shutdown()) await this.event("shutdownDone");
  }

  /** Closes, if that has not happened, and waits for it. */
  async end(): Promise<void> {
    if (!this.over) this.handle.close();
    await this.event("closed");
  }
}

/** What was told of a start; `cancel` gives it up. */
export interface Start<T> {
  readonly pending: Pending;
  readonly promise: Promise<T>;
  readonly told: string[];
}

export function startConnect(
  to: Address,
  request: ConnectRequest = connectRequest,
): Start<StreamHandle> {
  const told: string[] = [];
  let pending!: Pending;
  const promise = new Promise<StreamHandle>((resolve, reject) => {
    pending = runtime.connect(to, request, {
      connected(handle) {
        told.push("connected");
        resolve(handle);
      },
      failed(error) {
        told.push("failed");
        reject(error);
      },
    });
  });
  return { pending, promise, told };
}

export async function connect(to: Address): Promise<Stream> {
  return new Stream(await startConnect(to).promise);
}

/** A listener: what was told of it. */
export class Listening {
  readonly handle: ListenHandle;
  readonly accepted: StreamHandle[] = [];
  readonly failures: SockeyeError[] = [];
  closedCount = 0;
  readonly #conditions: Conditions = new Conditions();

  constructor(handle: ListenHandle) {
    this.handle = handle;
    handle.attach({
      connection: (stream) => {
        this.accepted.push(stream);
        this.#conditions.changed();
      },
      acceptFailed: (error) => {
        this.failures.push(error);
        handle.startAccept();
      },
      refused: (error) => this.failures.push(error),
      closed: () => {
        this.closedCount++;
        this.#conditions.changed();
      },
    });
    handle.startAccept();
  }

  /** The next connection, not attached yet. */
  async next(): Promise<StreamHandle> {
    await this.#conditions.until(
      () => "a connection",
      () => this.accepted.length > 0,
    );
    return this.accepted.shift()!;
  }

  async accept(): Promise<Stream> {
    return new Stream(await this.next());
  }

  async end(): Promise<void> {
    if (this.closedCount === 0) this.handle.close();
    await this.#conditions.until(() => "closed", () => this.closedCount > 0);
    for (const handle of this.accepted.splice(0)) {
      await new Stream(handle).end();
    }
  }
}

export function startListen(
  at: Address,
  request: ListenRequest = listenRequest,
): Start<ListenHandle> {
  const told: string[] = [];
  let pending!: Pending;
  const promise = new Promise<ListenHandle>((resolve, reject) => {
    pending = runtime.listen(at, request, {
      listening(handle) {
        told.push("listening");
        resolve(handle);
      },
      failed(error) {
        told.push("failed");
        reject(error);
      },
    });
  });
  return { pending, promise, told };
}

export async function listen(
  at: Address,
  request: ListenRequest = listenRequest,
): Promise<Listening> {
  return new Listening(await startListen(at, request).promise);
}

/** Lets the runtime's loop turn so many times. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => runtime.turn(resolve));
  }
}
