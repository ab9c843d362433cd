/**
 * A simulation with what scenarios share: pairs of connections, the time at
 * which something settled, and a look at what is left at the end.
 */
import assert from "node:assert/strict";
import { createSimulation } from "../../entries/memory.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  MemoryRuntimeOptions,
  Simulation,
} from "../../entries/memory.ts";

/** Two ends of one connection. */
export interface Pair {
  readonly client: Connection;
  readonly server: Connection;
}

/** Options of the two ends, or of both. */
export interface PairOptions {
  readonly both?: ConnectOptions & ListenOptions;
  readonly client?: ConnectOptions | undefined;
  readonly server?: ListenOptions | undefined;
}

/** How something came out, and when. */
export interface Outcome {
  readonly at: number;
  /** `ok`, or the code of an error, or what was thrown. */
  readonly how: unknown;
  readonly value?: unknown;
  readonly error?: { code?: string; message: string; bytesTaken?: number };
}

/** What a scenario works with. */
export interface World extends Simulation {
  /** Simulated milliseconds. */
  now(): number;
  /** A connection, both of its ends in the pull style. */
  pair(options?: PairOptions): Promise<Pair>;
  /** How a promise settles, and when. */
  outcome(promise: Promise<unknown>): Promise<Outcome>;
  /** Notes something with the time, in `log`. */
  note(what: string): void;
  readonly log: [what: string, at: number][];
}

/** What may still be under way when a scenario is over; timers of ours take longer. */
const underWay = 1000;

/**
 * Runs a scenario, and looks whether anything is left of it: a descriptor, or
 * a timer that nobody needs any more.
 */
export async function simulate(
  options: MemoryRuntimeOptions,
  scenario: (world: World) => Promise<void>,
  within = 86_400_000,
): Promise<void> {
  const world = makeWorld(createSimulation(options));
  const { clock, network } = world;
  await world.run(() => scenario(world), { within });
  const over = clock.now();
  await clock.run();
  const left = clock.now() - over;
  assert.ok(left <= underWay, `something was left for ${left} ms`);
  assert.equal(network.descriptors, 0, "descriptors are left");
}

function makeWorld(simulation: Simulation): World {
  const { clock } = simulation;
  const log: [string, number][] = [];
  return {
    ...simulation,
    log,
    now: () => clock.now(),
    note: (what) => void log.push([what, clock.now()]),
    pair: (options) => pair(simulation, options),
    outcome: (promise) => outcome(promise, () => clock.now()),
  };
}

let pairs = 0;

async function pair(
  { listen, connect }: Simulation,
  options: PairOptions = {},
): Promise<Pair> {
  const name = `mem:pair-${++pairs}`;
  const listener: Listener = await listen(name, {
    ...options.both,
    ...options.server,
  });
  const accepting = listener.accept();
  const client = await connect(name, { ...options.both, ...options.client });
  const server = await accepting;
  await listener.close();
  return { client, server };
}

async function outcome(
  promise: Promise<unknown>,
  now: () => number,
): Promise<Outcome> {
  try {
    const value = await promise;
    return { at: now(), how: "ok", value };
  } catch (error) {
    const { code } = error as { code?: string };
    return {
      at: now(),
      how: code ?? error,
      error: error as NonNullable<Outcome["error"]>,
    };
  }
}

/** The part of an outcome that tests compare. */
export function brief({ how, at }: Outcome): [how: unknown, at: number] {
  return [how, at];
}

/** Ends both at once, whatever state they are in, and waits until they are over. */
export async function drop(...connections: Connection[]): Promise<void> {
  for (const connection of connections) connection.abort();
  await Promise.all(connections.map((connection) => connection.closed));
}

/** `length` bytes that count up from `first`. */
export function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index);
}

/** Has a promise that is awaited later not count as unhandled until then. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Reads to the peer's end. */
export async function readAll(connection: Connection): Promise<Uint8Array> {
  const all: number[] = [];
  for await (const chunk of connection) {
    for (const byte of chunk) all.push(byte);
  }
  return Uint8Array.from(all);
}
