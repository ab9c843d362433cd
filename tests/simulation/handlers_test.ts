/** Sentences 7 and 12 in simulated time: when handlers are called, and what follows when they fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, drop, later, simulate } from "./world.ts";
import type { Channel } from "../../entries/memory.ts";

test("an async data handler holds back the next, and the end behind it; order is kept", async () => {
  // Smaller ones might be joined while they wait.
  await simulate({ latency: 5, chunk: 3000 }, async (world) => {
    const { serve, connect, advance, now } = world;
    const got: number[] = [];
    const order: [string, number][] = [];
    let busy = 0;
    const start = now();
    const note = (what: string): void => void order.push([what, now() - start]);
    const server = await serve("mem:slow", {
      async data(_channel, chunk) {
        note("data");
        assert.equal(++busy, 1, "the next was held back");
        await advance(100);
        got.push(...chunk);
        busy--;
      },
      async end(channel) {
        note("end");
        await advance(50);
        channel.end();
      },
      closed: () => note("closed"),
    });
    const client = await connect("mem:slow");
    await client.write(bytes(9000));
    await client.closeWrite();
    assert.equal(await client.read(), null);
    assert.deepEqual(Uint8Array.from(got), bytes(9000));
    assert.deepEqual(order.slice(0, 4), [
      ["data", 15],
      ["data", 115],
      ["data", 215],
      ["end", 315],
    ]);
    assert.deepEqual(order[4], ["closed", 365]);
    await client.close();
    await server.close();
  });
});

test("data waits for an async open, and finds its context", async () => {
  await simulate({ latency: 5 }, async ({ serve, connect, advance, now }) => {
    const seen: [string, number][] = [];
    const server = await serve<string>("mem:login", {
      open: async () => {
        await advance(500);
        return "you";
      },
      data: (channel, chunk) => {
        seen.push([channel.context, now()]);
        channel.send(chunk);
      },
    });
    const client = await connect("mem:login");
    await client.write(bytes(3));
    assert.deepEqual(await client.read(), bytes(3));
    assert.deepEqual(seen, [["you", 505]]);
    await client.close();
    await server.close();
  });
});

test("a drain that is async does not let the next data in before the last has settled", async () => {
  for (const [dataTakes, drainTakes] of [[1000, 10], [50, 1000]] as const) {
    await simulate({ latency: 1, window: 1000, chunk: 500 }, async (world) => {
      const { serve, connect, advance } = world;
      let inData = 0;
      let inDrain = 0;
      let drained = 0;
      const server = await serve("mem:both", {
        async data(channel) {
          assert.deepEqual([inData, inDrain], [0, 0], "nobody is busy");
          inData++;
          channel.send(bytes(2000));
          await advance(dataTakes);
          inData--;
        },
        async drain() {
          inDrain++;
          await advance(drainTakes);
          inDrain--;
          drained++;
        },
      }, { writeHighWater: 100 });
      const client = await connect("mem:both");
      await client.write(bytes(1000));
      await client.closeWrite();
      let received = 0;
      for await (const chunk of client) received += chunk.length;
      assert.equal(received, 4000);
      assert.ok(drained >= 1);
      await client.close();
      await server.close();
    });
  }
});

test("no handler runs inside the caller's own call", async () => {
  await simulate({ window: 10 }, async ({ serve, connect, advance }) => {
    let calling = false;
    let calls = 0;
    let channel: Channel | undefined;
    const called = (): void => {
      assert.equal(calling, false, "a handler ran inside of a call");
      calls++;
    };
    const server = await serve("mem:calm", {
      open: (opened) => {
        called();
        channel = opened;
      },
      data: called,
      drain: called,
      end: called,
      closed: called,
    }, { writeHighWater: 10 });
    const client = await connect("mem:calm", { readHighWater: 1 });
    await advance(1);
    const call = async (act: () => unknown): Promise<void> => {
      calling = true;
      act();
      calling = false;
      await advance(1);
    };
    const { pause, resume, send, end } = channel!;
    await call(() => void pause.call(channel));
    await client.write(bytes(4));
    await advance(1);
    await call(() => void resume.call(channel));
    await call(() => assert.equal(send.call(channel, bytes(50)), false));
    assert.equal(calls, 2); // open, data
    for (let got = 0; got < 50;) got += (await client.read())!.length;
    await advance(1);
    assert.equal(calls, 3); // drain
    await client.closeWrite();
    await advance(1);
    await call(() => void end.call(channel));
    assert.equal((await channel!.closed).how, "end");
    assert.equal(calls, 5); // end, closed
    await call(() => void channel!.abort());
    await drop(client);
    await server.close();
  });
});

test("nothing is called after closed, whatever ends it", async () => {
  type Act = (channel: Channel, drop: () => void) => void;
  const acts: Record<string, Act> = {
    close: (channel) => void channel.close(),
    abort: (channel) => channel.abort(),
    throw: () => {
      throw new Error("On purpose");
    },
    limit: (channel) => void channel.send(bytes(5000)),
    peer: (_channel, drop) => drop(),
  };
  for (const [name, act] of Object.entries(acts)) {
    await simulate({ latency: 1, chunk: 10 }, async (world) => {
      const { serve, connect, advance, network } = world;
      const told: string[] = [];
      const server = await serve("mem:last", {
        open: () => void told.push("open"),
        data(channel) {
          told.push("data");
          if (told.length === 4) act(channel, () => void network.reset());
        },
        drain: () => void told.push("drain"),
        end: () => void told.push("end"),
        closed: () => void told.push("closed"),
      }, { maxQueued: 4999, onError: () => {}, lingerTimeout: 50 });
      const client = await connect("mem:last");
      later(client.write(bytes(2000)));
      await advance(100);
      const [first, ...between] = told;
      assert.equal(first, "open");
      assert.equal(between.pop(), "closed");
      assert.ok(between.every((what) => what === "data"), `${between}`);
      // What had arrived before a reset is told; of what we end, nothing.
      if (name !== "peer") assert.equal(between.length, 3, name);
      const { length } = told;
      await drop(client);
      await server.close();
      assert.equal(told.length, length, name);
    });
  }
});

test("paused: nothing comes, not the end either; resumed: all of it, in order", async () => {
  await simulate({ latency: 5, window: 9000, chunk: 3000 }, async (world) => {
    const { serve, connect, advance } = world;
    let channel: Channel | undefined;
    const got: number[] = [];
    let ended = false;
    const server = await serve("mem:pause", {
      open: (opened) => void (channel = opened),
      data(from, chunk) {
        got.push(...chunk);
        if (got.length % 6000 === 0) from.pause();
      },
      end(from) {
        ended = true;
        from.end();
      },
    });
    const client = await connect("mem:pause");
    later(client.write(bytes(20_000)));
    later(client.closeWrite());
    for (const length of [6000, 12_000]) {
      await advance(1000);
      assert.equal(got.length, length);
      assert.equal(ended, false);
      channel!.resume();
      channel!.pause();
      await advance(1000);
      assert.equal(got.length, length, "paused again before anything came");
      channel!.resume();
    }
    await advance(1000);
    assert.equal(got.length, 18_000);
    channel!.resume();
    await advance(1000);
    assert.deepEqual(Uint8Array.from(got), bytes(20_000));
    assert.equal(ended, true);
    await client.close();
    await server.close();
  });
});

test("a paused channel whose peer resets tells what it has once it resumes, then closed", async () => {
  await simulate(
    { latency: 5 },
    async ({ serve, connect, advance, network }) => {
      const told: string[] = [];
      let channel: Channel | undefined;
      const server = await serve("mem:pause", {
        open(opened) {
          channel = opened;
          opened.pause();
        },
        data: (_channel, chunk) => void told.push(`data ${chunk.length}`),
        end: () => void told.push("end"),
        closed: (_channel, why) => void told.push(why.how),
      });
      const client = await connect("mem:pause");
      await client.write(bytes(500));
      await advance(20);
      network.reset();
      await advance(20);
      assert.deepEqual(told, []);
      assert.equal(channel!.state, "closed");
      channel!.resume();
      await advance(0);
      assert.deepEqual(told, ["data 500", "reset"]);
      await drop(client);
      await server.close();
    },
  );
});

test("one byte at a time: request, end, answer, end", async () => {
  await simulate({ latency: 3, jitter: [0, 5], chunk: 1 }, async (world) => {
    const { serve, connect } = world;
    let chunks = 0;
    const server = await serve("mem:drip", {
      data(channel, chunk) {
        chunks++;
        assert.equal(chunk.length, 1);
        channel.send(chunk);
      },
      end: (channel) => channel.end(),
    });
    const client = await connect("mem:drip");
    await client.write(bytes(500));
    await client.closeWrite();
    const got: number[] = [];
    for await (const chunk of client) got.push(...chunk);
    assert.deepEqual(Uint8Array.from(got), bytes(500));
    assert.equal(chunks, 500);
    assert.deepEqual(await client.close(), { how: "end" });
    await server.close();
  });
});

test("without an end handler ours follows the peer's, behind what is queued", async () => {
  await simulate(
    { latency: 5, window: 100 },
    async ({ serve, connect, now }) => {
      let why: unknown;
      const server = await serve("mem:plain", {
        data: (channel, chunk) => void channel.send(chunk),
        closed: (_channel, reason) => void (why = [reason, now()]),
      });
      const client = await connect("mem:plain");
      later(client.write(bytes(1000)));
      later(client.closeWrite());
      const got: number[] = [];
      for await (const chunk of client) got.push(...chunk);
      assert.deepEqual(Uint8Array.from(got), bytes(1000));
      await client.close();
      await server.close();
      assert.deepEqual((why as unknown[])[0], { how: "end" });
    },
  );
});

test("sending to a channel that the peer has ended is false, never an exception", async () => {
  for (const handlers of [{}, { end: () => {} }]) {
    const allowHalfOpen = "end" in handlers ? false : true;
    await simulate({ latency: 5, window: 100 }, async (world) => {
      const { serve, connect, advance } = world;
      const channels: Channel[] = [];
      const server = await serve("mem:gone", {
        ...handlers,
        open(channel) {
          channels.push(channel);
          channel.send(bytes(5000)); // Keeps it flushing for a while.
        },
      }, { allowHalfOpen });
      const client = await connect("mem:gone", { readHighWater: 1 });
      await client.closeWrite();
      const states = new Set<string>();
      for (let ms = 0; ms < 20; ms++) {
        for (const channel of channels) {
          states.add(channel.state);
          // Nobody here has ended it, and nobody can know that the peer has.
          assert.equal(channel.send(bytes(1)), channel.state === "open");
        }
        await advance(1);
      }
      assert.deepEqual([...states], ["open", "draining"]);
      client.abort();
      await advance(20);
      assert.equal(channels[0]!.send(bytes(1)), false);
      await server.close();
    });
  }
});
