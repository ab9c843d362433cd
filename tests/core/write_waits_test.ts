/** How a writer waits for room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WriteWaits } from "../../core/write_waits.ts";

/** What fits each time, and the wait that follows. */
function waits(machine: WriteWaits, ...rounds: [number, number][]): void {
  for (const [at, [taken, wait]] of rounds.entries()) {
    machine.handleTaken(taken);
    assert.equal(machine.nextWait(), wait, `round ${at}, ${taken} bytes`);
  }
}

const KiB = 1024;

/** A machine that has seen a slow reader, and looks after 1 ms. */
function slowed(): WriteWaits {
  const machine = new WriteWaits();
  waits(machine, [65536, 0], [4096, 0], [4096, 0], [4096, 0], [4096, 1]);
  return machine;
}

test("write waits: a fast reader is always waited for by being told", () => {
  const machine = new WriteWaits();
  for (let round = 0; round < 10; round++) waits(machine, [65536, 0]);
});

test("write waits: three small rooms in a row say nothing, four do", () => {
  const machine = new WriteWaits();
  waits(machine, [4096, 0], [100, 0], [4096, 0], [8192, 0]);
  waits(machine, [4096, 0], [4096, 0], [4096, 0], [4096, 1]);
});

test("write waits: parts of one room count together", () => {
  const machine = new WriteWaits();
  for (let round = 0; round < 10; round++) {
    machine.handleTaken(4096);
    machine.handleTaken(4096);
    assert.equal(machine.nextWait(), 0);
  }
});

test("write waits: the pace follows the reader, up to 20 ms", () => {
  waits(
    slowed(),
    [4 * KiB, 2],
    [8 * KiB, 4],
    [20 * KiB, 4],
    [31 * KiB, 4],
    [40 * KiB, 2],
    [4 * KiB, 4],
    [4 * KiB, 8],
    [4 * KiB, 16],
    [4 * KiB, 20],
    [4 * KiB, 20],
  );
});

test("write waits: a reader that turned fast is told of again", () => {
  waits(slowed(), [64 * KiB, 0], [4096, 0], [4096, 0], [4096, 0], [4096, 1]);
});

test("write waits: a reader that took nothing is not asked again and again", () => {
  waits(slowed(), [0, 0], [0, 0], [0, 0], [4096, 1]);
});

test("write waits: where nobody tells, pauses double until bytes are taken", () => {
  const machine = new WriteWaits();
  const pauses = [];
  for (let round = 0; round < 9; round++) pauses.push(machine.nextPause());
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
  machine.handleTaken(0);
  assert.equal(machine.nextPause(), 100);
  machine.handleTaken(1);
  assert.equal(machine.nextPause(), 1);
});
