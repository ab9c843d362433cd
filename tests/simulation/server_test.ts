/** Sentence 13 in simulated time: what `server.close({ grace })` lets finish, and when it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, bytes, drop, later, simulate } from "./world.ts";
import type { Handlers, SockeyeError } from "../../entries/memory.ts";

const echo: Handlers = {
  data: (channel, chunk) => void channel.send(chunk),
};

test("those who finish within the grace are drained, the rest aborted at its end", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, note, log, now } = world;
    const server = await serve("mem:bar", {
      ...echo,
      closed: (_channel, why) => note(why.how),
    });
    const guests = await Promise.all(
      Array.from({ length: 4 }, () => connect("mem:bar")),
    );
    await advance(100);
    const start = now();
    const closing = outcome(server.close({ grace: 1000 }));
    await advance(200);
    const first = guests[0]!.close(); // Its end arrives at 210.
    await guests[1]!.write(bytes(5)); // Still served.
    assert.deepEqual(await guests[1]!.read(), bytes(5));
    guests[1]!.abort(); // Its reset arrives at 230.
    const reading = outcome(guests[2]!.read());
    assert.deepEqual(await closing, {
      at: start + 1000,
      how: "ok",
      value: { drained: 2, aborted: 2 },
    });
    assert.deepEqual(log, [
      ["end", start + 210],
      ["reset", start + 230],
      ["drain", start + 1000],
      ["drain", start + 1000],
    ]);
    assert.deepEqual(brief(await reading), ["ECONNRESET", start + 1010]);
    assert.deepEqual(await first, { how: "close" });
    assert.deepEqual(await server.closed, { drained: 2, aborted: 2 });
    assert.equal(server.stats.open, 0);
    await drop(...guests);
  });
});

test("the last who finishes ends it, long before the grace is over", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, now } = world;
    const server = await serve("mem:bar", echo);
    const guests = [await connect("mem:bar"), await connect("mem:bar")];
    const start = now();
    const closing = outcome(server.close({ grace: 60_000 }));
    await advance(300);
    void guests[0]!.close();
    await advance(300);
    void guests[1]!.close();
    assert.deepEqual(await closing, {
      at: start + 610,
      how: "ok",
      value: { drained: 2, aborted: 0 },
    });
    await drop(...guests);
  });
});

test("the default grace is five seconds; none at all aborts at once", async () => {
  await simulate({}, async ({ serve, connect, outcome, advance, now }) => {
    for (const grace of [undefined, 0]) {
      const server = await serve("mem:bar", echo);
      const guest = await connect("mem:bar");
      await advance(10);
      const start = now();
      const closing = await outcome(server.close(grace === 0 ? { grace } : {}));
      assert.deepEqual(closing, {
        at: start + (grace ?? 5000),
        how: "ok",
        value: { drained: 0, aborted: 1 },
      });
      await drop(guest);
    }
  });
});

test("with nobody there it is over at once, and its name is free", async () => {
  await simulate({}, async ({ serve, connect, outcome, now }) => {
    const server = await serve(["mem:one", "mem:two"], echo);
    const start = now();
    assert.deepEqual(await outcome(server.close()), {
      at: start,
      how: "ok",
      value: { drained: 0, aborted: 0 },
    });
    assert.equal((await outcome(connect("mem:two"))).how, "ECONNREFUSED");
    const again = await serve(["mem:one", "mem:two"], echo);
    await again.close();
  });
});

test("a second close may shorten the grace, never lengthen it; both say the same", async () => {
  await simulate({}, async ({ serve, connect, outcome, advance, now }) => {
    for (
      const [then, ends] of [[100, 600], [60_000, 2000], [0, 500]] as const
    ) {
      const server = await serve("mem:bar", echo);
      const guest = await connect("mem:bar");
      await advance(0);
      const start = now();
      const first = outcome(server.close({ grace: 2000 }));
      await advance(500);
      const second = outcome(server.close({ grace: then }));
      const expected = {
        at: start + ends,
        how: "ok",
        value: { drained: 0, aborted: 1 },
      };
      assert.deepEqual(await first, expected);
      assert.deepEqual(await second, expected);
      assert.deepEqual((await outcome(server.close())).value, expected.value);
      await drop(guest);
    }
  });
});

test("nobody is let in while it closes; those who waited to be accepted are reset", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance } = world;
    const server = await serve("mem:bar", echo, { maxConnections: 1 });
    const inside = await connect("mem:bar");
    const outside = await connect("mem:bar");
    await advance(20);
    const reading = outcome(outside.read());
    const closing = server.close({ grace: 1000 });
    assert.equal((await reading).how, "ECONNRESET");
    assert.equal((await outcome(connect("mem:bar"))).how, "ECONNREFUSED");
    await inside.write(bytes(3));
    assert.deepEqual(await inside.read(), bytes(3));
    await inside.close();
    assert.deepEqual(await closing, { drained: 1, aborted: 0 });
    assert.equal(server.stats.accepted, 1);
    await drop(outside);
  });
});

test("handlers that never settle do not outlast the grace", async () => {
  const never = new Promise<never>(() => {});
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, note, log, now } = world;
    const errors: string[] = [];
    const closed = (_channel: unknown, why: { how: string }): void =>
      note(why.how);
    const servers = await Promise.all([
      serve("mem:open", { open: () => never, closed }),
      serve("mem:data", { data: () => never, closed }),
      serve("mem:end", { end: () => never, closed }),
      serve("mem:pull", async (connection) => {
        void connection.closed.then((why) => note(why.how));
        await never;
      }),
      serve("mem:read", async (connection) => {
        void connection.closed.then((why) => note(why.how));
        await connection.read();
      }, { onError: (error) => errors.push((error as SockeyeError).code) }),
    ]);
    const clients = await Promise.all(
      servers.map(({ addresses }) => connect(addresses[0]!)),
    );
    for (const client of clients.slice(0, 4)) {
      await client.write(bytes(100));
      await client.closeWrite();
    }
    await advance(50);
    const start = now();
    const closings = servers.map((server) =>
      outcome(server.close({ grace: 300 }))
    );
    for (const closing of closings) {
      assert.deepEqual(await closing, {
        at: start + 300,
        how: "ok",
        value: { drained: 0, aborted: 1 },
      });
    }
    assert.deepEqual(log, servers.map(() => ["drain", start + 300]));
    // That its own read rejected is the server's doing, and no news.
    assert.deepEqual(errors, []);
    await drop(...clients);
  });
});

test("a peer that takes nothing and says nothing is aborted with the rest", async () => {
  await simulate({ latency: 10, window: 1000 }, async (world) => {
    const { serve, connect, outcome, advance, network, now } = world;
    const server = await serve("mem:bar", {
      open(channel) {
        channel.send(bytes(100_000));
        channel.end();
      },
    });
    const guest = await connect("mem:bar", { readHighWater: 1 });
    await advance(50);
    network.stall(2000);
    const start = now();
    assert.deepEqual(await outcome(server.close({ grace: 700 })), {
      at: start + 700,
      how: "ok",
      value: { drained: 0, aborted: 1 },
    });
    await drop(guest);
    await advance(2000);
  });
});

test("a connection whose handler closes it lingers within the grace", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, now } = world;
    const server = await serve("mem:bar", {
      data(channel, chunk) {
        channel.send(chunk);
        void channel.close();
      },
    }, { lingerTimeout: 400 });
    const guest = await connect("mem:bar");
    await guest.write(bytes(9));
    await advance(10);
    const start = now();
    const closing = outcome(server.close({ grace: 5000 }));
    assert.deepEqual(await guest.read(), bytes(9));
    assert.equal(await guest.read(), null);
    assert.deepEqual(await closing, {
      at: start + 400,
      how: "ok",
      value: { drained: 1, aborted: 0 },
    });
    await guest.close();
  });
});

test("a function that serves is let finish; the connection is closed when it returns", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, now } = world;
    const server = await serve("mem:bar", async (connection) => {
      for await (const chunk of connection) {
        await advance(50);
        await connection.write(chunk);
      }
    });
    const guest = await connect("mem:bar");
    await guest.write(bytes(9));
    await advance(20);
    const start = now();
    const closing: Promise<unknown> = outcome(server.close({ grace: 5000 }));
    await guest.closeWrite();
    assert.deepEqual(await guest.read(), bytes(9));
    assert.equal(await guest.read(), null);
    // The answer left at 40; the end behind it, and the peer's was there.
    assert.deepEqual(await closing, {
      at: start + 40,
      how: "ok",
      value: { drained: 1, aborted: 0 },
    });
    await guest.close();
  });
});

test("a place that is left is given to who waits; beyond reject, they are reset", async () => {
  await simulate({ latency: 10 }, async (world) => {
    const { serve, connect, outcome, advance, now } = world;
    const server = await serve("mem:small", echo, { maxConnections: 2 });
    const inside = [await connect("mem:small"), await connect("mem:small")];
    const third = await connect("mem:small");
    await third.write(bytes(4));
    const answer = outcome(third.read());
    await advance(500);
    const start = now();
    void inside[0]!.close();
    // The end takes 10, ours is sent with it; then it is taken in and served.
    assert.deepEqual(await answer, {
      at: start + 20,
      how: "ok",
      value: bytes(4),
    });
    await drop(...inside, third);
    await server.close();

    const strict = await serve("mem:strict", echo, {
      maxConnections: 1,
      overflow: "reject",
    });
    const only = await connect("mem:strict");
    await advance(20);
    const other = await connect("mem:strict");
    const error = await outcome(other.read());
    assert.equal(error.how, "ECONNRESET");
    assert.ok((error.error as SockeyeError).message.includes("mem:strict"));
    assert.equal(strict.stats.rejected, 1);
    await drop(only, other);
    await later(strict.close());
  });
});
