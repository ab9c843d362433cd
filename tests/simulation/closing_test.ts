/** Sentences 2, 5 and 6 in simulated time: half-open, close, abort, and what `closed` says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brief,
  bytes,
  drop,
  later,
  type Pair,
  readAll,
  simulate,
} from "./world.ts";

/** What each end's `closed` says, and when. */
async function ends(
  { client, server }: Pair,
  now: () => number,
): Promise<[string, number, string, number]> {
  let clientAt = NaN;
  let serverAt = NaN;
  const [a, b] = await Promise.all([
    client.closed.finally(() => clientAt = now()),
    server.closed.finally(() => serverAt = now()),
  ]);
  return [a.how, clientAt, b.how, serverAt];
}

test("flushing is bounded by the time since bytes were last taken", async () => {
  await simulate({ window: 1000 }, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    client.send(bytes(5000));
    await advance(7);
    const start = now();
    const closing = outcome(client.close());
    await advance(20_000);
    await server.read(); // Makes room for 1000 more: 3000 are taken now.
    const { at, value } = await closing;
    assert.equal(at, start + 50_000);
    const why = value as Awaited<typeof client.closed>;
    assert.equal(why.how, "timeout");
    assert.match(
      (why.error as Error).message,
      /^Cannot flush 2000 bytes: none was taken in 30000 ms, state is "drain/,
    );
    assert.equal(client.bytesWritten, 3000);
    assert.equal((await outcome(readAll(server))).how, "ECONNRESET");
    await drop(server);
  });
});

test("a peer that takes a little now and then is flushed to, however long it takes", async () => {
  await simulate({ window: 1000 }, async (world) => {
    const { pair, now, advance } = world;
    const { client, server } = await pair({
      client: { flushTimeout: 500 },
      server: { readHighWater: 1 },
    });
    client.send(bytes(20_000));
    const start = now();
    const closing = client.close();
    const got: number[] = [];
    for (let next = await server.read(); next !== null;) {
      got.push(...next);
      await advance(499);
      next = await server.read();
    }
    assert.deepEqual(Uint8Array.from(got), bytes(20_000));
    assert.ok(now() - start > 5000);
    await server.close();
    assert.deepEqual(await closing, { how: "close" });
  });
});

test("the peer's end is no progress of what is flushed", async () => {
  await simulate({ window: 1000 }, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair({
      client: { flushTimeout: 1000 },
      server: { readHighWater: 1 },
    });
    client.send(bytes(5000));
    const start = now();
    const closing = outcome(client.close());
    await advance(700);
    await server.closeWrite();
    assert.deepEqual(brief(await closing), ["ok", start + 1000]);
    assert.equal((await client.closed).how, "timeout");
    await drop(server);
  });
});

test("lingering begins when the end is handed over, and is over in its time", async () => {
  const cases = [
    { shutdownDelay: 0 },
    { shutdownDelay: 300 },
    { shutdownDelay: 300, client: { lingerTimeout: 0 } },
    { shutdownDelay: 0, client: { lingerTimeout: 77 } },
  ];
  for (const { shutdownDelay, client } of cases) {
    const lingerTimeout = client?.lingerTimeout ?? 2000;
    await simulate({ shutdownDelay }, async (world) => {
      const { pair, outcome, now } = world;
      const both = await pair({ client });
      const start = now();
      const closing = outcome(both.client.close());
      assert.equal(await both.server.read(), null);
      const { at, value } = await closing;
      assert.equal(at, start + shutdownDelay + lingerTimeout);
      assert.deepEqual(value, { how: "close" });
      // It learns of nothing: the peer had ended, and it may yet send.
      assert.equal(both.server.state, "halfClosedRemote");
      assert.deepEqual(await both.server.close(), { how: "end" });
    });
  }
});

test("an end that was handed over long ago: lingering begins with the close", async () => {
  await simulate({}, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair();
    await client.closeWrite();
    await advance(10_000);
    const start = now();
    const closing = await outcome(client.close());
    assert.deepEqual(brief(closing), ["ok", start + 2000]);
    await server.close();
  });
});

test("the peer's end ends the lingering", async () => {
  await simulate({ latency: 10 }, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair();
    const start = now();
    const closing = outcome(client.close());
    assert.equal(await server.read(), null);
    await advance(1490);
    await server.closeWrite();
    assert.deepEqual(await closing, {
      at: start + 10 + 1490 + 10,
      how: "ok",
      value: { how: "close" },
    });
    assert.deepEqual(await server.close(), { how: "end" });
  });
});

test("what arrives while lingering is dropped, so that the peer reads all; there is a cap", async () => {
  await simulate({ latency: 1 }, async ({ pair, outcome, now }) => {
    const { client, server } = await pair();
    client.send(bytes(100_000));
    const start = now();
    const closing = outcome(client.close());
    await server.write(bytes(1 << 20)); // As much as is dropped.
    assert.deepEqual(await readAll(server), bytes(100_000));
    assert.equal(client.state, "draining");
    const more = later(server.write(bytes(1 << 20)));
    const { at, how } = await closing;
    assert.equal(how, "ok");
    assert.ok(at < start + 1000, `lingered until ${at}`);
    assert.equal((await outcome(more)).how, "EPIPE");
    await drop(server);
  });
});

test("close sends all that is queued first: write after write, and sends", async () => {
  await simulate({ latency: 10, window: 100 }, async (world) => {
    const { pair, outcome } = world;
    const { client, server } = await pair();
    const sent: number[] = [];
    const writes = Array.from({ length: 20 }, (_, index) => {
      const part = bytes(50 + index, index);
      sent.push(...part);
      if (index % 3 === 0) return void client.send(part);
      return outcome(client.write(part));
    });
    const closing = client.close();
    assert.deepEqual(await readAll(server), Uint8Array.from(sent));
    const settled = await Promise.all(writes);
    assert.ok(settled.every((one) => one === undefined || one.how === "ok"));
    await server.close();
    assert.deepEqual(await closing, { how: "close" });
  });
});

test("both close at the same time: neither is reset, each of them closed first", async () => {
  await simulate({ latency: 10 }, async ({ pair, now, advance }) => {
    const both = await pair();
    both.client.send(bytes(3000));
    both.server.send(bytes(3000));
    await advance(3);
    const start = now();
    void both.client.close();
    void both.server.close();
    const at = start + 10;
    assert.deepEqual(await ends(both, now), ["close", at, "close", at]);
  });
});

test("both shut down at the same time: one end each, and nothing goes by itself", async () => {
  await simulate({ latency: 10 }, async ({ pair, now, outcome, advance }) => {
    const both = await pair();
    const start = now();
    const all = await Promise.all([
      outcome(both.client.closeWrite()),
      outcome(both.server.closeWrite()),
      outcome(both.client.read()),
      outcome(both.server.read()),
    ]);
    assert.deepEqual(all.map(({ how }) => how), ["ok", "ok", "ok", "ok"]);
    assert.deepEqual(all.map(({ at }) => at - start), [0, 0, 10, 10]);
    assert.deepEqual([all[2]!.value, all[3]!.value], [null, null]);
    await advance(60_000);
    assert.equal(both.client.state, "draining");
    assert.equal(both.server.state, "draining");
    assert.equal(await both.client.read(), null);
    void both.client.close();
    void both.server.close();
    const at = start + 60_010;
    assert.deepEqual(await ends(both, now), ["end", at, "end", at]);
  });
});

test("half-open is the default: after the peer's end all that is written arrives", async () => {
  await simulate({ latency: 10 }, async ({ pair, advance }) => {
    const { client, server } = await pair();
    await client.write(bytes(5));
    await client.closeWrite();
    assert.deepEqual(await readAll(server), bytes(5));
    await advance(3_600_000);
    const answer = later(readAll(client));
    await server.write(bytes(300_000));
    assert.deepEqual(await server.close(), { how: "end" });
    assert.deepEqual(await answer, bytes(300_000));
    assert.deepEqual(await client.close(), { how: "end" });
  });
});

test("allowHalfOpen false: our end follows the peer's, behind what is queued", async () => {
  await simulate({ latency: 10, window: 100 }, async (world) => {
    const { pair } = world;
    const { client, server } = await pair({ server: { allowHalfOpen: false } });
    const writing = server.write(bytes(1000));
    await client.closeWrite();
    assert.equal(await server.read(), null);
    assert.deepEqual(await readAll(client), bytes(1000));
    await writing;
    await assert.rejects(server.write(bytes(1)), {
      code: "ERR_SOCKEYE_STATE",
      message: /^Cannot write to mem:.*: state is "draining"$/,
      bytesTaken: 0,
    });
    assert.deepEqual(await server.close(), { how: "end" });
    assert.deepEqual(await client.close(), { how: "end" });
  });
});

test("an abort is now: what waits rejects, the peer learns of it one latency later", async () => {
  await simulate({ latency: 10, window: 100 }, async (world) => {
    const { pair, outcome, now } = world;
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    const waits = [
      client.read(),
      client.write(bytes(1000)),
      client.write(bytes(10)),
      client.closeWrite(),
    ].map(outcome);
    const reading = outcome(readAll(server));
    const start = now();
    client.abort(new Error("Enough"));
    const settled = await Promise.all(waits);
    assert.deepEqual(
      settled.map(brief),
      waits.map(() => ["ECONNABORTED", start]),
    );
    const { error } = settled[2]!;
    assert.equal(error!.bytesTaken, 0);
    assert.match(error!.message, /^Cannot write to mem:.*it was aborted here$/);
    assert.equal(String((error as Error).cause), "Error: Enough");
    const why = await client.closed;
    assert.equal(why.how, "abort");
    assert.equal((why.error as Error).message, "Enough");
    assert.deepEqual(brief(await reading), ["ECONNRESET", start + 10]);
    assert.equal((await server.closed).how, "reset");
    await drop(server);
  });
});

test("an abort while closing ends it now; the first reason stays", async () => {
  await simulate({ window: 100 }, async ({ pair, outcome, now, advance }) => {
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    client.send(bytes(1000));
    const closing = outcome(client.close());
    await advance(500);
    const start = now();
    client.abort("first");
    client.abort("second");
    void client.close();
    assert.deepEqual(await closing, {
      at: start,
      how: "ok",
      value: { how: "abort", error: "first" },
    });
    await drop(server);
  });
});

test("close ends the waits of both directions in their own ways", async () => {
  await simulate({ latency: 10, window: 100 }, async (world) => {
    const { pair, outcome, now } = world;
    const { client, server } = await pair();
    const start = now();
    const reading = outcome(client.read());
    const writing = outcome(client.write(bytes(150)));
    const shutting = outcome(client.closeWrite());
    const closing = client.close();
    assert.deepEqual(brief(await reading), ["ERR_SOCKEYE_CLOSED", start]);
    for (const late of [client.write(bytes(1)), client.read()]) {
      const { how, error } = await outcome(late);
      assert.equal(how, "ERR_SOCKEYE_CLOSED");
      assert.match(error!.message, /mem:.*: it was closed here$/);
    }
    assert.throws(() => client.send(bytes(1)), { code: "ERR_SOCKEYE_CLOSED" });
    const all = readAll(server);
    assert.deepEqual(brief(await writing), ["ok", start + 20]);
    assert.deepEqual(brief(await shutting), ["ok", start + 20]);
    assert.deepEqual(await all, bytes(150));
    await assert.rejects(client.read(), { code: "ERR_SOCKEYE_CLOSED" });
    await server.close();
    await closing;
    await assert.rejects(client.read(), { code: "ERR_SOCKEYE_CLOSED" });
  });
});

test("a connection with unread bytes loses nothing of what it wrote when it closes", async () => {
  await simulate({ latency: 10 }, async ({ pair, advance }) => {
    const { client, server } = await pair();
    await server.write(bytes(200_000).subarray(0, 65_536));
    await advance(100);
    await client.write(bytes(30_000));
    const closing = client.close();
    assert.deepEqual(await readAll(server), bytes(30_000));
    await server.close();
    assert.deepEqual(await closing, { how: "close" });
  });
});

test("the five outcomes of a read that waits, each at its time", async () => {
  await simulate({ latency: 10 }, async ({ pair, outcome, now, network }) => {
    const got: [unknown, number, unknown?][] = [];
    const read = async (act: (pair: Pair) => unknown): Promise<void> => {
      const both = await pair();
      const start = now();
      const reading = outcome(both.client.read({ timeout: 25 }));
      act(both);
      const { how, at, value } = await reading;
      got.push(how === "ok" ? [how, at - start, value] : [how, at - start]);
      await drop(both.client, both.server);
    };
    await read(({ server }) => void server.closeWrite());
    await read(({ server }) => void server.abort());
    await read(() => network.reset());
    await read(({ client }) => void client.close());
    await read(() => {});
    await read(({ client }) => client.abort());
    assert.deepEqual(got, [
      ["ok", 10, null],
      ["ECONNRESET", 10],
      ["ECONNRESET", 10],
      ["ERR_SOCKEYE_CLOSED", 0],
      ["ETIMEDOUT", 25],
      ["ECONNABORTED", 0],
    ]);
  });
});
