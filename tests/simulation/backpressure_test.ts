/** Sentences 3 and 4 in simulated time: what is held at most, on both sides, and who waits for whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brief,
  bytes,
  drop,
  later,
  readAll,
  simulate,
  type World,
} from "./world.ts";
import type {
  Channel,
  Closed,
  Connection,
  SockeyeError,
} from "../../entries/memory.ts";

test("an unread connection takes readHighWater and at most a chunk; the network stops its peer", async () => {
  const options = { latency: 10, window: 4000, chunk: 1000 };
  const cases = [[3000, 3000], [3001, 4000], [2000, 2000]] as const;
  for (const [readHighWater, taken] of cases) {
    await simulate(options, async ({ pair, advance, outcome }) => {
      const { client, server } = await pair({ server: { readHighWater } });
      const writing = outcome(client.write(bytes(30_000)));
      await advance(10_000);
      assert.equal(server.bytesRead, taken);
      assert.equal(client.bytesWritten, taken + 4000);
      assert.equal(client.bytesQueued, 30_000 - taken - 4000);
      const got: number[] = [];
      const buffer = new Uint8Array(700);
      while (got.length < 30_000) {
        const count = await server.readInto(buffer);
        got.push(...buffer.subarray(0, count!));
        await advance(1);
        const held = server.bytesRead - got.length;
        assert.ok(held < readHighWater + 1000, `${held} held`);
      }
      assert.deepEqual(Uint8Array.from(got), bytes(30_000));
      assert.equal((await writing).how, "ok");
      assert.equal(client.bytesWritten, 30_000);
      await drop(client, server);
    });
  }
});

test("a paused channel, and one whose handler is at work, hold no more than that", async () => {
  const options = { latency: 10, window: 4000, chunk: 1000 };
  for (const paused of [true, false]) {
    await simulate(options, async ({ serve, connect, advance }) => {
      let channel: Channel | undefined;
      let finish: (() => void) | undefined;
      let got = 0;
      const server = await serve("mem:held", {
        open(opened) {
          channel = opened;
          if (paused) opened.pause();
        },
        async data(_channel, chunk) {
          got += chunk.length;
          if (finish === undefined && !paused) {
            await new Promise<void>((resolve) => finish = resolve);
          }
        },
        end: (ended) => ended.end(),
      }, { readHighWater: 2500 });
      const client = await connect("mem:held");
      later(client.write(bytes(50_000)));
      later(client.closeWrite());
      await advance(10_000);
      assert.equal(got, paused ? 0 : 1000);
      assert.equal(channel!.bytesRead - got, 3000);
      assert.equal(client.bytesWritten, channel!.bytesRead + 4000);
      if (paused) channel!.resume();
      else finish!();
      assert.equal(await client.read(), null);
      assert.equal(got, 50_000);
      await client.close();
      await server.close();
    });
  }
});

test("a write waits until its last byte is taken, and each settles in its turn", async () => {
  await simulate({ latency: 10, window: 1000 }, async (world) => {
    const { pair, now, advance } = world;
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    const settled: [number, number][] = [];
    const start = now();
    [500, 500, 1000, 1].forEach((length, index) =>
      void client.write(bytes(length)).then(() =>
        settled.push([index, now() - start])
      )
    );
    assert.equal(client.bytesWritten, 1000);
    await advance(0);
    assert.deepEqual(settled, [[0, 0], [1, 0]]);
    await advance(1000); // What arrived at 10 was taken, known at 20.
    assert.deepEqual(settled.slice(2), [[2, 20]]);
    await server.read();
    await advance(1000);
    assert.deepEqual(settled.slice(3), [[3, 1010]]);
    await drop(client, server);
  });
});

/**
 * A server that may send what it likes, and a client that reads nothing
 * before it is told to: it has one window unread and one in its kernel.
 */
async function congested(
  options: { window: number; writeHighWater?: number; maxQueued?: number },
  scenario: (
    channel: Channel,
    client: Connection,
    log: string[],
    world: World,
  ) => Promise<void>,
): Promise<void> {
  const { window, ...limits } = options;
  await simulate({ latency: 10, window }, async (world) => {
    const { serve, connect, advance } = world;
    const log: string[] = [];
    let channel: Channel | undefined;
    const server = await serve("mem:full", {
      open: (opened) => void (channel = opened),
      data: (_channel, chunk) => void log.push(`data ${chunk.length}`),
      drain: () => void log.push("drain"),
      end: () => void log.push("end"),
      closed: (_channel, why) => void log.push(why.how),
    }, limits);
    const client = await connect("mem:full", { readHighWater: 1 });
    await advance(10);
    assert.equal(channel!.send(bytes(window)), true);
    await advance(100);
    assert.equal(channel!.send(bytes(window)), true);
    assert.equal(channel!.bytesQueued, 0);
    await advance(100);
    await scenario(channel!, client, log, world);
    await drop(client);
    await server.close();
  });
}

test("send is false above writeHighWater, not at it", async () => {
  await congested({ window: 500, writeHighWater: 1000 }, async (channel) => {
    assert.equal(channel.send(bytes(999)), true);
    assert.equal(channel.send(bytes(1)), true);
    assert.equal(channel.bytesQueued, 1000);
    assert.equal(channel.send(new Uint8Array(0)), true);
    assert.equal(channel.send(bytes(1)), false);
    assert.equal(channel.bytesQueued, 1001);
    assert.equal(channel.send(new Uint8Array(0)), false);
    channel.abort();
    assert.equal((await channel.closed).how, "abort");
  });
});

test("after a false, data and the end wait until all is taken, and drain comes first, once", async () => {
  await congested(
    { window: 500, writeHighWater: 1000 },
    async (channel, client, log, { advance, now }) => {
      assert.equal(channel.send(bytes(1001)), false);
      await client.write(bytes(7));
      await client.closeWrite();
      await advance(1000);
      assert.deepEqual(log, []);
      await client.read(); // 500 of it go on their way.
      await advance(1000);
      assert.equal(channel.bytesQueued, 501);
      assert.deepEqual(log, []);
      assert.equal(channel.send(bytes(1)), false); // Still: not drained.
      await client.read();
      await advance(1000);
      assert.equal(channel.bytesQueued, 2);
      assert.deepEqual(log, []);
      const at = now();
      await client.read();
      await advance(9);
      assert.deepEqual(log, []);
      await advance(1);
      assert.equal(now(), at + 10);
      assert.deepEqual(log, ["drain", "data 7", "end"]);
    },
  );
});

test("what is queued up to writeHighWater holds nothing back, and drains without a word", async () => {
  await congested(
    { window: 500, writeHighWater: 1000 },
    async (channel, client, log, { advance }) => {
      assert.equal(channel.send(bytes(1000)), true);
      await client.write(bytes(7));
      await advance(20);
      assert.deepEqual(log, ["data 7"]);
      for (let got = 0; got < 2000;) got += (await client.read())!.length;
      await advance(20);
      assert.deepEqual(log, ["data 7"]);
    },
  );
});

test("a drain that sends too much again is congested again, and drained again", async () => {
  await simulate({ latency: 1, window: 100 }, async (world) => {
    const { serve, connect } = world;
    let left = 20;
    let drains = 0;
    const server = await serve("mem:pump", {
      open: (channel) => void channel.send(bytes(1000)),
      drain(channel) {
        drains++;
        if (--left > 0) assert.equal(channel.send(bytes(1000, left)), false);
        else channel.end();
      },
    }, { writeHighWater: 500 });
    const client = await connect("mem:pump");
    const all = await readAll(client);
    assert.equal(all.length, 20_000);
    assert.equal(drains, 20);
    await client.close();
    await server.close();
  });
});

test("above maxQueued the connection is aborted with ERR_SOCKEYE_LIMIT; at it, it is not", async () => {
  await congested(
    { window: 500, maxQueued: 5000 },
    async (channel, client, log, { advance, outcome }) => {
      for (let count = 0; count < 5; count++) channel.send(bytes(1000));
      await advance(100);
      assert.equal(channel.bytesQueued, 5000);
      assert.equal(channel.state, "open");
      assert.equal(channel.send(bytes(1)), false);
      assert.equal(channel.state, "closed");
      assert.equal(channel.bytesQueued, 0);
      assert.deepEqual(log, [], "told later, not within the call");
      const why: Closed = await channel.closed;
      assert.equal(why.how, "limit");
      const error = why.error as SockeyeError;
      assert.equal(error.code, "ERR_SOCKEYE_LIMIT");
      assert.equal(
        error.message,
        "Cannot queue 1 bytes: that makes 5001, and maxQueued is 5000",
      );
      assert.deepEqual(log, ["limit"]);
      assert.equal(channel.send(bytes(1)), false);
      const got = await outcome(readAll(client));
      assert.equal(got.how, "ECONNRESET");
    },
  );
});

test("the standard limits: 64 KiB unread, 64 KiB queued, 16 MiB at most", async () => {
  const kept = 65_536;
  await congested({ window: 500 }, async (channel, client, log, world) => {
    const { advance } = world;
    assert.equal(channel.send(new Uint8Array(kept)), true);
    assert.equal(channel.send(new Uint8Array(1)), false);
    const most = 16 * 1024 * 1024;
    channel.send(new Uint8Array(most - kept - 1));
    assert.equal(channel.state, "open");
    channel.send(new Uint8Array(1));
    assert.equal((await channel.closed).how, "limit");
    await advance(100);
    assert.deepEqual(log, ["limit"]);
    client.abort();
  });
  await simulate({ chunk: 1000 }, async ({ pair, advance }) => {
    const { client, server } = await pair();
    later(client.write(bytes(200_000)));
    await advance(100);
    assert.equal(server.bytesRead, 65_536);
    await drop(client, server);
  });
});

test("what write lends is not bounded by maxQueued: whoever waits for it bounds it", async () => {
  await simulate({ window: 1000 }, async ({ pair, outcome }) => {
    const { client, server } = await pair({ client: { maxQueued: 10 } });
    const writing = outcome(client.write(bytes(100_000)));
    const shutting = outcome(client.closeWrite());
    assert.deepEqual(await readAll(server), bytes(100_000));
    assert.equal((await writing).how, "ok");
    assert.equal((await shutting).how, "ok");
    await drop(client, server);
  });
});

test("tryWrite takes what fits below writeHighWater, and counts it", async () => {
  for (const holdPending of [true, false]) {
    const options = { latency: 10, window: 500, holdPending };
    await simulate(options, async ({ pair, advance }) => {
      const { client, server } = await pair({
        client: { writeHighWater: 1000 },
        server: { readHighWater: 1 },
      });
      const sent: number[] = [];
      let next = 0;
      const offer = (length: number): number => {
        const part = bytes(length, next);
        const count = client.tryWrite(part);
        part.fill(0xff); // It is copied.
        for (let index = 0; index < count; index++) {
          sent.push((next + index) & 255);
        }
        next += count;
        return count;
      };
      assert.equal(offer(700), 700); // 500 leave at once.
      assert.equal(client.bytesQueued, 200);
      assert.equal(offer(2000), 800);
      assert.equal(client.bytesQueued, 1000);
      assert.equal(offer(1), 0);
      assert.equal(offer(0), 0);
      await advance(1000); // The server has taken the first 500.
      assert.equal(client.bytesQueued, 500);
      assert.equal(offer(2000), 500);
      assert.equal(offer(1), 0);
      const all = readAll(server);
      await client.closeWrite();
      assert.deepEqual(await all, Uint8Array.from(sent));
      await drop(client, server);
    });
  }
});

test("a peer that reads slowly gets all, in order, whatever the ways of sending", async () => {
  for (const holdPending of [true, false]) {
    const options = {
      latency: [1, 20] as const,
      jitter: [0, 5] as const,
      chunk: [1, 900] as const,
      window: 1000,
      holdPending,
      seed: 3,
    };
    await simulate(options, async ({ pair, outcome, advance }) => {
      const { client, server } = await pair({
        client: { writeHighWater: 500 },
        server: { readHighWater: 300 },
      });
      const sent: number[] = [];
      const writes: Promise<{ how: unknown }>[] = [];
      for (let round = 0; round < 60; round++) {
        const part = bytes(100 + 37 * round % 1500, round);
        if (round % 3 === 0) {
          client.send(part);
          sent.push(...part);
          part.fill(0xff);
        } else if (round % 3 === 1) {
          writes.push(outcome(client.write(part)));
          sent.push(...part);
        } else {
          const count = client.tryWrite(part);
          sent.push(...part.subarray(0, count));
          part.fill(0xff);
          await advance(7);
        }
      }
      void client.closeWrite();
      const got: number[] = [];
      for await (const chunk of server) {
        got.push(...chunk);
        await advance(chunk.length % 5);
      }
      assert.deepEqual(Uint8Array.from(got), Uint8Array.from(sent));
      for (const write of writes) assert.equal((await write).how, "ok");
      await drop(client, server);
    });
  }
});

test("one that takes nothing costs the others nothing", async () => {
  await simulate({ latency: 10, window: 1000 }, async (world) => {
    const { serve, connect, advance, outcome, now } = world;
    const server = await serve("mem:busy", {
      data: (channel, chunk) => void channel.send(chunk),
    }, { writeHighWater: 500, readHighWater: 1000 });
    const stuck = await connect("mem:busy", { readHighWater: 1 });
    later(stuck.write(bytes(100_000)));
    await advance(500);
    assert.ok(server.stats.bytesRead < 5000);
    const lively = await connect("mem:busy");
    for (let round = 0; round < 10; round++) {
      const start = now();
      await lively.write(bytes(100));
      assert.deepEqual(brief(await outcome(lively.read())), ["ok", start + 20]);
    }
    await drop(stuck, lively);
    await server.close();
  });
});
