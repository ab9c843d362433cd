/** Random programs against the model: pinned seeds, and every program that ever failed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Between, type Program, run } from "./model.ts";
import type { Limits } from "./peer.ts";
import { isAllOf, isStartOf, type Piece } from "./pieces.ts";
import { program } from "./programs.ts";

const between: Between = {
  seed: 0,
  latency: [0, 0],
  jitter: 0,
  chunk: null,
  window: 1,
  lend: false,
  holdPending: false,
  shutdownDelay: 0,
  resetAfter: null,
};
const limits: Limits = {
  readHighWater: 1,
  writeHighWater: 1,
  maxQueued: 5000,
  flushTimeout: 300,
  lingerTimeout: 0,
  allowHalfOpen: false,
};
const plain: Omit<Program, "steps"> = {
  between,
  limits: [limits, limits],
  handling: null,
  finish: "graceful",
};

/** Programs that failed once, as they were after shrinking, and what they showed. */
const kept: Record<string, Program> = {
  "a paused read, its connection reset and then aborted, waited for ever": {
    ...plain,
    between: { ...between, resetAfter: 1 },
    steps: [
      { side: 0, do: "pause" },
      { side: 0, do: "read", op: {} },
      { side: 1, do: "send", length: 1 },
      { do: "wait", ms: 0 },
      { side: 0, do: "abort" },
    ],
  },
  "a read behind our own close, of a connection reset before, gave an end": {
    ...plain,
    steps: [
      { side: 0, do: "send", length: 3 },
      { side: 1, do: "write", length: 1, op: {} },
      { side: 1, do: "close" },
      { do: "wait", ms: 0 },
      { side: 0, do: "close" },
    ],
  },
};

test("programs that failed once do not any more", async () => {
  for (const one of Object.values(kept)) await run(one);
});

for (const seed of [1, 2, 3, 4]) {
  test(`random programs, seed ${seed}: bytes are a prefix, ends are whole, everything settles`, async () => {
    await fc.assert(
      fc.asyncProperty(program, async (one) => void await run(one)),
      { seed, numRuns: 120 },
    );
  });
}

test("the same program is the same run, to the last event", async () => {
  for (const one of fc.sample(program, { seed: 5, numRuns: 40 })) {
    const first = await run(one);
    assert.deepEqual(await run(one), first);
  }
});

test("the model tells bytes that are altered, lost, doubled or out of order", () => {
  const piece = (content: number[], taken?: number): Piece => ({
    content: Uint8Array.from(content),
    taken,
  });
  const sent = [
    piece([1, 2, 3], 3),
    piece([4, 5, 6], 2), // A timeout took the rest back.
    piece([7, 8]), // A signal took some of it back.
    piece([9], 1),
  ];
  for (const all of [[1, 2, 3, 4, 5, 9], [1, 2, 3, 4, 5, 7, 8, 9]]) {
    assert.ok(isAllOf(all, sent), `${all}`);
    for (let length = 0; length < all.length; length++) {
      assert.ok(isStartOf(all.slice(0, length), sent), `${length} of ${all}`);
    }
  }
  const wrong = [
    [1, 2, 3, 4, 5, 6],
    [1, 2, 3, 4, 5, 8],
    [1, 2, 4, 5],
    [1, 2, 3, 3],
    [4, 5],
    [1, 2, 3, 4, 5, 7, 9, 9],
  ];
  for (const bytes of wrong) assert.ok(!isStartOf(bytes, sent), `${bytes}`);
  assert.ok(!isAllOf([1, 2, 3, 4, 5], sent));
});
