/** Pauses between attempts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../core/backoff.ts";

function pauses(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.next());
}

test("backoff: it doubles up to its limit, and stays there", () => {
  const backoff = new Backoff(1, 20);
  assert.deepEqual(pauses(backoff, 7), [1, 2, 4, 8, 16, 20, 20]);
});

test("backoff: a success brings the first pause back", () => {
  const backoff = new Backoff(5, 1000);
  assert.deepEqual(pauses(backoff, 3), [5, 10, 20]);
  backoff.reset();
  assert.deepEqual(pauses(backoff, 2), [5, 10]);
});

test("backoff: chance takes up to half of a pause away, and never moves the next", () => {
  const backoff = new Backoff(100, 400);
  assert.equal(backoff.next(0), 50);
  assert.equal(backoff.next(0.5), 150);
  assert.equal(backoff.next(0.999), 399.8);
  assert.equal(backoff.next(), 400);
});
