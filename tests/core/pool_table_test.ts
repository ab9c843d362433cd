/** Every state of a child against every input, and random operations on pools. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ChildInput,
  type ChildState,
  childTransitions,
} from "../../core/pool/child.ts";
import { PoolConversation } from "./pool_model.ts";

// The moves, written down a second time and by columns: a change of a cell
// must be meant.
const states: ChildState[] = [
  "starting",
  "ready",
  "retiring",
  "killed",
  "gone",
];
const columns: Record<ChildInput, (ChildState | ".")[]> = {
  //       starting  ready       retiring  killed  gone
  ready: ["ready", ".", ".", ".", "."],
  retire: ["killed", "retiring", ".", ".", "."],
  kill: ["killed", "killed", "killed", ".", "."],
  exited: ["gone", "gone", "gone", "gone", "."],
};

test("pool: the moves of a child, state by input", () => {
  assert.deepEqual(Object.keys(childTransitions), states);
  for (const [input, column] of Object.entries(columns)) {
    states.forEach((state, row) => {
      const next = childTransitions[state][input as ChildInput] ?? ".";
      assert.equal(next, column[row], `${input} while ${state}`);
    });
  }
});

type Act = (t: PoolConversation) => unknown;

/** How child 1 of a pool of one member comes into each state. */
const reach: Record<ChildState, Act> = {
  starting: () => {},
  ready: (t) => t.ready(1),
  retiring: (t) => t.ready(1).taken(1).close(5000),
  killed: (t) => t.ready(1).abort(),
  gone: (t) => t.ready(1).at(2000).exited(1),
};

const inputs: Record<string, Act> = {
  waiting: (t) => t.waiting(),
  ready: (t) => t.ready(1),
  taken: (t) => t.taken(1),
  left: (t) => t.left(1),
  got: (t) => t.got(1),
  returned: (t) => t.returned(1),
  leaving: (t) => t.leaving(1),
  ending: (t) => t.ending(1),
  finished: (t) => t.finished(1),
  exited: (t) => t.exited(1, { status: 1 }, 1),
  early: (t) => t.timeout(),
  late: (t) => t.at(t.now + 60_000).timeout(),
  restart: (t) => t.restart(),
  close: (t) => t.close(1000),
  abort: (t) => t.abort(),
};

/** What the pool says to each input while its child is in each state. */
const answers: Record<ChildState, Record<string, string>> = {
  starting: {
    waiting: "",
    ready: "",
    taken: "",
    left: "",
    got: "",
    returned: "",
    leaving: "",
    ending: "",
    finished: "",
    exited: "",
    early: "",
    late: "kill 1, start 2",
    restart: "",
    close: "kill 1",
    abort: "kill 1",
  },
  ready: {
    waiting: "deliver 1",
    ready: "",
    taken: "",
    left: "",
    got: "",
    returned: "",
    leaving: "start 2",
    ending: "",
    finished: "",
    exited: "",
    early: "",
    late: "",
    restart: "start 2",
    close: "retire 1 1000",
    abort: "kill 1",
  },
  retiring: {
    waiting: "drop",
    ready: "",
    taken: "",
    left: "",
    got: "",
    returned: "",
    leaving: "",
    ending: "",
    finished: "",
    exited: "closed",
    early: "",
    late: "kill 1",
    restart: "",
    close: "retire 1 1000",
    abort: "kill 1",
  },
  killed: {
    waiting: "drop",
    ready: "",
    taken: "",
    left: "",
    got: "",
    returned: "",
    leaving: "",
    ending: "",
    finished: "",
    exited: "closed",
    early: "",
    late: "",
    restart: "",
    close: "",
    abort: "",
  },
  // Its place has been taken by child 2, which starts.
  gone: {
    waiting: "",
    ready: "",
    taken: "",
    left: "",
    got: "",
    returned: "",
    leaving: "",
    ending: "",
    finished: "",
    exited: "",
    early: "",
    late: "kill 2, start 3",
    restart: "",
    close: "kill 2",
    abort: "kill 2",
  },
};

test("pool: every state of a child against every input", () => {
  assert.deepEqual(Object.keys(answers), states);
  for (const state of states) {
    assert.deepEqual(Object.keys(answers[state]), Object.keys(inputs));
    for (const [input, act] of Object.entries(inputs)) {
      const t = new PoolConversation({ exclusive: false, min: 1, max: 2 });
      reach[state](t);
      const before = t.told.length;
      act(t);
      const told = t.told.slice(before).join(", ");
      assert.equal(told, answers[state][input], `${input} while ${state}`);
    }
  }
});

const limits = fc.record({
  exclusive: fc.boolean(),
  min: fc.nat(3),
  max: fc.integer({ min: 3, max: 6 }),
  maxStarting: fc.constantFrom(1, 2, Infinity),
  spare: fc.nat(2),
  maxConnectionsPerChild: fc.constantFrom(1, 2, Infinity),
  maxAge: fc.constantFrom(3000, Infinity),
});
const step = fc.tuple(
  fc.constantFrom(
    "waiting",
    "waiting",
    "ready",
    "ready",
    "ready",
    "taken",
    "left",
    "left",
    "got",
    "returned",
    "leaving",
    "ending",
    "finished",
    "exited",
    "crashed",
    "refused",
    "later",
    "much later",
    "restart",
    "close",
    "abort",
  ),
  fc.nat(5),
  fc.integer({ min: 0, max: 99 }),
);

function play(
  t: PoolConversation,
  name: string,
  which: number,
  chance: number,
): void {
  const ids = [...t.running.keys()];
  const id = ids[which % Math.max(ids.length, 1)] ?? 99;
  const child = t.running.get(id);
  const random = chance / 100;
  switch (name) {
    case "waiting":
      return void (t.machine.state === "closed" ? undefined : t.waiting());
    case "ready":
      return void t.ready(id);
    case "taken":
      if (!t.limits.exclusive && child !== undefined) t.taken(id);
      return;
    case "left":
      if (child !== undefined && child.open > 0) t.left(id);
      return;
    case "got":
      return void t.got(id);
    case "returned":
      return void (t.limits.exclusive ? undefined : t.returned(id));
    case "leaving":
      return void t.leaving(id);
    case "ending":
      return void t.ending(id);
    case "finished":
      return void t.finished(id);
    case "exited":
      return void t.exited(id, {}, random);
    case "crashed":
      return void t.exited(id, { signal: "SIGKILL" }, random);
    case "refused":
      return void t.exited(id, { status: 1 }, random);
    case "later":
      return void t.at(t.now + chance).timeout();
    case "much later":
      return void t.at(t.now + 10 * chance * chance).timeout();
    case "restart":
      return void t.restart();
    case "close":
      return void (chance < 30 ? t.close(chance * 20) : undefined);
    case "abort":
      return void (chance < 10 ? t.abort() : undefined);
    default:
      throw new Error(`No step is called ${name}`);
  }
}

test("pool: random operations keep the limits, reap all, and end", () => {
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 60 }), (given, steps) => {
      const t = new PoolConversation(given);
      for (const [name, which, chance] of steps) play(t, name, which, chance);
      t.close(0);
      // Whatever children do not do by themselves, time does.
      for (let turn = 0; !t.told.includes("closed"); turn++) {
        assert.ok(turn < 100, "it does not end");
        const next = t.machine.pollTimeout();
        if (next < Infinity) t.at(Math.max(next, t.now)).timeout();
        for (const [id, { dying }] of [...t.running]) {
          if (dying) t.exited(id);
        }
      }
      assert.equal(t.machine.waiting, 0);
      assert.equal(t.machine.counts.started, t.reaped);
      assert.equal(t.machine.pollTimeout(), Infinity);
    }),
    { numRuns: 2000 },
  );
});

test("pool: a crash loop never spins, however many wait", () => {
  const t = new PoolConversation({ max: 8, maxStarting: 4 });
  // One serves for the whole hour; whoever comes after it waits.
  t.waiting().ready(1);
  for (let i = 0; i < 20; i++) t.waiting();
  let starts = 0;
  while (t.now < 3_600_000) {
    for (const id of [...t.running.keys()]) {
      if (id === 1) continue;
      starts++;
      t.exited(id, { status: 1 }, 0);
    }
    const next = t.machine.pollTimeout();
    assert.ok(next > t.now, "no time passes");
    t.at(next).timeout();
  }
  assert.ok(starts < 4 * (3_600_000 / 15_000 + 20), `${starts} starts`);
  assert.equal(t.machine.waiting, 20);
});

test("pool: starts are never more than time and backoff allow", () => {
  const t = new PoolConversation({ exclusive: false, min: 4, max: 8 });
  // Every child dies as soon as it is ready, for an hour; one is always there.
  t.ready(1);
  let starts = 0;
  while (t.now < 3_600_000) {
    for (const id of [...t.running.keys()]) {
      if (id === 1) continue;
      starts++;
      t.ready(id).exited(id, { status: 1 }, 0);
    }
    t.at(t.machine.pollTimeout()).timeout();
  }
  // Three for each pause, which is half of 30 s at the least.
  assert.ok(starts < 3 * (3_600_000 / 15_000 + 20), `${starts} starts`);
});
