import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate } from "node:timers";
import { type PollEvent, PollEvents } from "../api/poll_events.ts";
import { Poller } from "../api/poller.ts";
import {
  ERROR,
  GONE,
  HUP,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";
import type { Runtime } from "../core/runtime.ts";
import { FakeSource, real, runtimeOf, simulated } from "./fake_source.ts";

/** A poller that must not need a runtime of its own. */
function pollerOf<T = unknown>(): Poller<T> {
  return new Poller<T>(() => {
    throw new Error("load was called");
  });
}

const readable = { readable: true };

/** What a wait gave, by the data of each source. */
function told(events: PollEvents<string>): string {
  return Array.from(events, (event) => `${event.data}:${event.ready}`).join();
}

/** A scenario in simulated time, and a poller in it. */
function scene(
  play: (stage: {
    poller: Poller<string>;
    events: PollEvents<string>;
    runtime: Runtime;
    advance(ms: number): Promise<void>;
    source(name: string, interest: object, readiness?: number): FakeSource;
  }) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const { clock, runtime } = simulated();
    const poller = pollerOf<string>();
    const source = (name: string, interest: object, readiness = 0) => {
      const made = new FakeSource(runtime, readiness);
      poller.add(made, interest, name);
      return made;
    };
    const advance = (ms: number) => clock.advance(ms);
    const events = new PollEvents<string>(8);
    await clock.run(() => play({ poller, events, runtime, advance, source }));
    poller.close();
  };
}

test(
  "level-triggered: again and again until it is read",
  scene(async ({ poller, events, source }) => {
    const one = source("one", readable);
    assert.equal(await poller.wait(events, 0), 0);
    one.arrive(READABLE);
    for (let i = 0; i < 3; i++) {
      assert.equal(await poller.wait(events), 1);
      assert.equal(told(events), "one:1");
    }
    one.consume(READABLE);
    assert.equal(await poller.wait(events, 0), 0);
    assert.equal(events.length, 0);
  }),
);

test(
  "edge-triggered: once for each arrival",
  scene(async ({ poller, events, source }) => {
    const one = source("one", { readable: true, edge: true });
    one.arrive(READABLE);
    assert.equal(await poller.wait(events, 0), 1);
    assert.equal(await poller.wait(events, 0), 0);
    one.arrive(READABLE);
    assert.equal(await poller.wait(events, 0), 1);
    assert.equal(await poller.wait(events, 0), 0);
  }),
);

test(
  "one-shot: once until it is armed again",
  scene(async ({ poller, events, source }) => {
    const interest = { readable: true, oneShot: true };
    const one = source("one", interest, READABLE);
    assert.equal(await poller.wait(events, 0), 1);
    one.arrive(READABLE | HUP);
    assert.equal(await poller.wait(events, 0), 0);
    poller.modify(one, interest, "again");
    assert.equal(await poller.wait(events, 0), 1);
    assert.equal(told(events), "again:9");
    assert.equal(await poller.wait(events, 0), 0);
  }),
);

test(
  "an event says what was asked for, hang-up and failure in any case",
  scene(async ({ poller, events, source }) => {
    const all = READABLE | WRITABLE | READ_CLOSED | HUP | ERROR;
    source("nothing", {}, all);
    source("reads", readable, all);
    source("all", { readable: true, writable: true, readClosed: true }, all);
    source("healthy", {}, READABLE | WRITABLE | READ_CLOSED);
    assert.equal(await poller.wait(events), 3);
    assert.equal(told(events), "nothing:24,reads:25,all:31");
    assert.deepEqual(words(events.at(0)!), ["hangup", "failed"]);
    assert.deepEqual(words(events.at(1)!), ["readable", "hangup", "failed"]);
    assert.deepEqual(words(events.at(2)!), [...flags]);
    assert.equal(events.at(3), undefined);
    assert.equal(events.at(-1), undefined);
  }),
);

const flags = ["readable", "writable", "readClosed", "hangup", "failed"];
function words(event: PollEvent): string[] {
  return flags.filter((flag) => event[flag as keyof PollEvent] === true);
}

test("a timeout of -1 waits as long as it takes", async () => {
  const { clock, runtime } = simulated();
  const poller = pollerOf();
  const one = new FakeSource(runtime);
  poller.add(one, readable);
  for (const forever of [-1, Infinity, undefined]) {
    let count: number | undefined;
    const waiting = poller.wait(new PollEvents(1), forever)
      .then((n) => count = n);
    await clock.advance(40 * 86_400_000);
    assert.equal(count, undefined);
    one.arrive(READABLE);
    await waiting;
    assert.equal(count, 1);
    one.consume(READABLE);
  }
  poller.close();
});

test("a timeout of n waits n ms with nothing ready, and not less", async () => {
  const { clock, runtime } = simulated();
  const poller = pollerOf();
  poller.add(new FakeSource(runtime), readable);
  const events = new PollEvents(1);
  await clock.run(async () => {
    for (const ms of [1, 50, 1000, 2 ** 31 - 1]) {
      const begun = clock.now();
      assert.equal(await poller.wait(events, ms), 0);
      assert.equal(clock.now() - begun, ms);
    }
  }, { within: Infinity });
  assert.equal(clock.pending, 0);
  poller.close();
});

test("a timeout of n waits n ms of real time", async () => {
  const poller = pollerOf();
  poller.add(new FakeSource(real), readable);
  const events = new PollEvents(1);
  for (const ms of [1, 2.5, 20]) {
    const begun = real.now();
    assert.equal(await poller.wait(events, ms), 0);
    assert.ok(real.now() - begun >= ms, `${real.now() - begun} of ${ms} ms`);
  }
  poller.close();
});

test("a timer that is early does not end the wait", async () => {
  const { clock } = simulated();
  const early = runtimeOf({
    now: () => clock.now(),
    setTimer: (callback, ms) => clock.setTimer(callback, ms / 2),
    clearTimer: (timer) => clock.clearTimer(timer),
    defer: (callback) => clock.defer(callback),
    turn: (callback) => clock.turn(callback),
    random: () => clock.random(),
    report: (error) => clock.report(error),
  });
  const poller = pollerOf();
  poller.add(new FakeSource(early), readable);
  await clock.run(() => poller.wait(new PollEvents(1), 100));
  assert.equal(Math.ceil(clock.now()), 100);
  poller.close();
});

test("a deadline that passes while it looks asks for no negative time", async () => {
  let now = 0;
  const asked: number[] = [];
  const slow = runtimeOf({
    now: () => now++,
    setTimer: (callback, ms) => {
      asked.push(ms);
      return real.setTimer(callback, 0);
    },
    clearTimer: (timer) => real.clearTimer(timer),
    defer: (callback) => real.defer(callback),
    turn: (callback) => real.turn(callback),
    random: () => 0,
    report: (error) => real.report(error),
  });
  const poller = pollerOf();
  poller.add(new FakeSource(slow), readable);
  assert.equal(await poller.wait(new PollEvents(1), 0.5), 0);
  assert.deepEqual(asked, [0]);
  poller.close();
});

test("a timeout of 0 asks for two turns of the loop, and no more", async () => {
  for (const arrivesAfter of [0, 1, 2, 3]) {
    const turns: (() => void)[] = [];
    const { clock } = simulated();
    const runtime = runtimeOf(
      Object.assign(clock, { turn: (turn: () => void) => turns.push(turn) }),
    );
    const poller = pollerOf();
    const one = new FakeSource(runtime);
    poller.add(one, readable);
    if (arrivesAfter === 0) one.arrive(READABLE);
    let count: number | undefined;
    const waiting = poller.wait(new PollEvents(1), 0).then((n) => count = n);
    let taken = 0;
    while (turns.length > 0) {
      taken++;
      if (taken === arrivesAfter) one.arrive(READABLE);
      turns.shift()!();
    }
    await waiting;
    assert.equal(taken, Math.min(arrivesAfter, 2));
    assert.equal(count, arrivesAfter < 3 ? 1 : 0);
    poller.close();
  }
});

test("when time is up the kernel is asked once more", async () => {
  const { clock, runtime } = simulated();
  const poller = pollerOf();
  const one = new FakeSource(runtime);
  poller.add(one, readable);
  const waiting = poller.wait(new PollEvents(1), 10);
  // Due at the same time, but arranged later: a loop that was held up finds
  // the timer due first, and the bytes that came in time behind it.
  clock.setTimer(() => one.arrive(READABLE), 10);
  assert.equal(await clock.until(waiting), 1);
  poller.close();
});

test(
  "what arrives in one go is told by one wait",
  scene(async ({ poller, events, source }) => {
    const sources = ["a", "b", "c"].map((name) => source(name, readable));
    const waiting = poller.wait(events);
    for (const one of sources) one.arrive(READABLE);
    assert.equal(await waiting, 3);
    assert.equal(told(events), "a:1,b:1,c:1");
  }),
);

test(
  "an arrival that is consumed at once does not end the wait",
  scene(async ({ poller, events, advance, source }) => {
    const one = source("one", readable);
    let count: number | undefined;
    const waiting = poller.wait(events).then((n) => count = n);
    one.arrive(READABLE);
    one.consume(READABLE);
    one.arrive(WRITABLE);
    await advance(10);
    assert.equal(count, undefined);
    one.arrive(READABLE);
    await waiting;
    assert.equal(count, 1);
  }),
);

test(
  "sources are added, modified and removed while it waits",
  scene(async ({ poller, events, advance, source }) => {
    const former = source("former", readable);
    let waiting = poller.wait(events);
    await advance(5);
    poller.remove(former);
    former.arrive(READABLE);
    await advance(5);
    const late = source("late", readable, READABLE);
    assert.equal(await waiting, 1);
    assert.equal(told(events), "late:1");

    late.consume(READABLE);
    late.arrive(WRITABLE);
    waiting = poller.wait(events);
    await advance(5);
    poller.modify(late, { writable: true });
    assert.equal(await waiting, 1);
    assert.equal(told(events), "late:2");
    assert.equal(poller.size, 1);
    assert.equal(former.watchers.size, 0);
  }),
);

test(
  "sources are removed, closed and added while the result is iterated",
  scene(async ({ poller, events, runtime, source }) => {
    const [a, b, c, d, e] = [..."abcde"].map((name) =>
      source(name, readable, READABLE)
    );
    assert.equal(await poller.wait(events), 5);
    let names = "";
    for (const event of events) {
      names += event.data;
      if (event.data !== "a") continue;
      poller.remove(b!);
      c!.close();
      e!.readiness = GONE; // closed, which it tells later
      poller.remove(d!);
      poller.add(d!, readable, "D");
      poller.add(new FakeSource(runtime, READABLE), readable, "new");
      poller.remove(a!);
    }
    assert.equal(names, "a");
    for (let i = 0; i < 5; i++) assert.equal(events.at(i)!.ready, 0);
    assert.equal(await poller.wait(events), 2);
    assert.equal(told(events), "D:1,new:1");
  }),
);

test(
  "a source removed between the answer and its reader is not told",
  scene(async ({ poller, events, source }) => {
    const one = source("one", readable, READABLE);
    source("two", readable, READABLE);
    const waiting = poller.wait(events);
    poller.remove(one);
    assert.equal(await waiting, 2);
    assert.equal(told(events), "two:1");
  }),
);

test(
  "a source that we close is forgotten",
  scene(async ({ poller, events, source }) => {
    const told = source("told", readable, READABLE);
    const untold = source("untold", readable, READABLE);
    told.close();
    assert.equal(poller.has(told), false);
    untold.readiness = GONE; // not told yet
    assert.equal(await poller.wait(events, 0), 0);
    assert.equal(poller.size, 0);
    assert.equal(told.watchers.size + untold.watchers.size, 0);
    poller.remove(told);
    assert.throws(() => poller.modify(told, readable), { code: "EBADF" });
    assert.throws(() => poller.add(told, readable), { code: "EBADF" });
  }),
);

test("with little room all are served in turn", async () => {
  const poller = pollerOf<number>();
  const served = Array.from({ length: 7 }, () => 0);
  served.forEach((_, i) =>
    poller.add(new FakeSource(real, READABLE), readable, i)
  );
  const events = new PollEvents<number>(3);
  for (let i = 0; i < 70; i++) {
    assert.equal(await poller.wait(events), 3);
    for (const event of events) served[event.data]!++;
  }
  assert.deepEqual(served, [30, 30, 30, 30, 30, 30, 30]);
  poller.close();
});

test("a source that nobody reads does not stop the runtime's loop", async () => {
  for (const timeout of [0, 10, -1]) {
    const poller = pollerOf();
    poller.add(new FakeSource(real, READABLE), readable);
    const events = new PollEvents(8);
    let turned = false;
    setImmediate(() => turned = true);
    let waits = 0;
    while (!turned && waits < 1000) {
      assert.equal(await poller.wait(events, timeout), 1);
      waits++;
    }
    assert.ok(turned, `no turn in ${waits} waits`);
    poller.close();
  }
});

test("arrivals that need no turn do not stop the runtime's loop", async () => {
  const poller = pollerOf();
  const one = new FakeSource(real);
  poller.add(one, readable);
  const events = new PollEvents(1);
  let turned = false;
  setImmediate(() => turned = true);
  let waits = 0;
  while (!turned && waits < 1000) {
    const waiting = poller.wait(events);
    one.arrive(READABLE);
    assert.equal(await waiting, 1);
    one.consume(READABLE);
    waits++;
  }
  assert.ok(turned, `no turn in ${waits} waits`);
  poller.close();
});

test(
  "a turn for the others takes nothing from the timeout",
  scene(async ({ poller, events, runtime, source }) => {
    const one = source("one", readable, READABLE);
    let turned = false;
    runtime.turn(() => turned = true);
    let waits = 0;
    while (!turned && ++waits < 1000) await poller.wait(events);
    for (let i = 1; i < waits - 1; i++) await poller.wait(events);
    one.consume(READABLE);
    const begun = runtime.now();
    assert.equal(await poller.wait(events, 50), 0);
    assert.equal(runtime.now() - begun, 50);
  }),
);

test("what is no source, known or unknown is an error, and changes nothing", () => {
  const poller = pollerOf();
  const one = new FakeSource(real);
  poller.add(one, readable);
  assert.throws(() => poller.add(one, readable), { code: "EEXIST" });
  const other = new FakeSource(real);
  assert.throws(() => poller.modify(other, readable), { code: "ENOENT" });
  assert.throws(() => poller.remove(other), { code: "ENOENT" });
  for (const junk of [undefined, null, 3, "tcp:", {}, { readiness: 1 }]) {
    const source = junk as unknown as FakeSource;
    assert.throws(() => poller.add(source, readable), { code: "EBADF" });
    assert.throws(() => poller.remove(source), { code: "ENOENT" });
  }
  assert.equal(poller.size, 1);
  assert.equal(one.watchers.size, 1);
  poller.close();
  assert.equal(one.watchers.size, 0);
});

test("bad timeouts and buffers are errors", async () => {
  const poller = pollerOf();
  poller.add(new FakeSource(real, READABLE), readable);
  const events = new PollEvents(1);
  for (const bad of [NaN, -2, -0.5, -Infinity, 2 ** 31, "1", null]) {
    const waiting = poller.wait(events, bad as number);
    await assert.rejects(waiting, { code: "EINVAL" }, String(bad));
  }
  for (const bad of [undefined, null, [], {}]) {
    const waiting = poller.wait(bad as unknown as PollEvents);
    await assert.rejects(waiting, { code: "EINVAL" });
  }
  for (const bad of [0, -1, 1.5, NaN, Infinity, 2 ** 21, "8"]) {
    assert.throws(() => new PollEvents(bad as number), { code: "EINVAL" });
  }
  poller.close();
});

test("one wait at a time", async () => {
  const poller = pollerOf();
  const one = new FakeSource(real);
  poller.add(one, readable);
  const first = new PollEvents(1);
  const waiting = poller.wait(first);
  const second = poller.wait(new PollEvents(1), 0);
  await assert.rejects(second, { code: "ERR_SOCKEYE_STATE" });
  one.arrive(READABLE);
  assert.equal(await waiting, 1);
  assert.equal(first.length, 1);
  poller.close();
});

test("close ends the wait, and everything else", async () => {
  const poller = pollerOf();
  const one = new FakeSource(real);
  poller.add(one, readable);
  const waiting = poller.wait(new PollEvents(1), 60_000);
  poller.close();
  poller.close();
  const closed = { code: "ERR_SOCKEYE_CLOSED" };
  await assert.rejects(waiting, closed);
  await assert.rejects(poller.wait(new PollEvents(1), 0), closed);
  assert.throws(() => poller.add(one, readable), closed);
  assert.throws(() => poller.modify(one, readable), closed);
  assert.throws(() => poller.remove(one), closed);
  assert.equal(one.watchers.size, 0);
});

test("a signal ends the wait with its reason, and nothing stays behind", async () => {
  const { clock, runtime } = simulated();
  const poller = pollerOf();
  const one = new FakeSource(runtime);
  poller.add(one, readable);
  const events = new PollEvents(1);
  const reason = new Error("enough");
  await assert.rejects(
    poller.wait(events, -1, { signal: AbortSignal.abort(reason) }),
    reason,
  );
  const control = new AbortController();
  const listeners = countListeners(control.signal);
  const { signal } = control;
  const answered = poller.wait(events, 1000, { signal });
  assert.equal(listeners(), 1);
  one.arrive(READABLE);
  await clock.until(answered);
  assert.equal(listeners(), 0);
  assert.equal(clock.pending, 0);

  one.consume(READABLE);
  const aborted = poller.wait(events, 1000, { signal });
  control.abort(reason);
  await assert.rejects(aborted, reason);
  assert.equal(listeners(), 0);
  assert.equal(clock.pending, 0);
  one.arrive(READABLE);
  assert.equal(await poller.wait(events), 1);
  poller.close();
});

function countListeners(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    count++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count--;
    Reflect.apply(removeEventListener, signal, args);
  };
  return () => count;
}

test("without a source, time is that of the runtime that is loaded", async () => {
  const { clock, runtime } = simulated();
  let loads = 0;
  const poller = new Poller(() => {
    loads++;
    if (loads === 1) throw new Error("not yet");
    return loads === 2 ? Promise.reject(new Error("nor now")) : runtime;
  });
  const events = new PollEvents(1);
  await assert.rejects(poller.wait(events, 5), /not yet/);
  await assert.rejects(poller.wait(events, 5), /nor now/);
  assert.equal(await clock.until(poller.wait(events, 5)), 0);
  assert.equal(clock.now(), 5);
  assert.equal(await clock.until(poller.wait(events, 5)), 0);
  assert.equal(loads, 3);
  poller.close();
});

test("a source that is added while the runtime is loaded brings its own", async () => {
  const { clock, runtime } = simulated();
  let loaded = (_: Runtime): void => {};
  const poller = new Poller(() => new Promise((resolve) => loaded = resolve));
  const events = new PollEvents(1);
  const waiting = poller.wait(events, 5);
  poller.add(new FakeSource(runtime), readable);
  loaded(real);
  assert.equal(await clock.until(waiting), 0);
  assert.equal(clock.now(), 5);
  poller.close();
});

test("closing it while the runtime is loaded ends the wait", async () => {
  let loaded = (_: Runtime): void => {};
  const poller = new Poller(() => new Promise((resolve) => loaded = resolve));
  const waiting = poller.wait(new PollEvents(1));
  poller.close();
  loaded(real);
  await assert.rejects(waiting, { code: "ERR_SOCKEYE_CLOSED" });
});

test("events are made once, and let their sources go", async () => {
  const poller = pollerOf<string>();
  const one = new FakeSource(real, READABLE);
  poller.add(one, readable, "one");
  const events = new PollEvents<string>(4);
  await poller.wait(events);
  const [event] = events;
  assert.equal(event!.source, one);
  assert.deepEqual([...events], [event]);
  assert.equal(events.at(0), event);
  one.consume(READABLE);
  assert.equal(await poller.wait(events, 0), 0);
  assert.deepEqual([...events], []);
  assert.equal(event!.ready, 0);
  assert.throws(() => event!.source, { code: "ERR_SOCKEYE_STATE" });
  poller.close();
});
