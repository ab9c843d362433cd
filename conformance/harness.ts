/**
 * The shape of a conformance case, and what a case holds while it runs.
 *
 * A case is data: an id, its sentence, and a function over a {@linkcode Trial}.
 * The trial hands out addresses, connections, listeners and foreign peers of
 * the transport under test, notes each of them, and at the end closes what is
 * left and looks whether the process really gave everything back.
 *
 * A case that a platform cannot hold asserts what the platform does instead
 * and calls `trial.gap(reason)`; it is never left out. A case about something
 * that a bare runtime API has no notion of ends in {@linkcode NotApplicable},
 * which the controls throw and the library under test never may.
 */
import assert from "node:assert/strict";
import { Foreign } from "./peers.ts";
import type { ForeignServer, Peer } from "./peers/peer.ts";
import { Scratch } from "./scratch.ts";
import { later, Overdue, within } from "./wait.ts";
import type {
  Connection,
  ConnectOptions,
  Handlers,
  Listener,
  ListenOptions,
  ServeOptions,
  Server,
} from "../api/types.ts";
import type { AddressLike } from "../core/address.ts";
import type { Feature } from "../core/runtime.ts";
import type { Outcome, Subject, TransportName } from "./subject.ts";

/** Why an abort is not told to a peer over a Unix socket, whoever does it. */
export const unixReset =
  "Unix sockets know no reset: an abort is an end at the peer, unless bytes of its own were still unread";

/** Why nobody over FIFOs is told of an abort. */
export const fifoReset =
  "FIFOs know no reset: an abort is an end at the peer, and EPIPE when it writes";

/** One sentence of the suite. */
export interface Case {
  /** As in `A1`. */
  readonly id: string;
  /** The sentence, as the matrix prints it. */
  readonly title: string;
  /** Milliseconds until the case counts as hanging. Default {@linkcode defaultLimit}. */
  readonly limit?: number;
  /** Other than over `mem`, its foreign peers are Python programs. */
  readonly needsPython?: boolean;
  /** The one transport that it is about; absent where it is about all. */
  readonly over?: TransportName;
  run(trial: Trial): Promise<void>;
}

/** Thrown by a control that is asked for what its API has no notion of. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable";
}

/** Two ends of one connection, and the listener that it came by. */
export interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly listener: Listener;
}

type Closing = () => Promise<unknown> | unknown;

/** What a case works with. */
export class Trial {
  readonly subject: Subject;
  readonly transport: TransportName;
  readonly gaps: string[] = [];
  readonly scratch: Scratch;
  readonly #foreign: Foreign;
  readonly #closing: Closing[] = [];

  constructor(subject: Subject) {
    this.subject = subject;
    this.transport = subject.transport;
    this.scratch = new Scratch(subject.transport);
    this.#foreign = new Foreign(subject, this.scratch);
  }

  /** A fresh address to listen at; a listener's `address` is where to connect to. */
  address(): string {
    return this.scratch.address();
  }

  /** An address that a connect is refused at. */
  refusingAddress(): Promise<string> {
    return this.scratch.refusingAddress();
  }

  /** Notes that the platform cannot hold the sentence, and why. */
  gap(reason: string): void {
    if (!this.gaps.includes(reason)) this.gaps.push(reason);
  }

  /** Whether the subject has a feature; if not, its reason is noted as a gap. */
  async has(feature: Feature): Promise<boolean> {
    const { support, reason } = await this.subject.support(feature);
    if (support === "none") this.gap(reason ?? `no ${feature}`);
    return support !== "none";
  }

  /**
   * Whether a peer that breaks off is told from one that ends. Where not, the
   * reason is noted as a gap.
   */
  tellsResets(): boolean {
    if (this.transport !== "fifo") return true;
    this.gap(fifoReset);
    return false;
  }

  /** Whether addresses are paths, with names on disk. */
  get onDisk(): boolean {
    return this.transport === "unix" || this.transport === "fifo";
  }

  /** Ends the case for a control: its API has no notion of this. */
  libraryOnly(what: string): void {
    if (this.subject.bare) {
      throw new NotApplicable(`The API has no notion of ${what}`);
    }
  }

  async listen(options?: ListenOptions, at?: AddressLike): Promise<Listener> {
    const listener = await this.subject.listen(at ?? this.address(), options);
    this.atEnd(() => listener.close());
    return listener;
  }

  async serve<T>(
    handlers: Handlers<T>,
    options?: ServeOptions,
    at?: AddressLike,
  ): Promise<Server> {
    const where = at ?? this.address();
    const server = await this.subject.serve(where, handlers, options);
    this.atEnd(() => server.close({ grace: 0 }));
    return server;
  }

  async connect(
    to: AddressLike,
    options?: ConnectOptions,
  ): Promise<Connection> {
    return this.keep(await this.subject.connect(to, options));
  }

  /** Has a connection aborted at the end of the case. */
  keep(connection: Connection): Connection {
    this.atEnd(() => {
      connection.abort();
      return connection.closed;
    });
    return connection;
  }

  /** A connection with both ends the subject's. */
  async pair(
    options?: { client?: ConnectOptions; server?: ListenOptions },
  ): Promise<Pair> {
    const listener = await this.listen(options?.server);
    const accepting = later(listener.accept());
    const client = await this.connect(listener.address, options?.client);
    return { client, server: this.keep(await accepting), listener };
  }

  /** A foreign client at one of the subject's listeners or servers. */
  async peer(to: AddressLike, options?: { paused?: boolean }): Promise<Peer> {
    const peer = await this.#foreign.connect(to, options);
    this.atEnd(() => peer.destroy());
    return peer;
  }

  /** A foreign server for the subject to connect to. */
  async foreignServer(options?: { paused?: boolean }): Promise<ForeignServer> {
    const server = await this.#foreign.listen(options);
    this.atEnd(() => server.close());
    return server;
  }

  /** The subject's accepted connection, with a foreign client at its other end. */
  async accepted(
    options?: ListenOptions,
  ): Promise<{ connection: Connection; peer: Peer; listener: Listener }> {
    const listener = await this.listen(options);
    const accepting = later(listener.accept());
    const peer = await this.peer(listener.address);
    return { connection: this.keep(await accepting), peer, listener };
  }

  /** The subject's outgoing connection, with a foreign server at its other end. */
  async connected(
    options?: ConnectOptions,
  ): Promise<{ connection: Connection; peer: Peer }> {
    const server = await this.foreignServer();
    const accepting = later(server.accept());
    const connection = await this.connect(server.address, options);
    return { connection, peer: await accepting };
  }

  /** Does something at the end of the case, latest first. */
  atEnd(close: Closing): void {
    this.#closing.push(close);
  }

  /** Closes what is left, and fails if the process holds more than before. */
  async finish(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closing.reverse()) {
      try {
        await within(5000, "closing what the case opened", close());
      } catch (error) {
        if (!(error instanceof NotApplicable)) failures.push(error);
      }
    }
    try {
      await this.#foreign.close();
      await this.scratch.checkEmpty();
    } catch (error) {
      failures.push(error);
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Milliseconds for a case that names no limit of its own. */
export const defaultLimit = 20_000;

/** A case of either part of the suite, by what it works with. */
export interface Judged<T> {
  readonly id: string;
  readonly title: string;
  readonly limit?: number;
  run(trial: T): Promise<void>;
}

/** Runs one case over one subject; never throws. */
export function runCase(item: Case, subject: Subject): Promise<Outcome> {
  return judge(item, new Trial(subject));
}

/** Runs one case with what it works with; never throws. */
export async function judge<
  T extends { readonly gaps: readonly string[]; finish(): Promise<void> },
>(item: Judged<T>, trial: T): Promise<Outcome> {
  let failure: unknown;
  try {
    const run = Promise.resolve(item.run(trial));
    await within(item.limit ?? defaultLimit, `case ${item.id}`, run);
  } catch (error) {
    failure = error;
  }
  try {
    await trial.finish();
  } catch (error) {
    failure ??= error;
  }
  const { id } = item;
  if (failure instanceof NotApplicable) {
    return { id, verdict: "n/a", notes: [failure.message] };
  }
  if (failure !== undefined) {
    const verdict = failure instanceof Overdue ? "hangs" : "fail";
    return { id, verdict, notes: [describe(failure)], error: failure };
  }
  const verdict = trial.gaps.length > 0 ? "gap" : "pass";
  return { id, verdict, notes: trial.gaps };
}

/** The code of what a promise rejects with; fails if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  assert.fail(`Expected a rejection, got ${String(value)}`);
}

/** Asserts that a promise rejects with one of these codes. */
export async function rejects(
  promise: Promise<unknown>,
  ...codes: string[]
): Promise<unknown> {
  const error = await rejection(promise);
  if (error instanceof NotApplicable) throw error;
  const code = (error as { code?: unknown }).code;
  if (!codes.includes(String(code))) {
    assert.fail(`Expected ${codes.join(" or ")}, got ${describe(error)}`);
  }
  return error;
}

/** Bytes that are the same for the same seed (xorshift32, Marsaglia 2003). */
export function seeded(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed | 0 || 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Asserts equality without printing a megabyte if it does not hold. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length, "number of bytes");
  for (let index = 0; index < expected.length; index++) {
    if (actual[index] !== expected[index]) {
      assert.fail(`Byte ${index} of ${expected.length} differs`);
    }
  }
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Reads to the peer's end. */
export async function readAll(connection: Connection): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await connection.read();
    if (chunk === null) return concat(chunks);
    chunks.push(chunk);
  }
}

/** Reads so many bytes; fails at an end before. */
export async function readExactly(
  connection: Connection,
  length: number,
): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = await connection.readInto(whole.subarray(at));
    if (count === null) assert.fail(`The end came after ${at} of ${length}`);
    at += count;
  }
  return whole;
}

/** One line that tells what an error is. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const head = typeof code === "string" && !error.message.includes(code)
    ? `${error.name} ${code}`
    : error.name;
  return `${head}: ${error.message}`.split("\n").slice(0, 12).join("\n");
}
