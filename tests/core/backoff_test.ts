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
