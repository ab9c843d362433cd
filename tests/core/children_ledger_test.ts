/** The accounts of a server's children. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChildLedger } from "../../core/children/ledger.ts";
import type { ChildCounts } from "../../core/children/messages.ts";

function counts(taken: number, left: number, bytesRead = 0): ChildCounts {
  const others = { failed: 0, rejected: 0, acceptErrors: 0, bytesWritten: 0 };
  return { taken, left, bytesRead, ...others };
}

test("ledger: what is new in totals, each once", () => {
  const ledger = new ChildLedger();
  ledger.handleStarted(1);
  assert.deepEqual(
    ledger.handleCounts(1, counts(3, 1)),
    { taken: 3, left: 1, freed: 0 },
  );
  assert.deepEqual(
    ledger.handleCounts(1, counts(5, 5)),
    { taken: 2, left: 4, freed: 0 },
  );
  assert.deepEqual(
    ledger.handleCounts(1, counts(5, 5)),
    { taken: 0, left: 0, freed: 0 },
  );
});

test("ledger: places of given connections are freed when they are over, the rest with the child", () => {
  const ledger = new ChildLedger();
  ledger.handleStarted(1);
  for (let i = 0; i < 3; i++) ledger.handleGiven(1);
  ledger.handleReturned(1);
  assert.equal(ledger.given, 2);
  assert.equal(ledger.handleCounts(1, counts(0, 1)).freed, 1);
  assert.equal(ledger.handleGone(1), 1);
  assert.equal(ledger.handleGone(1), 0);
});

test("ledger: what a child told stays in the total when it is gone", () => {
  const ledger = new ChildLedger();
  ledger.handleStarted(1);
  ledger.handleStarted(2);
  ledger.handleCounts(1, counts(2, 2, 10));
  ledger.handleCounts(2, counts(1, 0, 7));
  ledger.handleGone(1);
  assert.equal(ledger.total.taken, 3);
  assert.equal(ledger.total.bytesRead, 17);
  assert.equal(ledger.countsOf(1).taken, 0);
  assert.equal(ledger.countsOf(2).taken, 1);
  // It may still say something.
  assert.deepEqual(
    ledger.handleCounts(1, counts(9, 9)),
    { taken: 0, left: 0, freed: 0 },
  );
  assert.equal(ledger.total.taken, 3);
});

test("ledger: how connections ended while the server was closing", () => {
  const ledger = new ChildLedger();
  ledger.handleClosed(2, 1);
  ledger.handleDropped();
  assert.deepEqual([ledger.drained, ledger.aborted], [2, 2]);
});

test("ledger: every place is freed once, whatever children tell", () => {
  const step = fc.tuple(fc.boolean(), fc.nat(3), fc.nat(3));
  fc.assert(fc.property(fc.array(step), (steps) => {
    const ledger = new ChildLedger();
    ledger.handleStarted(1);
    let taken = 0, left = 0, freed = 0;
    for (const [gives, more, over] of steps) {
      if (gives) ledger.handleGiven(1);
      taken += more;
      left = Math.min(left + over, taken + ledger.given);
      freed += ledger.handleCounts(1, counts(taken, left)).freed;
      assert.ok(freed <= ledger.given, "more than were given");
    }
    freed += ledger.handleGone(1);
    assert.equal(freed, ledger.given);
  }));
});
