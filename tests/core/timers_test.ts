import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Deadlined, Timers } from "../../core/timers.ts";

class Item implements Deadlined {
  timerIndex = -1;
  deadline: number;
  fired: number[] = [];
  readonly #then: ((item: Item, now: number) => void) | undefined;
  constructor(deadline: number, then?: (item: Item, now: number) => void) {
    this.deadline = deadline;
    this.#then = then;
  }
  pollTimeout(): number {
    return this.deadline;
  }
  handleTimeout(now: number): void {
    this.fired.push(now);
    this.deadline = Infinity;
    this.#then?.(this, now);
  }
}

test("timers: the earliest deadline is told, and fires alone", () => {
  const timers = new Timers();
  const items = [30, 10, 20].map((at) => new Item(at));
  for (const item of items) timers.update(item);
  assert.equal(timers.pollTimeout(), 10);
  timers.handleTimeout(9);
  assert.deepEqual(items.map((item) => item.fired), [[], [], []]);
  timers.handleTimeout(10);
  assert.deepEqual(items.map((item) => item.fired), [[], [10], []]);
  assert.equal(timers.pollTimeout(), 20);
  assert.equal(timers.size, 2);
});

test("timers: a deadline that moved later is found out when the old one comes", () => {
  const timers = new Timers();
  const item = new Item(10);
  timers.update(item);
  item.deadline = 50;
  assert.equal(timers.pollTimeout(), 10);
  timers.handleTimeout(10);
  assert.deepEqual(item.fired, []);
  assert.equal(timers.pollTimeout(), 50);
  timers.handleTimeout(50);
  assert.deepEqual(item.fired, [50]);
});

test("timers: an earlier deadline counts at once, none at all leaves", () => {
  const timers = new Timers();
  const item = new Item(100);
  const other = new Item(200);
  timers.update(item);
  timers.update(other);
  other.deadline = 5;
  timers.update(other);
  assert.equal(timers.pollTimeout(), 5);
  other.deadline = Infinity;
  timers.update(other);
  assert.equal(timers.pollTimeout(), 100);
  assert.equal(timers.size, 1);
  timers.remove(item);
  assert.equal(timers.pollTimeout(), Infinity);
  timers.remove(item);
  assert.equal(timers.size, 0);
});

test("timers: what is due again at once waits for the next call", () => {
  const timers = new Timers();
  const item = new Item(1, (self) => self.deadline = 1);
  timers.update(item);
  timers.handleTimeout(1);
  assert.deepEqual(item.fired, [1]);
  timers.handleTimeout(1);
  assert.deepEqual(item.fired, [1, 1]);
});

test("timers: one that fires may remove and add others", () => {
  const timers = new Timers();
  const victim = new Item(2);
  const late = new Item(3);
  const first = new Item(1, () => {
    timers.remove(victim);
    timers.update(late);
  });
  timers.update(first);
  timers.update(victim);
  timers.handleTimeout(3);
  assert.deepEqual(victim.fired, []);
  timers.handleTimeout(3);
  assert.deepEqual(late.fired, [3]);
});

test("timers: against a sorted list, for random operations", () => {
  const step = fc.record({
    which: fc.nat(9),
    deadline: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Infinity)),
    advance: fc.nat(5),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const timers = new Timers();
    const items = Array.from({ length: 10 }, () => new Item(Infinity));
    let now = 0;
    for (const { which, deadline, advance } of steps) {
      items[which]!.deadline = deadline;
      timers.update(items[which]!);
      now += advance;
      const due = items.filter((item) => item.deadline <= now);
      const before = due.map((item) => item.fired.length);
      // A stale entry may hold the head: it is asked again and moved on.
      while (timers.pollTimeout() <= now) timers.handleTimeout(now);
      due.forEach((item, i) => {
        assert.equal(item.fired.length, before[i]! + 1);
      });
      const next = Math.min(...items.map((item) => item.deadline));
      assert.ok(timers.pollTimeout() <= next);
    }
  }));
});
