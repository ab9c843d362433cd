/** Servers whose handlers run in child processes and threads. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { serve, type ServeOptions, SockeyeError } from "../../mod.ts";
import {
  idOf,
  isThere,
  moduleNamed,
  pools,
  strategies,
  until,
  withChildren,
} from "./fixtures.ts";

for (const strategy of strategies) {
  test(`${strategy}: clients over both transports get their bytes, and the end behind them`, async () => {
    await withChildren({ strategy }, async ({ server, client }) => {
      const texts = Array.from(
        { length: 12 },
        (_, i) => `${i} `.repeat(i * 997),
      );
      const answers = await Promise.all(texts.map(async (text, i) => {
        const one = await client("echo", i % 2);
        await one.say(text);
        return await one.finish();
      }));
      // A difference of such texts is not to be printed.
      texts.forEach((text, i) => assert.ok(answers[i] === `${text}\n`, `${i}`));
      await until("all are counted", () => server.stats.open === 0);
      const { accepted, failed, children } = server.stats;
      assert.deepEqual([accepted, failed, children!.lost], [12, 0, 0]);
    });
  });

  test(`${strategy}: the bytes of a connection that stays are counted as well`, async () => {
    await withChildren({ strategy }, async ({ server, client }) => {
      const one = await client("echo");
      await until("it is counted", () => server.stats.bytesRead === 5);
      for (const total of [7, 9]) {
        await one.say("x");
        assert.equal(await one.line(), "x");
        await until("so are they", () => server.stats.bytesRead === total);
      }
      assert.equal(server.stats.open, 1);
    });
  });

  const ways = strategy === "workers"
    ? ["exit", "throw", "reject"]
    : ["SIGKILL", "exit"];
  for (const way of ways) {
    test(`${strategy}: a child that dies (${way}) costs its own connection`, async () => {
      const onError = (): void => {};
      await withChildren({ strategy, onError }, async (world) => {
        const { server, client, ready, lives } = world;
        const first = await client("dies");
        const id = Number(await first.line());
        let other = await client("id", 1);
        while (Number(await other.line()) === id) other = await client("id", 1);
        if (way === "SIGKILL") process.kill(id, way);
        else await first.say(way);
        assert.equal(await first.line(), null);
        await other.say("still here");
        assert.equal(await other.line(), "still here");
        await until("it is reaped", () => !lives(id));
        await until("it is counted", () => server.stats.children!.lost >= 1);
        await until("its place is taken", () => ready().length >= 1);
        assert.notEqual(await (await client("id")).line(), String(id));
      });
    });
  }

  test(`${strategy}: a stuck child delays nobody, and is killed behind the grace`, async () => {
    await withChildren({ strategy }, async (world) => {
      const { server, client, ready, lives } = world;
      const stuck = await client("stuck");
      const id = Number(await stuck.line());
      for (let i = 0; i < 10; i++) {
        assert.equal(await (await client("echo", i % 2)).finish(), "");
      }
      await until(
        "others are ready",
        () => ready().some((c) => idOf(c) !== id),
      );
      const { aborted } = await server.close({ grace: 300 });
      assert.equal(aborted, 1);
      // On a busy machine others may be late as well.
      assert.ok(server.stats.children!.killed >= 1);
      assert.ok(!lives(id));
      assert.equal(await stuck.line(), null);
    });
  });

  test(`${strategy}: a module that cannot serve is told by what it threw`, async () => {
    const cases: [name: string, message: RegExp][] = [
      ["throws", /before it was ready: TypeError: Nothing of the kind/],
      ["exits", /before it was ready, with status 7/],
      ["nothing", /before it was ready: .*expected handlers or a function/],
      ["unstarted", /before it was ready: RangeError: Not with undefined/],
    ];
    for (const [name, message] of cases) {
      await assert.rejects(
        serve("tcp://:0", moduleNamed(name), {
          strategy,
          signals: false,
          onError: () => {},
        }),
        (error) => {
          assert.ok(error instanceof SockeyeError);
          assert.equal(error.code, "ECHILD");
          assert.match(error.message, /^Cannot serve tcp:.*children in a row/);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });

  test(`${strategy}: what a handler throws is told, and the others go on`, async () => {
    const errors: Error[] = [];
    const onError = (error: unknown): void => void errors.push(error as Error);
    await withChildren({ strategy, onError }, async ({ server, client }) => {
      const other = await client("echo");
      const bad = await client("throw", 1);
      assert.equal(await bad.line(), null);
      await until("it is told", () => errors.length === 1);
      assert.equal(errors[0]!.name, "RangeError");
      assert.equal(errors[0]!.message, "As asked");
      await other.say("on");
      assert.equal(await other.line(), "on");
      await until("it is counted", () => server.stats.failed === 1);
    });
  });

  test(`${strategy}: a broadcast reaches every child`, async () => {
    await withChildren({ strategy }, async ({ server, client, ready }) => {
      await until("some are ready", () => ready().length > 0);
      const message = { motd: "hello", n: [1, 2] };
      assert.ok(server.broadcast(message) > 0);
      // One that started meanwhile has heard nothing.
      await until("one has heard", async () => {
        const heard = await (await client("heard")).line();
        return heard === JSON.stringify(message);
      });
    });
  });

  test(`${strategy}: each child is told its data before it serves, and when to finish`, async () => {
    const childData = { root: "/srv", list: [1, null, "ü"] };
    await withChildren({ strategy, childData }, async ({ server, client }) => {
      const told = await Promise.all([client("told"), client("told", 1)]);
      for (const one of told) {
        assert.equal(await one.line(), JSON.stringify(childData));
        assert.equal(await one.finish(), "");
      }
      const last = await client("finish");
      assert.equal(await last.line(), "in time");
      const closed = server.close({ grace: 20_000 });
      assert.equal(await last.line(), "finished");
      assert.equal(await last.line(), null);
      assert.deepEqual((await closed).aborted, 0);
    });
  });

  test(`${strategy}: what cannot be sent to a child is refused, not lost`, async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const never = [() => {}, Symbol("none")];
    // What only processes cannot be told: threads have it cloned.
    const wrong = strategy === "workers" ? never : [...never, 1n, circle];
    for (const childData of wrong) {
      const options = { strategy, signals: false, childData };
      await assert.rejects(
        serve("tcp://:0", moduleNamed("handlers"), options),
        { code: "EINVAL", message: /^Option childData is what cannot be sent/ },
      );
    }
    await withChildren({ strategy }, async ({ server, client, ready }) => {
      await until("some are ready", () => ready().length > 0);
      const refused = { code: "EINVAL", message: /^The message is what/ };
      for (const one of wrong) {
        assert.throws(() => server.broadcast(one), refused);
      }
      assert.equal(await (await client("echo")).finish(), "");
    });
  });

  test(`${strategy}: closing lets who is there finish`, async () => {
    await withChildren({ strategy }, async ({ server, client }) => {
      const one = await client("echo");
      await one.say("before");
      assert.equal(await one.line(), "before");
      const closed = server.close({ grace: 20_000 });
      await one.say("after");
      assert.equal(await one.line(), "after");
      assert.equal(await one.finish(), "");
      assert.deepEqual(await closed, { drained: 1, aborted: 0 });
    });
  });
}

test("process: each connection has a process of its own, which goes with it", async () => {
  await withChildren({ strategy: "process" }, async ({ client }) => {
    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, i) => client("id", i % 2)),
    );
    const pids = await Promise.all(clients.map((one) => one.line()));
    assert.equal(new Set(pids).size, 6);
    assert.ok(!pids.includes(String(process.pid)));
    await Promise.all(clients.map((one) => one.finish()));
    await until(
      "they are gone",
      () => !pids.some((pid) => isThere(Number(pid))),
    );
  });
});

test("process: beyond maxChildren clients wait, and are served in turn", async () => {
  const options = { strategy: "process", maxChildren: 2 } as const;
  await withChildren(options, async ({ server, client }) => {
    const held = [await client("id"), await client("id", 1)];
    for (const one of held) assert.ok(isThere(Number(await one.line())));
    const third = await client("id");
    assert.ok(server.stats.children!.alive.length <= 2);
    assert.equal(server.stats.accepted, 2);
    await held[0]!.finish();
    assert.ok(isThere(Number(await third.line())));
  });
});

test("process: a child can be made to serve several, one after the other", async () => {
  await withChildren({
    strategy: "process",
    maxChildren: 1,
    maxConnectionsPerChild: 3,
  }, async ({ client }) => {
    const pids: (string | null)[] = [];
    for (let i = 0; i < 6; i++) {
      const one = await client("id", i % 2);
      pids.push(await one.line());
      await one.finish();
    }
    assert.equal(new Set(pids).size, 2);
    assert.deepEqual(
      pids,
      [...pids].sort((a, b) => pids.indexOf(a) - pids.indexOf(b)),
    );
  });
});

for (const strategy of pools) {
  test(`${strategy}: all members get work, over both transports`, async () => {
    const options = { strategy, children: 3 };
    await withChildren(options, async ({ client, ready }) => {
      await until("all are ready", () => ready().length === 3);
      const members = new Set(ready().map((child) => String(idOf(child))));
      for (const at of [0, 1]) {
        const seen = new Set<string | null>();
        await until("all have served", async () => {
          // Several at once: one that is alone goes to whoever wakes first.
          const some = await Promise.all(
            Array.from({ length: 6 }, () => client("id", at)),
          );
          for (const one of some) seen.add(await one.line());
          for (const one of some) await one.finish();
          return seen.size === 3;
        });
        assert.deepEqual(seen, members);
      }
    });
  });

  test(`${strategy}: a restart replaces all members, and no client notices`, async () => {
    const options = { strategy, children: 2 };
    await withChildren(options, async ({ server, client, ready, lives }) => {
      await until("all are ready", () => ready().length === 2);
      const before = ready().map(idOf);
      const held = await client("echo");
      server.restart();
      await until("all are new", async () => {
        const one = await client("echo", 1);
        await one.say("in between");
        assert.equal(await one.finish(), "in between\n");
        return ready().length === 2 &&
          ready().every((child) => !before.includes(idOf(child)));
      });
      await held.say("still here");
      assert.equal(await held.line(), "still here");
      assert.equal(await held.finish(), "");
      await until("the old are gone", () => !before.some(lives));
      assert.equal(server.stats.failed, 0);
    });
  });

  test(`${strategy}: a member is replaced when it has served enough`, async () => {
    await withChildren({
      strategy,
      children: 1,
      maxConnectionsPerChild: 5,
    }, async ({ server, client }) => {
      await until("three have come", async () => {
        assert.equal(await (await client("echo")).finish(), "");
        return server.stats.children!.started >= 3;
      });
      assert.ok(server.stats.accepted >= 5);
    });
  });
}

test("workers: memory that is shared stays shared", async () => {
  const memory = new Int32Array(new SharedArrayBuffer(4));
  const options = { strategy: "workers", childData: { memory } } as const;
  await withChildren(options, async ({ client }) => {
    const some = await Promise.all([client("count"), client("count", 1)]);
    for (const one of some) assert.equal(await one.line(), "counted");
    assert.equal(Atomics.load(memory, 0), 2);
  });
});

test("children: what hangs while it is loaded is given up in time", async () => {
  await assert.rejects(
    serve("tcp://:0", moduleNamed("hangs"), {
      strategy: "process",
      signals: false,
      startTimeout: 200,
      onError: () => {},
    }),
    { code: "ECHILD", message: /because it was not ready in time/ },
  );
});

test("children: a signal ends the start, and nothing is left", async () => {
  const stop = new AbortController();
  const reason = new Error("Enough");
  const starting = serve("tcp://:0", moduleNamed("hangs"), {
    strategy: "prefork",
    signals: false,
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(reason), 50);
  await assert.rejects(starting, reason);
});

test("children: what cannot be handed over is refused, with the reason", async () => {
  const module = moduleNamed("handlers");
  for (const at of ["fifo:/tmp/none", "mem:none", "unix:@none"]) {
    await assert.rejects(
      serve(at, module, { strategy: "process", signals: false }),
      { code: "ERR_SOCKEYE_UNSUPPORTED", message: /Cannot serve by children/ },
    );
  }
  await assert.rejects(
    serve("unix:none", module, { strategy: "prefork", identify: true }),
    { code: "ERR_SOCKEYE_UNSUPPORTED" },
  );
  await assert.rejects(
    serve("tcp://:0", module, { strategy: "threads" as "process" }),
    { code: "ERR_SOCKEYE_UNSUPPORTED", message: /strategy is "threads"/ },
  );
  const given = { strategy: "prefork" as string } as ServeOptions;
  await assert.rejects(
    serve("tcp://:0", {}, given),
    { code: "EINVAL", message: /takes the URL of a module/ },
  );
});

test("children: options out of range", async () => {
  const module = moduleNamed("handlers");
  const wrong: [name: string, ...values: unknown[]][] = [
    ["maxChildren", 0, 1.5, "2", NaN],
    ["maxConnectionsPerChild", 0, -1, "1"],
    ["maxAge", 0, NaN, "1"],
    ["startTimeout", 0, null],
    ["signals", 1, "yes"],
    ["grace", -1, NaN],
    ["children", 2], // of the other strategy
    ["spareChildren", -1, 0.5],
  ];
  for (const [name, ...values] of wrong) {
    for (const value of values) {
      await assert.rejects(
        serve("tcp://:0", module, { strategy: "process", [name]: value }),
        { code: "EINVAL", message: new RegExp(`${name} is .*, expected `) },
      );
    }
  }
});
