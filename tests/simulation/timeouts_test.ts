/** Sentence 8 in simulated time: a timeout or signal ends a wait, not the connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, bytes, drop, later, simulate } from "./world.ts";

test("a read times out at its time, and takes no byte with it", async () => {
  await simulate({ latency: 10 }, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair();
    const start = now();
    const late = await outcome(server.read({ timeout: 100 }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", start + 100]);
    assert.match(late.error!.message, /^Cannot read from mem:.*the time was/);
    await client.write(bytes(3));
    await advance(50);
    const ready = await outcome(server.read({ timeout: 0.5 }));
    assert.deepEqual(ready, { at: start + 150, how: "ok", value: bytes(3) });
    await drop(client, server);
  });
});

test("bytes that arrive with the timeout belong to this read or to the next", async () => {
  for (const timeout of [19, 20, 21]) {
    await simulate({ latency: 20 }, async ({ pair, outcome, now }) => {
      const { client, server } = await pair();
      const start = now();
      await client.write(bytes(3));
      const first = await outcome(server.read({ timeout }));
      if (first.how !== "ok") {
        assert.deepEqual(brief(first), ["ETIMEDOUT", start + timeout]);
        assert.notEqual(timeout, 21);
        assert.deepEqual(await server.read(), bytes(3));
      } else {
        assert.notEqual(timeout, 19);
        assert.deepEqual(first.value, bytes(3));
      }
      assert.equal(now(), start + 20);
      await drop(client, server);
    });
  }
});

test("a timeout of 0 rejects at once, and ready bytes stay for the next read", async () => {
  await simulate({}, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair();
    await client.write(bytes(3));
    await advance(5);
    const at = now();
    const zero = await outcome(server.read({ timeout: 0 }));
    assert.deepEqual(brief(zero), ["ETIMEDOUT", at]);
    const written = await outcome(server.write(bytes(1), { timeout: 0 }));
    assert.deepEqual(brief(written), ["ETIMEDOUT", at]);
    assert.equal(written.error!.bytesTaken, 0);
    assert.deepEqual(await server.read(), bytes(3));
    assert.equal(server.bytesWritten, 0);
    await drop(client, server);
  });
});

test("a write times out at its time; what was taken arrives, and nothing else of it", async () => {
  await simulate(
    { latency: 10, window: 1000 },
    async ({ pair, outcome, now, advance }) => {
      const { client, server } = await pair({ server: { readHighWater: 500 } });
      await client.write(bytes(500, 7));
      await advance(50); // The server has 500 unread bytes and stops.
      const start = now();
      const write = client.write(bytes(5000), { timeout: 300 });
      const late = await outcome(write);
      assert.deepEqual(brief(late), ["ETIMEDOUT", start + 300]);
      assert.match(late.error!.message, /^Cannot write to mem:pair-\d+: the/);
      // The window, and whatever the transport had in its hands.
      const taken = late.error!.bytesTaken!;
      assert.ok(taken >= 1000 && taken <= 5000, `${taken} taken`);
      const next = later(client.write(bytes(10, 100)));
      const got = new Uint8Array(500 + taken + 10);
      for (let at = 0; at < got.length;) {
        at += (await server.readInto(got.subarray(at)))!;
      }
      assert.deepEqual(got.subarray(0, 500), bytes(500, 7));
      assert.deepEqual(got.subarray(500, -10), bytes(5000).subarray(0, taken));
      assert.deepEqual(got.subarray(-10), bytes(10, 100));
      await next;
      await drop(client, server);
    },
  );
});

test("only the writes whose time is over are rejected, in the middle of the queue too", async () => {
  await simulate(
    { window: 100, holdPending: false },
    async ({ pair, outcome, now, advance }) => {
      const { client, server } = await pair({ server: { readHighWater: 1 } });
      const start = now();
      const first = outcome(client.write(bytes(300)));
      const second = outcome(client.write(bytes(300), { timeout: 70 }));
      const third = outcome(client.write(bytes(50, 9)));
      const fourth = outcome(client.write(bytes(50), { timeout: 40 }));
      assert.deepEqual(brief(await fourth), ["ETIMEDOUT", start + 40]);
      assert.deepEqual(brief(await second), ["ETIMEDOUT", start + 70]);
      assert.equal((await second).error!.bytesTaken, 0);
      assert.equal((await fourth).error!.bytesTaken, 0);
      await advance(30);
      const got: number[] = [];
      while (got.length < 350) got.push(...(await server.read())!);
      assert.deepEqual(got, [...bytes(300), ...bytes(50, 9)]);
      assert.equal((await first).how, "ok");
      assert.equal((await third).how, "ok");
      await drop(client, server);
    },
  );
});

test("a deadline ends the waits of its side, those that wait and those that come", async () => {
  await simulate({ window: 10 }, async ({ pair, outcome, now }) => {
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    const start = now();
    const reading = outcome(client.read());
    client.setDeadline(100, "read");
    assert.deepEqual(brief(await reading), ["ETIMEDOUT", start + 100]);
    const again = await outcome(client.read({ timeout: 500 }));
    assert.deepEqual(brief(again), ["ETIMEDOUT", start + 100]);
    await client.write(bytes(5)); // The other side has none.

    const writing = outcome(client.write(bytes(5000)));
    client.setDeadline(50, "write");
    assert.deepEqual(brief(await writing), ["ETIMEDOUT", start + 150]);
    const next = await outcome(client.write(bytes(1)));
    assert.deepEqual(brief(next), ["ETIMEDOUT", start + 150]);
    assert.equal(next.error!.bytesTaken, 0);
    await drop(client, server);
  });
});

test("a deadline of both sides ends both, not earlier; cleared, a round trip works", async () => {
  await simulate({ window: 1000 }, async ({ pair, outcome, now }) => {
    const { client, server } = await pair();
    const start = now();
    const reading = outcome(client.read());
    const writing = outcome(client.write(bytes(200_000)));
    client.setDeadline(100);
    assert.deepEqual(brief(await reading), ["ETIMEDOUT", start + 100]);
    assert.deepEqual(brief(await writing), ["ETIMEDOUT", start + 100]);
    const taken = (await writing).error!.bytesTaken!;
    client.setDeadline(null);
    const got = new Uint8Array(taken + 4);
    const next = client.write(bytes(4, 50));
    for (let at = 0; at < got.length;) {
      at += (await server.readInto(got.subarray(at)))!;
    }
    await next;
    assert.deepEqual(got.subarray(taken), bytes(4, 50));
    await server.write(bytes(2));
    assert.deepEqual(await client.read({ timeout: 60_000 }), bytes(2));
    await drop(client, server);
  });
});

test("a deadline may be put off, brought forward and cleared while a read waits", async () => {
  await simulate({}, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair();
    const put = async (
      first: number,
      then: number | null,
    ): Promise<[unknown, number]> => {
      client.setDeadline(null);
      const start = now();
      const reading = outcome(client.read({ timeout: 1000 }));
      client.setDeadline(first, "read");
      await advance(10);
      client.setDeadline(then, "read");
      const { how, at } = await reading;
      return [how, at - start];
    };
    assert.deepEqual(await put(20, 100), ["ETIMEDOUT", 110]);
    assert.deepEqual(await put(500, 100), ["ETIMEDOUT", 110]);
    assert.deepEqual(await put(20, null), ["ETIMEDOUT", 1000]);
    assert.deepEqual(await put(20, 5000), ["ETIMEDOUT", 1000]);
    assert.deepEqual(await put(20, -1), ["ETIMEDOUT", 10]);
    assert.deepEqual(await put(20, 0), ["ETIMEDOUT", 10]);
    await drop(client, server);
  });
});

test("a past deadline beats ready data and room to write; cleared, neither is lost", async () => {
  await simulate({}, async ({ pair, outcome, advance, now }) => {
    const { client, server } = await pair();
    await client.write(bytes(4));
    await advance(1);
    server.setDeadline(-1);
    const start = now();
    for (const wait of [server.read(), server.write(bytes(1))]) {
      assert.deepEqual(brief(await outcome(wait)), ["ETIMEDOUT", start]);
    }
    server.setDeadline(null);
    assert.deepEqual(await server.read(), bytes(4));
    await drop(client, server);
  });
});

test("a signal ends a wait with its reason; the byte that comes later is there", async () => {
  await simulate({ latency: 5, window: 10 }, async (world) => {
    const { pair, outcome, advance, now } = world;
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    for (const action of ["read", "write", "closeWrite"] as const) {
      const stop = new AbortController();
      const op = { signal: stop.signal, timeout: 1000 };
      const start = now();
      const wait = action === "read"
        ? client.read(op)
        : action === "write"
        ? client.write(bytes(500), op)
        : client.closeWrite(op);
      const ended = outcome(wait);
      await advance(33);
      const reason = new Error("Enough");
      stop.abort(reason);
      assert.deepEqual(brief(await ended), [reason, start + 33]);
    }
    await server.write(bytes(2));
    assert.deepEqual(await client.read(), bytes(2));
    await drop(client, server);
  });
});

test("a closeWrite that times out sends the end all the same, behind what is queued", async () => {
  await simulate({ latency: 10, window: 100 }, async (world) => {
    const { pair, outcome, now } = world;
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    const writing = outcome(client.write(bytes(1000)));
    const start = now();
    const late = await outcome(client.closeWrite({ timeout: 200 }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", start + 200]);
    assert.match(late.error!.message, /^Cannot shut down mem:/);
    const got: number[] = [];
    for await (const chunk of server) got.push(...chunk);
    assert.deepEqual(got, [...bytes(1000)]);
    assert.equal((await writing).how, "ok");
    await client.closeWrite();
    await drop(client, server);
  });
});

test("each accept has its own time, and a connection goes to the first who still waits", async () => {
  await simulate({}, async (world) => {
    const { listen, connect, outcome, advance } = world;
    const listener = await listen("mem:patient");
    const waits = [50, 200, 100].map((timeout) =>
      outcome(listener.accept({ timeout }))
    );
    await advance(70);
    const client = await connect("mem:patient");
    const [first, second, third] = await Promise.all(waits);
    assert.deepEqual(brief(first!), ["ETIMEDOUT", 50]);
    assert.match(first!.error!.message, /^Cannot accept on mem:patient: the/);
    assert.deepEqual(brief(second!), ["ok", 70]);
    assert.deepEqual(brief(third!), ["ETIMEDOUT", 100]);
    await drop(client, second!.value as typeof client);
    await listener.close();
  });
});

test("a wait of weeks is over in its time: no timer takes that long", async () => {
  const weeks = 2 ** 31 + 12_345;
  await simulate({}, async ({ pair, outcome, now, runtime }) => {
    const { client, server } = await pair();
    const start = now();
    // setTimeout takes 32 bits; with more it fires at once.
    const { setTimer } = runtime;
    runtime.setTimer = (callback, ms) => {
      assert.ok(ms < 2 ** 31, `a timer of ${ms} ms`);
      return setTimer(callback, ms);
    };
    const late = await outcome(client.read({ timeout: weeks }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", start + weeks]);
    await drop(client, server);
  }, Infinity);
});

test("a wait without end is not ended by anything, and leaves no timer", async () => {
  await simulate({}, async ({ pair, clock, outcome, advance }) => {
    const { client, server } = await pair();
    const forever = outcome(client.read({ timeout: Infinity }));
    await advance(0);
    assert.equal(clock.pending, 0);
    await server.write(bytes(1));
    assert.equal((await forever).how, "ok");
    await drop(client, server);
  });
});
