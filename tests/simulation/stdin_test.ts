/** Standard input in simulated time: what is read, told and bounded, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  PollEvents,
  type ReadinessSource,
  SockeyeError,
  type StandardInput,
} from "../../entries/memory.ts";
import {
  poll,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLRDHUP,
  select,
} from "../../posix.ts";
import { brief, bytes, later, simulate, type World } from "./world.ts";

const encoder = new TextEncoder(), decoder = new TextDecoder();

/** Plays a scenario with a standard input. */
function scene(
  play: (world: World, input: StandardInput) => Promise<void>,
): () => Promise<void> {
  return () => simulate({}, async (world) => play(world, await world.stdin()));
}

function type(world: World, text: string): void {
  world.input.write(encoder.encode(text));
}

async function text(read: Promise<Uint8Array | null>): Promise<string | null> {
  const got = await read;
  return got === null ? null : decoder.decode(got);
}

test("stdin: bytes in order, in every way of reading; then the end, for ever", () =>
  simulate({}, async (world) => {
    type(world, "before ");
    const input = await world.stdin();
    type(world, "and after");
    assert.equal(await text(input.read()), "before ");
    const buffer = new Uint8Array(4);
    assert.equal(await input.readInto(buffer), 4);
    assert.equal(decoder.decode(buffer), "and ");
    assert.equal(input.tryRead(buffer), 4);
    assert.equal(decoder.decode(buffer), "afte");
    assert.equal(input.tryRead(buffer), 1);
    assert.equal(input.tryRead(buffer), undefined);
    const waiting = input.read();
    world.input.end();
    assert.equal(await waiting, null);
    assert.equal(await input.read(), null);
    assert.equal(input.tryRead(buffer), null);
    for await (const _ of input) assert.fail("nothing is left");
    assert.equal(input.bytesRead, 16);
    assert.deepEqual(await input.close(), { how: "end" });
  }));

test("stdin: there is one, open or not", () =>
  simulate({}, async (world) => {
    const input = await world.stdin();
    assert.equal(await world.stdin(), input);
    assert.deepEqual(await input.close(), { how: "close" });
    assert.deepEqual(await input.close(), { how: "close" });
    assert.equal(await world.stdin(), input);
  }));

test(
  "stdin: an end that was there before the call",
  () =>
    simulate({}, async (world) => {
      world.input.end();
      const input = await world.stdin();
      assert.equal(await input.read(), null);
      await input.close();
    }),
);

test(
  "stdin: unread input is bounded, and nothing of it is lost",
  scene(async (world, input) => {
    const all = bytes(1 << 20);
    world.input.write(all);
    world.input.end();
    await world.advance(1000);
    assert.equal(input.bytesRead, 65536);
    assert.equal(world.input.waiting, (1 << 20) - 65536);
    const got: number[] = [];
    for await (const chunk of input) for (const byte of chunk) got.push(byte);
    assert.deepEqual(Uint8Array.from(got), all);
    await input.close();
  }),
);

test(
  "stdin: select waits for it and for a socket, with a timeout",
  scene(async (world, input) => {
    const listener = await world.listen("mem:server");
    const sources = (): Set<ReadinessSource> => new Set([input, listener]);

    let read = sources();
    assert.equal(await select({ read }, 5000), 0);
    assert.equal(world.now(), 5000);

    read = sources();
    setTimeoutIn(world, 300, () => type(world, "hello"));
    assert.equal(await select({ read }, 5000), 1);
    assert.ok(read.has(input) && world.now() === 5300);
    assert.equal(await text(input.read()), "hello");

    read = sources();
    const connecting = world.connect("mem:server");
    assert.equal(await select({ read }, 5000), 1);
    assert.ok(read.has(listener));
    (await connecting).abort();
    (await listener.accept()).abort();

    read = sources();
    world.input.end();
    assert.equal(await select({ read }, 5000), 1);
    assert.ok(read.has(input));
    assert.equal(await input.read(), null);
    await listener.close();
    await input.close();
  }),
);

function setTimeoutIn(world: World, ms: number, callback: () => void): void {
  world.clock.setTimer(callback, ms);
}

test(
  "stdin: poll tells bytes, the end behind them, and a closed descriptor",
  scene(async (world, input) => {
    const fds = [{ fd: input, events: POLLIN | POLLRDHUP, revents: 0 }];
    const told = async (): Promise<number> => {
      await poll(fds, 100);
      return fds[0]!.revents;
    };
    assert.equal(await told(), 0);
    type(world, "one");
    assert.equal(await told(), POLLIN);
    world.input.end();
    await world.advance(1);
    assert.equal(await told(), POLLIN | POLLRDHUP);
    await input.read();
    assert.equal(await told(), POLLIN | POLLRDHUP | POLLHUP);
    await input.close();
    assert.equal(await told(), POLLNVAL);
  }),
);

test(
  "stdin: a poller is told each arrival, and forgets it when it is closed",
  scene(async (world, input) => {
    const poller = new world.Poller();
    poller.add(input, { readable: true, edge: true });
    const events = new PollEvents(1);
    for (const word of ["one", "two"]) {
      type(world, word);
      assert.equal(await poller.wait(events, 100), 1);
      assert.equal(await poller.wait(events, 100), 0);
    }
    const waiting = poller.wait(events, 100);
    await input.close();
    assert.equal(await waiting, 0);
    assert.equal(poller.has(input), false);
    poller.close();
  }),
);

test(
  "stdin: a failure is met behind the bytes, by every read",
  scene(async (world, input) => {
    type(world, "last words");
    const error = new SockeyeError("EIO", "The terminal is gone");
    world.input.fail(error);
    assert.equal(await text(input.read()), "last words");
    const failed = {
      code: "EIO",
      message: "Cannot read from standard input: The terminal is gone",
      cause: error,
    };
    await assert.rejects(input.read(), failed);
    assert.throws(() => input.tryRead(new Uint8Array(1)), failed);
    const fds = [{ fd: input, events: POLLIN, revents: 0 }];
    assert.equal(await poll(fds), 1);
    assert.equal(fds[0]!.revents, POLLIN | POLLHUP | POLLERR);
    assert.deepEqual(await input.closed, { how: "error", error });
    assert.deepEqual(await input.close(), { how: "error", error });
  }),
);

test(
  "stdin: close ends the read that waits, and drops what comes yet",
  scene(async (world, input) => {
    const outcome = world.outcome(later(input.read()));
    type(world, "under way");
    const why = await input.close();
    assert.deepEqual(why, { how: "close" });
    assert.deepEqual(brief(await outcome), ["ERR_SOCKEYE_CLOSED", 0]);
    await world.advance(10);
    assert.equal(input.bytesRead, 0);
    await assert.rejects(input.read(), {
      code: "ERR_SOCKEYE_CLOSED",
      message: "Cannot read from standard input: it was closed here",
    });
    assert.throws(() => input.tryRead(new Uint8Array(1)), {
      code: "ERR_SOCKEYE_CLOSED",
    });
  }),
);

test(
  "stdin: a timeout, a signal and a second reader end a read, not the input",
  scene(async (world, input) => {
    const late = await world.outcome(input.read({ timeout: 250 }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", 250]);
    const control = new AbortController();
    const reason = new Error("enough");
    const signalled = world.outcome(input.read({ signal: control.signal }));
    await assert.rejects(input.read(), { code: "ERR_SOCKEYE_STATE" });
    control.abort(reason);
    assert.equal((await signalled).how, reason);
    await assert.rejects(input.readInto("" as unknown as Uint8Array), {
      code: "EINVAL",
    });
    type(world, "still here");
    assert.equal(await text(input.read()), "still here");
    await input.close();
  }),
);

test(
  "stdin: as a web stream, which takes only what is asked of it",
  scene(async (world, input) => {
    const reader = input.readable.getReader();
    type(world, "one");
    assert.equal(decoder.decode((await reader.read()).value), "one");
    const waiting = reader.read();
    await reader.cancel();
    assert.equal((await waiting).done, true);
    type(world, "two");
    assert.equal(await text(input.read()), "two");
    await input.close();
  }),
);
