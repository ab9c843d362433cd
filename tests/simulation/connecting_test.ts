/** Connecting in simulated time: networks that are slow, silent, or say no. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, bytes, drop, simulate } from "./world.ts";

test("a slow network is waited for, but no longer than the timeout", async () => {
  await simulate({ latency: 150 }, async (world) => {
    const { listen, connect, outcome, advance } = world;
    const listener = await listen("mem:far");
    const late = await outcome(connect("mem:far", { timeout: 299 }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", 299]);
    assert.match(late.error!.message, /^Cannot connect to mem:far: the time/);
    await advance(1000);
    // The half-open connection that it left was accepted in advance and reset.
    const open = await outcome(connect("mem:far", { timeout: 301 }));
    assert.deepEqual(brief(open), ["ok", 1299 + 300]);
    await drop(open.value as Awaited<ReturnType<typeof connect>>);
    await listener.close();
  });
});

test("a refused connect rejects once, after its round trip, however long it may take", async () => {
  await simulate({ latency: 40 }, async ({ connect, outcome, network }) => {
    const refused = await outcome(connect("mem:nobody", { timeout: 5000 }));
    assert.deepEqual(brief(refused), ["ECONNREFUSED", 80]);
    assert.match(refused.error!.message, /^Cannot connect to mem:nobody: /);
    assert.equal(network.descriptors, 0);
  });
});

test("a silent network is given up at the timeout or the signal, and nothing is left", async () => {
  await simulate({ latency: Infinity }, async (world) => {
    const { connect, outcome, network, advance } = world;
    const late = await outcome(connect("mem:void", { timeout: 30_000 }));
    assert.deepEqual(brief(late), ["ETIMEDOUT", 30_000]);
    assert.equal(network.descriptors, 0);

    const stop = new AbortController();
    const reason = new Error("Enough");
    const stopped = outcome(
      connect("mem:void", { timeout: 30_000, signal: stop.signal }),
    );
    await advance(12);
    assert.equal(network.descriptors, 1);
    stop.abort(reason);
    assert.deepEqual(brief(await stopped), [reason, 30_012]);
    assert.equal(network.descriptors, 0);
  });
});

test("a connect with no timeout waits as long as the network does", async () => {
  await simulate({ latency: 3_000_000 }, async (world) => {
    const { listen, connect, outcome } = world;
    const listener = await listen("mem:mars");
    const open = await outcome(connect("mem:mars"));
    assert.deepEqual(brief(open), ["ok", 6_000_000]);
    await drop(open.value as Awaited<ReturnType<typeof connect>>);
    await listener.close();
    await world.advance(3_000_000);
  });
});

test("a signal that fires once the connection stands leaves it alone", async () => {
  await simulate({ latency: 5 }, async ({ listen, connect, advance }) => {
    const listener = await listen("mem:steady");
    const stop = new AbortController();
    const client = await connect("mem:steady", {
      signal: stop.signal,
      timeout: 11,
    });
    const server = await listener.accept();
    stop.abort();
    await advance(100);
    await client.write(bytes(3));
    assert.deepEqual(await server.read(), bytes(3));
    await drop(client, server);
    await listener.close();
  });
});

test("who is behind the backlog waits; a timeout gives the place in the queue back", async () => {
  await simulate({}, async (world) => {
    const { listen, connect, outcome, advance } = world;
    const listener = await listen("mem:crowd", { backlog: 1 });
    listener.pause();
    const first = await connect("mem:crowd"); // Taken in advance, or queued.
    const waits = [400, 100, Infinity].map((timeout) =>
      outcome(connect("mem:crowd", { timeout }))
    );
    await advance(200);
    listener.resume();
    const accepted = [await listener.accept(), await listener.accept()];
    const outcomes = await Promise.all(waits);
    assert.equal(outcomes[1]!.how, "ETIMEDOUT");
    assert.equal(outcomes[1]!.at, 100);
    assert.deepEqual(outcomes.map(({ how }) => how), ["ok", "ETIMEDOUT", "ok"]);
    accepted.push(await listener.accept());
    type Open = typeof first;
    await drop(
      first,
      outcomes[0]!.value as Open,
      outcomes[2]!.value as Open,
      ...accepted,
    );
    await listener.close();
  });
});

test("a reset in the accept queue costs nobody else: it is accepted and is over, or counted", async () => {
  for (const acceptFails of [false, true]) {
    await simulate({ latency: 10 }, async (world) => {
      const { serve, connect, network, outcome, log, note } = world;
      const server = await serve("mem:queue", {
        data: (channel, chunk) => void channel.send(chunk),
        closed: (_channel, why) => note(why.how),
      });
      network.inject({ kind: "resetInQueue", count: 3, acceptFails });
      for (let count = 0; count < 3; count++) {
        const client = await connect("mem:queue");
        assert.equal((await outcome(client.read())).how, "ECONNRESET");
        assert.equal((await client.closed).how, "reset");
      }
      const good = await connect("mem:queue");
      await good.write(bytes(5));
      assert.deepEqual(await good.read(), bytes(5));
      const { accepted, acceptErrors, failed, open } = server.stats;
      const counts = acceptFails ? [1, 3, 0, 1] : [4, 0, 3, 1];
      assert.deepEqual([accepted, acceptErrors, failed, open], counts);
      assert.equal(log.length, acceptFails ? 0 : 3);
      await good.close();
      await server.close();
    });
  }
});

test("an accept that fails for want of descriptors is tried again, 5 ms doubling to 1 s", async () => {
  await simulate({}, async (world) => {
    const { listen, connect, network, note, log, now } = world;
    const listener = await listen("mem:full", {
      onError: (error) => note((error as { code: string }).code),
    });
    const start = now();
    const lift = network.inject({ kind: "acceptError", code: "ENOBUFS" });
    const client = await connect("mem:full");
    await world.advance(3400);
    lift();
    const server = await listener.accept();
    const waits = [0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275];
    assert.deepEqual(
      log,
      waits.map((at) => ["ENOBUFS", start + at]),
    );
    assert.equal(now(), start + 4275);
    await drop(client, server);
    await listener.close();
  });
});
