import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { VirtualClock } from "../../adapters/memory/clock.ts";
import { type Event, EventQueue } from "../../adapters/memory/event_queue.ts";

test("the queue gives events by time, then by arrangement", () => {
  const operation = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 9 }), last: fc.boolean() }),
    fc.record({ remove: fc.nat(30) }),
    fc.constant("shift" as const),
  );
  fc.assert(
    fc.property(
      fc.array(operation, { minLength: 40, maxLength: 120 }),
      (script) => {
        const queue = new EventQueue();
        const made: Event[] = [];
        let model: Event[] = [];
        for (const step of script) {
          if (step === "shift") {
            const event = queue.shift();
            const earliest = model.toSorted((a, b) =>
              a.time - b.time || (a.sequence < b.sequence ? -1 : 1)
            )[0];
            assert.equal(event?.time, earliest?.time);
            assert.equal(event?.sequence, earliest?.sequence);
            model = model.filter((other) =>
              other !== event
            );
          } else if ("add" in step) {
            const event = queue.add(step.add, () => {}, step.last);
            made.push(event);
            model.push(event);
          } else if (made[step.remove] !== undefined) {
            const event = made[step.remove]!;
            queue.remove(event);
            model = model.filter((other) => other !== event);
          }
          assert.equal(queue.size, model.length);
          assert.equal(
            queue.next,
            Math.min(Infinity, ...model.map((event) => event.time)),
          );
        }
      },
    ),
  );
});

test("time stands still until somebody waits, then jumps", async () => {
  const clock = new VirtualClock();
  const rang: number[] = [];
  clock.setTimer(() => rang.push(clock.now()), 3_600_000);
  clock.setTimer(() => rang.push(clock.now()), 10);
  const cleared = clock.setTimer(() => rang.push(-1), 5);
  clock.clearTimer(cleared);
  clock.clearTimer(cleared);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([clock.now(), clock.pending, rang], [0, 2, []]);
  await clock.run();
  assert.deepEqual([clock.now(), clock.pending], [3_600_000, 0]);
  assert.deepEqual(rang, [10, 3_600_000]);
});

test("advance ends behind all that is due at its end, and no later", async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  clock.setTimer(() => {
    log.push("at 10");
    clock.setTimer(() => log.push("at 10 too"), 0);
  }, 10);
  clock.setTimer(() => log.push("at 11"), 11);
  await clock.advance(10);
  assert.deepEqual(log, ["at 10", "at 10 too"]);
  assert.equal(clock.now(), 10);
  await clock.advance(0.5);
  assert.equal(clock.now(), 10.5);
  await clock.advance(0.5);
  assert.deepEqual(log.at(-1), "at 11");
});

test("what follows from an event settles before the next one", async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  clock.turn(async () => {
    for (let index = 0; index < 50; index++) await null;
    log.push("first");
    clock.defer(() => log.push("deferred"));
  });
  clock.turn(() => log.push("second"));
  await clock.run();
  assert.deepEqual(log, ["first", "deferred", "second"]);
});

test("a scenario pauses itself, beside others", async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const result = await clock.run(async () => {
    const other = clock.advance(15).then(() => log.push("other"));
    await clock.advance(10);
    log.push(`at ${clock.now()}`);
    await clock.advance(10);
    log.push(`at ${clock.now()}`);
    await other;
    return "done";
  });
  assert.equal(result, "done");
  assert.deepEqual(log, ["at 10", "other", "at 20"]);
});

test("until stops at the event that makes the condition hold", async () => {
  const clock = new VirtualClock();
  let count = 0;
  const tick = (): void => {
    count++;
    clock.setTimer(tick, 100);
  };
  tick();
  await clock.until(() => count === 5);
  assert.deepEqual([count, clock.now()], [5, 400]);
  await clock.until(() => true);
  assert.deepEqual([count, clock.now()], [5, 400]);
});

test("whoever waited for a condition acts before anything else happens", async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  await clock.run(async () => {
    clock.turn(() => log.push("first"));
    clock.turn(() => log.push("second"));
    await clock.until(() => log.length === 1);
    log.push("waiter");
    await clock.advance(1);
  });
  assert.deepEqual(log, ["first", "waiter", "second"]);
});

test("a scenario may take a turn or two of the real loop", async () => {
  const clock = new VirtualClock();
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  assert.equal(await clock.run(() => turn().then(turn).then(() => 1)), 1);
});

test("until gives the value of a promise, or its rejection", async () => {
  const clock = new VirtualClock();
  const later = (ms: number): Promise<number> =>
    new Promise((resolve) => clock.setTimer(() => resolve(clock.now()), ms));
  assert.equal(await clock.until(later(70)), 70);
  const problem = new Error("so it is");
  await assert.rejects(
    clock.until(later(5).then(() => Promise.reject(problem))),
    problem,
  );
  assert.equal(clock.now(), 75);
  await assert.rejects(
    clock.run(() => {
      throw problem;
    }),
    problem,
  );
});

test("a wait for nothing says so, instead of hanging", async () => {
  const clock = new VirtualClock();
  clock.setTimer(() => {}, 30);
  await assert.rejects(clock.until(new Promise(() => {})), {
    code: "ERR_SOCKEYE_STATE",
    message: /^Cannot go on at 30 ms: nothing is left to happen/,
  });
  assert.equal(await clock.run(() => "still usable"), "still usable");
});

test("a wait ends after its time, although things go on happening", async () => {
  const clock = new VirtualClock();
  const tick = (): void => void clock.setTimer(tick, 7);
  tick();
  await assert.rejects(clock.until(() => false, { within: 100 }), {
    code: "ETIMEDOUT",
    message: /it is 100 ms/,
  });
  assert.equal(clock.now(), 100);
});

test("an exception of a callback rejects whoever waits", async () => {
  const clock = new VirtualClock();
  const problem = new Error("in a callback");
  clock.setTimer(() => {
    throw problem;
  }, 1);
  clock.setTimer(() => {}, 2);
  await assert.rejects(clock.run(), problem);
  await clock.run();
  assert.equal(clock.now(), 2);
});

test("chance comes from the seed", () => {
  const draw = (seed: number | string): number[] => {
    const clock = new VirtualClock({ seed });
    return Array.from({ length: 1000 }, () => clock.random());
  };
  assert.deepEqual(draw(7), draw("7"));
  assert.notDeepEqual(draw(7), draw(8));
  const numbers = draw("even");
  const mean = numbers.reduce((sum, number) => sum + number) / 1000;
  assert.ok(Math.min(...numbers) >= 0 && Math.max(...numbers) < 1);
  assert.ok(Math.abs(mean - 0.5) < 0.05, `mean ${mean}`);
});
