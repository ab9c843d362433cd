import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  EDGE,
  ERROR,
  GONE,
  HUP,
  NO_TOKEN,
  ONE_SHOT,
  placeOf,
  READ_CLOSED,
  READABLE,
  ReadinessSet,
  WRITABLE,
} from "../../core/readiness.ts";

/** Sources by token, and passes over them, as a driver keeps them. */
class Driver {
  readonly set = new ReadinessSet(1);
  readonly #readiness: number[] = [];

  add(interest: number, mode: number, readiness = 0): number {
    const token = this.set.add(interest, mode, readiness);
    this.#readiness[placeOf(token)] = readiness;
    return token;
  }

  become(token: number, readiness: number): void {
    this.#readiness[placeOf(token)] = readiness;
  }

  readinessOf(token: number): number {
    return this.#readiness[placeOf(token)]!;
  }

  modify(token: number, interest: number, mode: number): boolean {
    return this.set.modify(token, interest, mode, this.readinessOf(token));
  }

  arrive(token: number, bits: number): boolean {
    this.become(token, this.readinessOf(token) | bits);
    return this.set.handleArrived(token, bits);
  }

  /** One pass with room for so many events. */
  pass(room = Infinity): [token: number, ready: number][] {
    const events: [number, number][] = [];
    this.set.beginPass();
    while (events.length < room) {
      const token = this.set.pollToken();
      if (token === NO_TOKEN) break;
      const ready = this.set.report(token, this.readinessOf(token));
      if (ready !== 0) events.push([token, ready]);
    }
    return events;
  }
}

const modes: [name: string, mode: number][] = [
  ["level", 0],
  ["edge", EDGE],
  ["one-shot", ONE_SHOT],
  ["edge and one-shot", EDGE | ONE_SHOT],
];

// A letter for each event at one source: a arrival, d drained (it would block
// now), m modify, that is armed again; p a pass that reports, - one that does
// not.
const conversations: [mode: string, conversation: string][] = [
  ["level", "- ap p p d - aap p d - -"],
  ["level", "ad - ap"],
  ["level", "ap d a p m p d m -"],
  ["edge", "- ap - ap - d - ap -"],
  ["edge", "aap - a a p -"],
  ["edge", "ad - a p -"],
  ["edge", "ap - m p - d m -"],
  ["one-shot", "- ap - a - d - a - m p -"],
  ["one-shot", "ap d m - ap - m p"],
  ["one-shot", "ad - ap -"],
  ["edge and one-shot", "ap - a - m p - d m - ap - a -"],
];

test("level, edge and one-shot report as the table says", () => {
  for (const [name, conversation] of conversations) {
    const expected = conversation.replaceAll(" ", "");
    assert.equal(play(modeNamed(name), expected), expected, name);
  }
});

function modeNamed(name: string): number {
  return modes.find((row) => row[0] === name)![1];
}

/** Plays a conversation; gives it back with each pass as it went. */
function play(mode: number, conversation: string): string {
  const driver = new Driver();
  const token = driver.add(READABLE, mode);
  let told = "";
  for (const event of conversation) {
    if (event === "a") driver.arrive(token, READABLE);
    else if (event === "d") driver.become(token, 0);
    else if (event === "m") driver.modify(token, READABLE, mode);
    else {
      const events = driver.pass();
      if (events.length > 0) assert.deepEqual(events, [[token, READABLE]]);
      told += events.length > 0 ? "p" : "-";
      continue;
    }
    told += event;
  }
  return told;
}

/** The same from the sentence itself, looking at the whole history. */
function expectedOf(mode: number, conversation: string): string {
  let told = "";
  for (const event of conversation) {
    if (event !== "p") {
      told += event;
      continue;
    }
    const ready = told.lastIndexOf("a") > told.lastIndexOf("d");
    const armed = (mode & ONE_SHOT) === 0 ||
      told.lastIndexOf("m") >= told.lastIndexOf("p");
    const lastPass = Math.max(told.lastIndexOf("p"), told.lastIndexOf("-"));
    const news = /[am]/.test(told.slice(lastPass + 1));
    const due = ready && armed && (news || (mode & EDGE) === 0);
    told += due ? "p" : "-";
  }
  return told;
}

test("every mode under every sequence of events, eight deep", () => {
  const letters = "admp";
  let checked = 0;
  for (const [name, mode] of modes) {
    for (let number = 0; number < letters.length ** 8; number++) {
      let conversation = "";
      for (let left = number, i = 0; i < 8; i++) {
        conversation += letters[left % 4]!;
        left = Math.floor(left / 4);
      }
      if (!conversation.endsWith("p")) continue;
      const told = play(mode, conversation);
      if (told !== expectedOf(mode, conversation)) {
        assert.equal(told, expectedOf(mode, conversation), name);
      }
      checked++;
    }
  }
  assert.equal(checked, modes.length * 4 ** 7);
});

test("what is reported: asked for, or a failure", () => {
  const every = READABLE | WRITABLE | READ_CLOSED | HUP | ERROR | GONE;
  for (let interest = 0; interest <= (READABLE | WRITABLE | 4); interest++) {
    for (let readiness = 0; readiness <= every; readiness++) {
      for (const [name, mode] of modes) {
        const driver = new Driver();
        const token = driver.add(interest, mode, readiness);
        const ready = readiness & (interest | HUP | ERROR);
        assert.deepEqual(
          driver.pass(),
          ready === 0 ? [] : [[token, ready]],
          `${name}, interest ${interest}, readiness ${readiness}`,
        );
      }
    }
  }
});

test("an edge tells all that the source is ready for", () => {
  const driver = new Driver();
  const token = driver.add(READABLE | WRITABLE, EDGE, WRITABLE);
  assert.deepEqual(driver.pass(), [[token, WRITABLE]]);
  assert.equal(driver.arrive(token, READABLE), true);
  assert.deepEqual(driver.pass(), [[token, READABLE | WRITABLE]]);
  assert.deepEqual(driver.pass(), []);
});

test("an arrival that was consumed before the pass is not reported", () => {
  const driver = new Driver();
  const token = driver.add(READABLE | WRITABLE, EDGE, 0);
  driver.become(token, WRITABLE);
  assert.equal(driver.set.handleArrived(token, READABLE), true);
  assert.deepEqual(driver.pass(), []);
});

test("what nobody waits for does not queue", () => {
  const driver = new Driver();
  const token = driver.add(READABLE, 0);
  assert.equal(driver.arrive(token, WRITABLE | READ_CLOSED | GONE), false);
  assert.equal(driver.set.queued, 0);
  assert.equal(driver.arrive(token, ERROR), true);
  assert.equal(driver.set.queued, 1);
});

test("with little room all are served in turn", () => {
  for (let count = 1; count <= 12; count++) {
    for (let room = 1; room <= count; room++) {
      const driver = new Driver();
      const served = new Map<number, number>();
      for (let i = 0; i < count; i++) {
        served.set(driver.add(READABLE, 0, READABLE), 0);
      }
      for (let pass = 0; pass < count; pass++) {
        const events = driver.pass(room);
        assert.equal(events.length, room);
        for (const [token] of events) served.set(token, served.get(token)! + 1);
      }
      for (const times of served.values()) assert.equal(times, room);
    }
  }
});

test("one who is always ready does not starve a newcomer", () => {
  const driver = new Driver();
  const busy = [0, 0, 0].map(() => driver.add(READABLE, 0, READABLE));
  assert.equal(driver.pass(2).length, 2);
  const late = driver.add(READABLE, EDGE);
  driver.arrive(late, READABLE);
  for (const token of busy) driver.arrive(token, READABLE);
  const order = [driver.pass(2), driver.pass(2)].flat().map(([token]) => token);
  assert.deepEqual(order, [busy[2], busy[0], busy[1], late]);
});

test("nothing is polled twice in one pass, whatever is removed in it", () => {
  for (let removed = 0; removed < 5; removed++) {
    const driver = new Driver();
    const tokens = [0, 1, 2, 3, 4].map(() => driver.add(READABLE, 0, READABLE));
    const polled: number[] = [];
    driver.set.beginPass();
    for (;;) {
      const token = driver.set.pollToken();
      if (token === NO_TOKEN) break;
      polled.push(token);
      driver.set.report(token, READABLE);
      if (polled.length === 2) driver.set.remove(tokens[removed]!);
    }
    const expected = tokens.filter((_, i) => i < 2 || i !== removed);
    assert.deepEqual(polled, expected, `removed ${removed}`);
  }
});

test("a token that was removed is never reported, its place's next owner is", () => {
  const driver = new Driver();
  const former = driver.add(READABLE, 0, READABLE);
  assert.equal(driver.set.remove(former), true);
  assert.deepEqual(driver.pass(), []);
  const token = driver.add(READABLE, 0);
  assert.equal(placeOf(token), placeOf(former));
  assert.notEqual(token, former);
  assert.equal(driver.set.has(former), false);
  assert.equal(driver.set.handleArrived(former, READABLE), false);
  assert.equal(driver.set.modify(former, READABLE, 0, READABLE), false);
  assert.equal(driver.set.remove(former), false);
  assert.equal(driver.set.report(former, READABLE), 0);
  assert.deepEqual(driver.pass(), []);
  driver.arrive(token, READABLE);
  assert.deepEqual(driver.pass(), [[token, READABLE]]);
});

test("tokens of one place are all different, and no number is taken for one", () => {
  const set = new ReadinessSet(1);
  const seen = new Set<number>();
  for (let i = 0; i < 10_000; i++) {
    const token = set.add(READABLE, 0, READABLE);
    seen.add(token);
    set.remove(token);
  }
  assert.equal(seen.size, 10_000);
  const held = set.add(READABLE, 0, 0);
  for (const forged of [0, -1, -held, held + 0.5, NaN, Infinity, 2 ** 53]) {
    assert.equal(set.has(forged), false, String(forged));
    assert.equal(set.handleArrived(forged, READABLE), false);
    assert.equal(set.remove(forged), false);
  }
  assert.equal(set.size, 1);
});

// The same by arrays and maps, with no thought of cost.

interface Watched {
  interest: number;
  mode: number;
  arrived: number;
  readiness: number;
}

class Model {
  readonly watched = new Map<number, Watched>();
  queue: number[] = [];

  arm(token: number, interest: number, mode: number, readiness: number): void {
    const arrived = readiness & (interest | HUP | ERROR);
    this.watched.set(token, { interest, mode, arrived, readiness });
    const queued = this.queue.includes(token);
    if (arrived === 0) this.queue = this.queue.filter((t) => t !== token);
    else if (!queued) this.queue.push(token);
  }

  remove(token: number): void {
    this.watched.delete(token);
    this.queue = this.queue.filter((t) => t !== token);
  }

  arrive(token: number, bits: number): void {
    const it = this.watched.get(token)!;
    it.readiness |= bits;
    const news = bits & (it.interest < 0 ? 0 : it.interest | HUP | ERROR);
    it.arrived |= news;
    if (news !== 0 && !this.queue.includes(token)) this.queue.push(token);
  }

  pass(room: number): [number, number][] {
    const events: [number, number][] = [];
    const todo = this.queue;
    const again: number[] = [];
    while (todo.length > 0 && events.length < room) {
      const token = todo.shift()!;
      const it = this.watched.get(token)!;
      const ready = it.readiness &
        (it.interest < 0 ? 0 : it.interest | HUP | ERROR);
      const news = it.arrived & ready;
      it.arrived = 0;
      if (ready === 0 || ((it.mode & EDGE) !== 0 && news === 0)) continue;
      events.push([token, ready]);
      if ((it.mode & ONE_SHOT) !== 0) it.interest = -1; // not armed
      else if ((it.mode & EDGE) === 0) again.push(token);
    }
    this.queue = [...todo, ...again];
    return events;
  }
}

const which = fc.nat(1000);
const bits = fc.integer({ min: 0, max: 31 });
const interests = fc.integer({ min: 0, max: 7 });
const someMode = fc.integer({ min: 0, max: 3 });
const operation = fc.oneof(
  fc.tuple(fc.constant("add"), interests, someMode, bits),
  fc.tuple(fc.constant("modify"), which, interests, someMode),
  fc.tuple(fc.constant("remove"), which),
  fc.tuple(fc.constant("arrive"), which, bits),
  fc.tuple(fc.constant("become"), which, bits),
  fc.tuple(fc.constant("stale"), which, bits),
  fc.tuple(fc.constant("pass"), fc.integer({ min: 1, max: 5 })),
);

test("agrees with a model of arrays under random operations", () => {
  const operations = fc.array(operation, { maxLength: 120, size: "max" });
  fc.assert(
    fc.property(operations, (sequence) => {
      const driver = new Driver();
      const model = new Model();
      const live: number[] = [];
      const gone: number[] = [];
      for (const [name, first, second = 0, third = 0] of sequence) {
        const index = live.length === 0 ? -1 : (first as number) % live.length;
        const token = live[index] ?? 0;
        if (name === "add") {
          const made = driver.add(first as number, second, third);
          assert.ok(!live.includes(made) && !gone.includes(made));
          live.push(made);
          model.arm(made, first as number, second, third);
        } else if (name === "pass") {
          const room = first as number;
          assert.deepEqual(driver.pass(room), model.pass(room));
        } else if (name === "stale") {
          const stale = gone[(first as number) % (gone.length || 1)] ?? 0;
          assert.equal(driver.set.handleArrived(stale, second), false);
          assert.equal(driver.set.modify(stale, second, 0, second), false);
        } else if (token === 0) {
          continue;
        } else if (name === "remove") {
          driver.set.remove(token);
          model.remove(token);
          live.splice(index, 1);
          gone.push(token);
        } else if (name === "modify") {
          driver.modify(token, second, third);
          model.arm(token, second, third, driver.readinessOf(token));
        } else if (name === "arrive") {
          driver.arrive(token, second);
          model.arrive(token, second);
        } else {
          driver.become(token, second);
          model.watched.get(token)!.readiness = second;
        }
        assert.equal(driver.set.size, live.length);
        assert.equal(driver.set.queued, model.queue.length);
      }
    }),
    { numRuns: 2000 },
  );
});
