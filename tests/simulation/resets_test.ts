/** Resets in simulated time: at every phase of a connection's life. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brief,
  bytes,
  drop,
  later,
  type Outcome,
  type Pair,
  simulate,
  type World,
} from "./world.ts";
import type {
  Channel,
  Closed,
  Handlers,
  SockeyeError,
} from "../../entries/memory.ts";

/** A reset comes from the peer, or from the network, which tells both. */
const culprits = ["peer", "network"] as const;

/** One latency, which is what a reset takes. */
const latency = 10;

interface Phase {
  readonly name: string;
  /** Brings the client there; gives what waits there. */
  reach(pair: Pair, world: World): Promise<Promise<unknown>[]>;
  /** What the waits come to. */
  readonly waits: readonly unknown[];
  /** What `closed` says. */
  readonly how: Closed["how"];
  readonly code: string | undefined;
  /** What a read and a write give after that. */
  readonly after: readonly [read: unknown, write: unknown];
}

const reset = "ECONNRESET";
const closedHere = "ERR_SOCKEYE_CLOSED";

const phases: readonly Phase[] = [
  {
    name: "open, idle, one reads",
    reach: ({ client }) => Promise.resolve([client.read()]),
    waits: [reset],
    how: "reset",
    code: reset,
    after: [reset, reset],
  },
  {
    name: "open, writing, another write and an end behind it",
    reach: ({ client }) =>
      Promise.resolve([
        client.write(bytes(5000)),
        client.write(bytes(10)),
        client.closeWrite(),
        client.read(),
      ]),
    waits: [reset, reset, reset, reset],
    how: "reset",
    code: reset,
    after: [reset, reset],
  },
  {
    name: "we have ended",
    async reach({ client }) {
      await client.closeWrite();
      return [client.read()];
    },
    waits: [reset],
    how: "reset",
    code: reset,
    after: [reset, reset],
  },
  {
    name: "the peer has ended, we write",
    async reach({ client, server }) {
      await server.closeWrite();
      assert.equal(await client.read(), null);
      return [client.write(bytes(5000)), client.read()];
    },
    waits: ["EPIPE", null],
    how: "reset",
    code: "EPIPE",
    after: [null, "EPIPE"],
  },
  {
    name: "closing, with bytes queued",
    reach({ client }) {
      const write = client.write(bytes(5000));
      return Promise.resolve([client.read(), write, client.close()]);
    },
    waits: ["ERR_SOCKEYE_CLOSED", reset, { how: "reset" }],
    how: "reset",
    code: reset,
    after: [closedHere, reset],
  },
  {
    name: "closing, lingering for the peer's end",
    reach: ({ client }) => Promise.resolve([client.close()]),
    waits: [{ how: "reset" }],
    how: "reset",
    code: reset,
    after: [closedHere, reset],
  },
];

for (const { name, reach, waits, how, code, after } of phases) {
  test(`a reset while ${name}`, async () => {
    for (const culprit of culprits) {
      await simulate({ latency, window: 1000 }, async (world) => {
        const { pair, outcome, network, advance, now } = world;
        const both = await pair({ both: { readHighWater: 1 } });
        const { client, server } = both;
        const waiting = (await reach(both, world)).map(outcome);
        await advance(500);
        const start = now();
        if (culprit === "peer") server.abort();
        else network.reset();
        const why = await client.closed;
        assert.equal(now(), start + latency);
        assert.equal(why.how, how);
        assert.equal((why.error as SockeyeError | undefined)?.code, code);
        const settled = await Promise.all(waiting);
        assert.equal(now(), start + latency, "all of them at once");
        assert.deepEqual(settled.map(resultOf), waits);
        const read = resultOf(await outcome(client.read()));
        const write = await outcome(client.write(bytes(1)));
        assert.deepEqual([read, resultOf(write)], after);
        assert.equal(write.error!.bytesTaken, 0);
        assert.match(write.error!.message, /^Cannot write to mem:pair-\d+/);
        assert.equal(client.state, "closed");
        assert.equal(client.bytesQueued, 0);
        assert.deepEqual(await client.close(), why);
        await drop(client, server);
      });
    }
  });
}

/** The value that a promise gave, or the code that it rejected with. */
function resultOf({ how, value }: Outcome): unknown {
  if (how !== "ok") return how;
  if (value === null || typeof value !== "object") return value;
  return { how: (value as Closed).how };
}

test("a reset while connecting: the connect stands, and is reset; or is refused with the listener", async () => {
  await simulate({ latency }, async (world) => {
    const { listen, connect, outcome, advance } = world;
    const listener = await listen("mem:soon");
    const connecting = outcome(connect("mem:soon"));
    await advance(5);
    await listener.close();
    assert.deepEqual(brief(await connecting), ["ECONNREFUSED", 20]);

    const later = await listen("mem:soon");
    const again = outcome(connect("mem:soon"));
    await advance(12);
    await later.close(); // It is in the queue already.
    const { at, how, value } = await again;
    assert.deepEqual([how, at], ["ok", 40]);
    const client = value as Awaited<ReturnType<typeof connect>>;
    assert.equal((await outcome(client.read())).how, reset);
    assert.equal((await client.closed).how, "reset");
  });
});

test("a write that a reset ends says how many of its bytes were taken", async () => {
  await simulate({ latency, window: 1000 }, async (world) => {
    const { pair, outcome, advance } = world;
    const { client, server } = await pair({ server: { readHighWater: 1 } });
    const first = outcome(client.write(bytes(5000)));
    const second = outcome(client.write(bytes(5000)));
    await advance(500);
    server.abort();
    assert.equal((await first).error!.bytesTaken, 2000);
    assert.equal((await second).error!.bytesTaken, 0);
    assert.equal(client.bytesWritten, 2000);
    await drop(client);
  });
});

test("unread bytes stay readable behind a reset, then the error", async () => {
  for (const culprit of culprits) {
    await simulate({ latency }, async ({ pair, outcome, network, advance }) => {
      const { client, server } = await pair();
      await server.write(bytes(500));
      await advance(50);
      if (culprit === "peer") server.abort();
      else network.reset();
      assert.equal((await client.closed).how, "reset");
      assert.equal((await outcome(client.write(bytes(1)))).how, reset);
      assert.deepEqual(await client.read(), bytes(500));
      assert.equal((await outcome(client.read())).how, reset);
      assert.equal((await outcome(client.read())).how, reset);
      await drop(server);
    });
  }
});

test("behind a full inbox the reset is known only after reading, or by a failed write", async () => {
  for (const way of ["read", "write"] as const) {
    await simulate({ latency, chunk: 100 }, async (world) => {
      const { pair, outcome, advance } = world;
      const { client, server } = await pair({ client: { readHighWater: 200 } });
      await server.write(bytes(1000));
      await advance(50);
      server.abort();
      let known = false;
      void client.closed.then(() => known = true);
      await advance(10_000);
      assert.equal(known, false);
      assert.equal(client.bytesRead, 200);
      if (way === "write") {
        const failed = await outcome(client.write(bytes(10)));
        assert.equal(failed.how, reset);
        assert.equal((await client.closed).how, "reset");
        assert.equal(client.bytesRead, 1000);
      }
      const got: number[] = [];
      while (got.length < 1000) got.push(...(await client.read())!);
      assert.deepEqual(Uint8Array.from(got), bytes(1000));
      assert.equal((await outcome(client.read())).how, reset);
      assert.equal((await client.closed).how, "reset");
    });
  }
});

test("paused behind a reset, unread bytes are dropped by close and abort, and nobody waits on", async () => {
  for (const leave of ["close", "abort"] as const) {
    await simulate({ latency }, async (world) => {
      const { pair, serve, connect, outcome, network, advance } = world;
      const { client, server } = await pair();
      client.pause();
      const reading = outcome(client.read());
      await server.write(bytes(5));
      await advance(50);
      network.reset();
      assert.equal((await client.closed).how, "reset");
      await advance(50);
      void client[leave]();
      assert.equal((await reading).how, reset);

      const told: string[] = [];
      let channel: Channel | undefined;
      const serving = await serve("mem:paused", {
        open(opened) {
          channel = opened;
          opened.pause();
        },
        data: () => void told.push("data"),
        closed: (_channel, why) => void told.push(why.how),
      });
      const guest = await connect("mem:paused");
      await guest.write(bytes(5));
      await advance(50);
      network.reset();
      await advance(50);
      assert.deepEqual(told, []);
      void channel![leave]();
      assert.equal((await channel!.closed).how, "reset");
      assert.deepEqual(told, ["reset"]);
      await drop(server, guest);
      await serving.close();
    });
  }
});

test("handlers see all that arrived before the reset, then closed, and no end", async () => {
  for (const culprit of culprits) {
    // Smaller ones might be joined while they wait.
    await simulate({ latency, chunk: 3000 }, async (world) => {
      const { serve, connect, network, advance, note, log, now } = world;
      const handlers: Handlers = {
        async data() {
          note("data");
          await advance(30);
        },
        end: () => note("end"),
        closed: (_channel, why) => note(why.how),
      };
      const server = await serve("mem:reset", handlers);
      const client = await connect("mem:reset");
      const start = now();
      await client.write(bytes(12_000));
      await advance(20);
      if (culprit === "peer") client.abort();
      else network.reset();
      await advance(500);
      assert.deepEqual(
        log.map(([what, at]) => [what, at - start]),
        [["data", 10], ["data", 40], ["data", 70], ["data", 100], [
          "reset",
          100,
        ]],
      );
      assert.equal(server.stats.failed, 1);
      await drop(client);
      await server.close();
    });
  }
});

test("a peer that has ended and then resets: the end stays an end, closed says reset", async () => {
  await simulate(
    { latency },
    async ({ serve, connect, advance, note, log }) => {
      const server = await serve("mem:half", {
        end: () => note("end"),
        closed: (_channel, why) => note(`${why.how} ${codeOf(why.error)}`),
      });
      const client = await connect("mem:half");
      await client.closeWrite();
      await advance(50);
      client.abort();
      await advance(50);
      assert.deepEqual(log.map(([what]) => what), ["end", "reset EPIPE"]);
      await server.close();
    },
  );
});

function codeOf(error: unknown): string {
  return (error as SockeyeError).code;
}

test("a reset after so many bytes: what was taken before it arrives", async () => {
  for (const afterBytes of [0, 1, 999, 1000, 4321]) {
    const faults = [{ kind: "reset" as const, afterBytes }];
    await simulate({ latency, window: 1000, faults }, async (world) => {
      const { pair, outcome } = world;
      const { client, server } = await pair();
      const got: number[] = [];
      const reading = outcome((async () => {
        for await (const chunk of server) got.push(...chunk);
      })());
      const writing = await outcome(client.write(bytes(10_000)));
      assert.equal(writing.how, reset);
      assert.equal((await reading).how, reset);
      assert.deepEqual(Uint8Array.from(got), bytes(afterBytes));
      const taken = writing.error!.bytesTaken!;
      assert.ok(taken >= afterBytes && taken < 10_000, `${taken} taken`);
      await drop(client, server);
    });
  }
});

test("both reset at the same time: each has aborted", async () => {
  await simulate({ latency }, async ({ pair, outcome, now }) => {
    const { client, server } = await pair();
    const start = now();
    later(client.write(bytes(10)));
    client.abort("one");
    server.abort("other");
    assert.deepEqual(await outcome(client.closed), {
      at: start,
      how: "ok",
      value: { how: "abort", error: "one" },
    });
    assert.deepEqual(await server.closed, { how: "abort", error: "other" });
  });
});
