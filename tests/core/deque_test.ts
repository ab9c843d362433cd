/** The queue in an array, beside a plain one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Deque } from "../../core/deque.ts";

test("a queue does what an array does, whatever the order of operations", () => {
  let seed = 11;
  const next = (most: number): number =>
    (seed = (seed * 48271) % 2147483647) % most;
  const queue = new Deque<number>();
  let model: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    const choice = next(20);
    if (choice < 10) {
      queue.push(round);
      model.push(round);
    } else if (choice < 17) assert.equal(queue.shift(), model.shift());
    else if (choice === 17) {
      const item = model[next(model.length + 1)] ?? -1;
      const there = model.includes(item);
      model = model.filter((each) => each !== item);
      assert.equal(queue.remove(item), there);
    } else if (choice === 18 && next(50) === 0) {
      const odd = (item: number) => item % 2 === 1;
      assert.deepEqual(queue.retain(odd), model.filter((item) => !odd(item)));
      model = model.filter(odd);
    } else if (next(500) === 0) {
      queue.clear();
      model = [];
    }
    assert.equal(queue.length, model.length);
    assert.equal(queue.first, model[0]);
  }
  while (model.length > 0) assert.equal(queue.shift(), model.shift());
  assert.equal(queue.shift(), undefined);
});
