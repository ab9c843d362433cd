/** The inbox: whose bytes they are between the adapter and the reader. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { Inbox } from "../../api/inbox.ts";

function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index);
}

/** An adapter that reads into one buffer, and spoils it as soon as it may use it again. */
class Lender {
  readonly inbox: Inbox;
  readonly #size: number;
  #memory: Uint8Array;
  /** Buffers that were given away. */
  given = 0;

  constructor(inbox: Inbox, size = 65_536) {
    this.inbox = inbox;
    this.#size = size;
    this.#memory = new Uint8Array(size);
  }

  /** An event with data; `during` is what the reader does meanwhile. */
  lend(content: Uint8Array, during?: () => void): void {
    this.#memory.set(content);
    this.inbox.push(this.#memory.subarray(0, content.length), true);
    during?.();
    if (!this.inbox.isSettled && this.inbox.settle()) {
      this.given++;
      this.#memory = new Uint8Array(this.#size);
    } else this.#memory.fill(0xdb);
  }

  /** An event with data that is nobody else's. */
  give(content: Uint8Array, during?: () => void): void {
    this.inbox.push(new Uint8Array(content), false);
    during?.();
    if (!this.inbox.isSettled) assert.equal(this.inbox.settle(), false);
  }
}

test("inbox: a small lent chunk is copied, a large one leaves with its buffer", () => {
  for (
    const [length, size, gives] of [
      [100, 65_536, 0],
      [4095, 4096, 0],
      [4096, 8192, 1],
      [4096, 8193, 0],
      [32_768, 65_536, 1],
      [32_767, 65_536, 0],
      [65_536, 65_536, 1],
    ] as const
  ) {
    for (const when of ["during", "after"] as const) {
      const lender = new Lender(new Inbox(), size);
      let taken: Uint8Array | undefined;
      const take = (): void => void (taken = lender.inbox.shift(false));
      lender.lend(bytes(length), when === "during" ? take : undefined);
      if (when === "after") take();
      assert.deepEqual(taken, bytes(length));
      assert.equal(lender.given, gives, `${length} of ${size}, ${when}`);
      lender.lend(bytes(10), () => void lender.inbox.shift(true));
      assert.deepEqual(taken, bytes(length), "used again");
    }
  }
});

test("inbox: borrowed bytes are the adapter's own, and it keeps its buffer", () => {
  const lender = new Lender(new Inbox());
  let borrowed: Uint8Array | undefined;
  lender.lend(bytes(65_536), () => {
    borrowed = lender.inbox.shift(true);
    assert.deepEqual(borrowed, bytes(65_536));
    assert.equal(lender.inbox.lends(borrowed), true);
    assert.equal(lender.inbox.lends(bytes(3)), false);
  });
  assert.equal(lender.given, 0);
  assert.equal(borrowed![0], 0xdb);
  assert.equal(lender.inbox.lends(borrowed!), false);
});

test("inbox: a loan may be kept once, and returned before the event is over", () => {
  const lender = new Lender(new Inbox());
  const { inbox } = lender;
  lender.lend(bytes(5), () => {
    inbox.shift(true);
    assert.equal(inbox.keepLoan(), true);
    assert.equal(
      inbox.keepLoan(),
      false,
      "two could not tell when both are done",
    );
  });
  assert.equal(lender.given, 1);
  lender.lend(bytes(5), () => {
    inbox.shift(true);
    inbox.keepLoan();
    inbox.returnLoan();
  });
  assert.equal(lender.given, 1);
});

test("inbox: what was read in part stays, and is the inbox's own", () => {
  const lender = new Lender(new Inbox());
  const buffer = new Uint8Array(30);
  lender.lend(bytes(100), () => {
    assert.equal(lender.inbox.copyInto(buffer), 30);
  });
  assert.deepEqual(buffer, bytes(30));
  buffer.fill(0xee);
  lender.lend(bytes(100, 100));
  const rest = new Uint8Array(500);
  assert.equal(lender.inbox.copyInto(rest), 170);
  assert.deepEqual(rest.subarray(0, 170), bytes(170, 30));
  assert.equal(lender.inbox.copyInto(rest), 0);
  assert.equal(lender.inbox.empty, true);
});

test("inbox: a Buffer's chunk is a plain copy where it is copied", () => {
  const inbox = new Inbox();
  const memory = Buffer.alloc(1000);
  memory.set(bytes(10));
  inbox.push(memory.subarray(0, 10), true);
  const taken = inbox.shift(false);
  assert.equal(inbox.settle(), false);
  memory.fill(0xdb);
  assert.deepEqual([...taken], [...bytes(10)]);
});

test("inbox: bytes in small packets take little more room than they are", () => {
  const lender = new Lender(new Inbox());
  for (let at = 0; at < 65_536; at++) lender.lend(bytes(1, at));
  assert.ok(lender.inbox.places < 20, `${lender.inbox.places} places`);
  const all = new Uint8Array(65_536);
  assert.equal(lender.inbox.copyInto(all), 65_536);
  assert.deepEqual(all, bytes(65_536));
});

test("inbox: a reader that is always behind does not make it grow", () => {
  for (const length of [1, 5000]) {
    const lender = new Lender(new Inbox());
    lender.lend(bytes(length));
    for (let round = 1; round < 5000; round++) {
      lender.lend(bytes(length, round));
      const buffer = new Uint8Array(length);
      assert.equal(lender.inbox.copyInto(buffer), length);
      assert.equal(buffer[0], (round - 1) & 255);
    }
    assert.ok(lender.inbox.places < 200, `${lender.inbox.places} places`);
  }
});

// A model: all bytes that wait, one after the other.

type Step =
  | { do: "lend"; length: number; during: Reading[] }
  | { do: "give"; length: number; during: Reading[] }
  | Reading
  | { do: "clear" };
type Reading =
  | { do: "shift"; spoil: boolean }
  | { do: "copyInto"; length: number }
  | { do: "borrow" };

const length = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 10_000 }) },
);
const reading: fc.Arbitrary<Reading> = fc.oneof(
  fc.record({ do: fc.constant("shift"), spoil: fc.boolean() }),
  fc.record({ do: fc.constant("copyInto"), length }),
  fc.constant({ do: "borrow" }),
) as fc.Arbitrary<Reading>;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom("lend", "lend", "give"),
      length,
      during: fc.array(reading, { maxLength: 3 }),
    }),
  },
  { weight: 6, arbitrary: reading },
  { weight: 1, arbitrary: fc.constant({ do: "clear" }) },
) as fc.Arbitrary<Step>;

class Model {
  readonly inbox: Inbox = new Inbox();
  readonly #lender = new Lender(this.inbox, 10_000);
  readonly #taken: { view: Uint8Array; content: Uint8Array }[] = [];
  #waiting: number[] = [];
  #next = 0;

  perform(step: Step): void {
    if (step.do === "clear") {
      this.inbox.clear();
      this.#waiting = [];
    } else if (step.do === "lend" || step.do === "give") {
      const content = bytes(step.length, this.#next += 41);
      this.#waiting.push(...content);
      this.#lender[step.do](content, () => {
        for (const reading of step.during) this.#read(reading);
      });
    } else this.#read(step);
    assert.equal(this.inbox.empty, this.#waiting.length === 0);
    for (const { view, content } of this.#taken) {
      assert.ok(Buffer.compare(view, content) === 0, "it was ours");
    }
  }

  #read(reading: Reading): void {
    if (this.inbox.empty) return;
    if (reading.do === "copyInto") {
      const buffer = new Uint8Array(reading.length);
      const count = this.inbox.copyInto(buffer);
      assert.equal(count, Math.min(reading.length, this.#waiting.length));
      return this.#expect(buffer.subarray(0, count));
    }
    const chunk = this.inbox.shift(reading.do === "borrow");
    this.#expect(chunk);
    if (reading.do === "borrow") return;
    // The whole buffer is the reader's, to transfer it, say.
    if (reading.spoil) new Uint8Array(chunk.buffer).fill(0xee);
    this.#taken.push({ view: chunk, content: new Uint8Array(chunk) });
  }

  #expect(chunk: Uint8Array): void {
    assert.ok(chunk.length > 0);
    const expected = this.#waiting.splice(0, chunk.length);
    assert.ok(Buffer.compare(chunk, Uint8Array.from(expected)) === 0);
  }
}

test("inbox: random operations, against a model", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const model = new Model();
      for (const step of steps) model.perform(step);
    }),
    { seed: 1, numRuns: 400 },
  );
});
