/** What the tests of bad input share: somewhere to listen, pairs, and what a call fails with. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AddressLike,
  connect,
  type Connection,
  type Handlers,
  listen,
  type Listener,
  type Server,
  SockeyeError,
} from "../mod.ts";

export const transports = ["tcp", "unix"] as const;
export type Transport = typeof transports[number];

/** Has something closed when the test is over, whatever came of it. */
export type Keep = <T extends Connection | Listener | Server>(made: T) => T;

/** Somewhere to listen, and nothing left there afterwards. */
export async function at(
  transport: Transport,
  act: (address: string, keep: Keep) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  const address = transport === "tcp"
    ? "tcp://:0"
    : `unix:${join(directory, "s")}`;
  const kept: (Connection | Listener | Server)[] = [];
  try {
    await act(address, (made) => {
      kept.push(made);
      return made;
    });
  } finally {
    for (const made of kept.reverse()) {
      if ("abort" in made) made.abort();
      else await made.close({ grace: 0 });
    }
    await rm(directory, { recursive: true, force: true });
  }
}

/** Both ends of a connection, and the end of both. */
export async function pair(
  transport: Transport,
  act: (client: Connection, server: Connection) => Promise<void>,
): Promise<void> {
  await at(transport, async (address, keep) => {
    const listener = keep(await listen(address));
    const accepting = listener.accept();
    const client = keep(await connect(listener.address));
    await act(client, keep(await accepting));
  });
}

/** The typed error that a call ends in, whether it throws or rejects. */
export async function failure(call: () => unknown): Promise<SockeyeError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof SockeyeError) return error;
    throw error;
  }
  return assert.fail("it was taken");
}

export async function fails(
  call: () => unknown,
  code: string,
  message: RegExp,
): Promise<void> {
  const error = await failure(call);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

/** What a promise-returning call rejects with; it must not throw at once. */
export function rejects(
  call: () => Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<void> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    return assert.fail(`thrown, not rejected: ${error}`);
  }
  return fails(() => promise, code, message);
}

export const bytes = (text: string): Uint8Array =>
  new TextEncoder().encode(text);
export const text = (given: Uint8Array | null): string | undefined =>
  given === null ? undefined : new TextDecoder().decode(given);

/** Waits for a condition. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const last = performance.now() + 10_000; !holds();) {
    assert.ok(performance.now() < last, `still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Says a line to a server that sends it back. */
export async function isServed(
  address: AddressLike,
  line = "hello",
): Promise<void> {
  const client = await connect(address);
  await client.write(bytes(line));
  const got: number[] = [];
  while (got.length < line.length) got.push(...(await client.read())!);
  assert.equal(text(Uint8Array.from(got)), line);
  await client.closeWrite();
  assert.equal(await client.read(), null);
  await client.close();
}

export const echo: Handlers = {
  data: (channel, chunk) => void channel.send(chunk),
};
