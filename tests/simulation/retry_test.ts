/** Connecting again, in simulated time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection, SockeyeError } from "../../entries/memory.ts";
import { brief, drop, later, simulate } from "./world.ts";

const retry = { attempts: 5, minDelay: 100, maxDelay: 300 };

test("a client that comes first waits for its server, in pauses that grow", async () => {
  await simulate({}, async (world) => {
    const { connect, listen, outcome, advance, now } = world;
    const failures: [code: string, count: number, at: number][] = [];
    const connecting = outcome(connect("mem:late", {
      retry: {
        ...retry,
        onFailure: ({ code }: SockeyeError, count) => {
          failures.push([code, count, now()]);
        },
      },
    }));
    await advance(350);
    const listener = await listen("mem:late");
    const open = await connecting;
    assert.equal(open.how, "ok");
    const pauses = failures.map(([, , at], i) =>
      (failures[i + 1]?.[2] ?? open.at) - at
    );
    assert.deepEqual(
      failures.map(([code, count]) => [code, count]),
      pauses.map((_, i) => ["ECONNREFUSED", i + 1]),
    );
    // Chance takes up to half of each away.
    [100, 200, 300, 300].slice(0, pauses.length).forEach((whole, i) => {
      assert.ok(
        pauses[i]! >= whole / 2 && pauses[i]! <= whole + 1,
        `${pauses}`,
      );
    });
    assert.ok(open.at >= 350 && open.at <= 350 + 301);
    await drop(open.value as Connection, await listener.accept());
    await listener.close();
  });
});

test("after the last attempt the last failure is told, and nothing is left", async () => {
  await simulate({ latency: 10 }, async ({ connect, outcome, now }) => {
    const counts: number[] = [];
    const onFailure = (_: SockeyeError, count: number) =>
      void counts.push(count);
    const given = await outcome(
      connect("mem:nobody", { retry: { ...retry, onFailure } }),
    );
    assert.equal(given.how, "ECONNREFUSED");
    assert.match(
      given.error!.message,
      /^Cannot connect to mem:nobody: the con/,
    );
    assert.deepEqual(counts, [1, 2, 3, 4, 5]);
    // Five round trips and four pauses.
    assert.ok(now() >= 100 + 900 / 2 && now() <= 100 + 904, `${now()}`);
  });
});

test("the timeout spans all attempts, and ends a pause as well as an attempt", async () => {
  await simulate({}, async ({ connect, outcome }) => {
    const given = await outcome(connect("mem:nobody", {
      timeout: 40,
      retry: { ...retry, attempts: Infinity },
    }));
    assert.deepEqual(brief(given), ["ETIMEDOUT", 40]);
    assert.match(
      given.error!.message,
      /the time was over, 1 attempt had failed$/,
    );
    const { cause } = given.error as unknown as Error;
    assert.equal((cause as SockeyeError).code, "ECONNREFUSED");
  });
  await simulate(
    { latency: Infinity },
    async ({ connect, outcome, network }) => {
      const given = await outcome(connect("mem:void", { timeout: 40, retry }));
      assert.deepEqual(brief(given), ["ETIMEDOUT", 40]);
      assert.equal(network.descriptors, 0);
    },
  );
});

test("a signal ends a pause at once, with its reason", async () => {
  await simulate({}, async ({ connect, outcome, advance }) => {
    const stop = new AbortController();
    const reason = new Error("Enough");
    const given = outcome(
      later(connect("mem:nobody", { signal: stop.signal, retry })),
    );
    await advance(20);
    stop.abort(reason);
    assert.deepEqual(brief(await given), [reason, 20]);
  });
});

test("many who lost one server do not come back at the same moment", async () => {
  await simulate({ seed: 5 }, async ({ connect, outcome }) => {
    const given = await Promise.all(
      Array.from(
        { length: 50 },
        () =>
          outcome(connect("mem:gone", { retry: { ...retry, attempts: 2 } })),
      ),
    );
    const times = given.map(({ at }) => at);
    assert.ok(times.every((at) => at >= 50 && at <= 101), `${times}`);
    assert.ok(new Set(times).size > 20, `${new Set(times).size} moments`);
  });
});

test("what stays as it is, is not tried again", async () => {
  await simulate({}, async ({ connect, outcome }) => {
    const given = await outcome(connect("tcp://127.0.0.1:1", { retry }));
    assert.equal(given.how, "ERR_SOCKEYE_UNSUPPORTED");
    assert.equal(given.at, 0);
  });
});

test("what onFailure throws stops nothing", async () => {
  await simulate({}, async ({ connect, outcome, runtime }) => {
    const reported: unknown[] = [];
    runtime.report = (error) => void reported.push(error);
    const thrown = new Error("From onFailure");
    const onFailure = () => {
      throw thrown;
    };
    const given = await outcome(
      connect("mem:nobody", { retry: { ...retry, attempts: 3, onFailure } }),
    );
    assert.equal(given.how, "ECONNREFUSED");
    assert.deepEqual(reported, [thrown, thrown, thrown]);
  });
});
