/** The outbox: whose bytes they are while they wait to be sent, and what writes are told. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { Outbox, type WriteWaiter } from "../../api/outbox.ts";

/** A waiter that notes what it is told. */
class Told implements WriteWaiter {
  readonly deadline: number;
  readonly told: (string | number)[] = [];

  constructor(deadline = Infinity) {
    this.deadline = deadline;
  }
  resolve(): void {
    this.told.push("ok");
  }
  reject(bytesTaken: number): void {
    this.told.push(bytesTaken);
  }
}

function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index);
}

/** Takes everything out, as a transport that takes at most `limit` at a time. */
function takeAll(outbox: Outbox, limit = 65_536): number[] {
  const taken: number[] = [];
  while (!outbox.empty) {
    const offer = outbox.offer(limit);
    taken.push(...offer);
    outbox.advance(offer.length, false);
  }
  return taken;
}

test("outbox: copies are the outbox's own, of a Buffer too, whose slice() copies nothing", () => {
  for (const length of [1, 4096, 4097, 70_000]) {
    const outbox = new Outbox();
    const sent = bytes(length);
    const buffer = Buffer.from(sent);
    outbox.pushCopy(buffer);
    buffer.fill(0xee);
    const view = new Uint8Array(length + 2);
    view.set(sent, 1);
    outbox.pushCopy(view.subarray(1, -1));
    view.fill(0xee);
    assert.equal(outbox.copied, 2 * length);
    assert.deepEqual(takeAll(outbox), [...sent, ...sent]);
    assert.equal(outbox.copied, 0);
  }
});

test("outbox: small copies leave together, but never what is being offered", () => {
  const outbox = new Outbox();
  outbox.pushCopy(bytes(10));
  const held = outbox.offer(100);
  outbox.advance(0, true);
  for (let count = 0; count < 100; count++) outbox.pushCopy(bytes(10, count));
  assert.deepEqual(held, bytes(10));
  outbox.advance(10, false);
  assert.equal(outbox.offer(65_536).length, 1000);
  assert.equal(outbox.offer(999).length, 999);
});

test("outbox: a copy of 4096 bytes fills its buffer, one more byte begins another", () => {
  const outbox = new Outbox();
  outbox.pushCopy(bytes(1)); // At the front nothing is added to.
  outbox.pushCopy(bytes(4095, 1));
  outbox.pushCopy(bytes(1, 7));
  outbox.pushCopy(bytes(1, 8));
  const lengths: number[] = [];
  while (!outbox.empty) {
    const { length } = outbox.offer(65_536);
    lengths.push(length);
    outbox.advance(length, false);
  }
  assert.deepEqual(lengths, [1, 4096, 1]);
});

test("outbox: a buffer of small copies is handed out again only when it was sent", () => {
  const boxes = [new Outbox(), new Outbox(), new Outbox()];
  for (let round = 0; round < 50; round++) {
    const sent = boxes.map((outbox, index) => {
      outbox.pushCopy(bytes(100 + index, round * 7 + index));
      const held = outbox.offer(64);
      outbox.advance(round % 65, true);
      return held;
    });
    boxes.forEach((outbox, index) => {
      const expected = bytes(100 + index, round * 7 + index);
      assert.deepEqual(sent[index], expected.subarray(0, 64));
      outbox.advance(64 - round % 65, false);
      assert.deepEqual(takeAll(outbox), [...expected.subarray(64)]);
    });
  }
});

test("outbox: what was cleared while a transport holds it is not handed out again", () => {
  const cleared = new Outbox();
  cleared.pushCopy(bytes(50));
  const held = cleared.offer(100);
  cleared.advance(0, true);
  cleared.clear();
  assert.equal(cleared.empty, true);
  assert.equal(cleared.copied, 0);
  const others = Array.from({ length: 300 }, () => new Outbox());
  for (const other of others) other.pushCopy(bytes(50, 99));
  assert.deepEqual(held, bytes(50));
  for (const other of others) takeAll(other);
});

test("outbox: bytes that are ours and bytes that are lent are not copied", () => {
  const outbox = new Outbox();
  const owned = bytes(3);
  const lent = bytes(3, 50);
  const waiter = new Told();
  outbox.pushOwned(owned, false);
  outbox.pushLent(lent, waiter);
  assert.equal(outbox.copied, 3);
  assert.equal(outbox.offer(10).buffer, owned.buffer);
  outbox.advance(3, false);
  assert.equal(outbox.offer(10).buffer, lent.buffer);
  outbox.advance(3, false);
  assert.deepEqual(waiter.told, []);
  outbox.settleDone();
  outbox.settleDone();
  assert.deepEqual(waiter.told, ["ok"]);
});

test("outbox: a kept loan is given back once, with its last byte", () => {
  const outbox = new Outbox();
  const loan = bytes(10);
  outbox.pushOwned(bytes(1), false);
  outbox.pushOwned(loan, true);
  outbox.offer(5);
  assert.equal(outbox.advance(1, false), undefined);
  outbox.offer(5);
  assert.equal(outbox.advance(5, false), undefined);
  outbox.offer(50);
  assert.equal(outbox.advance(0, true), undefined);
  assert.equal(outbox.advance(5, false)?.buffer, loan.buffer);
  assert.equal(outbox.empty, true);
});

test("outbox: a write given up counts what the transport holds as taken, and drops the rest", () => {
  const outbox = new Outbox();
  const [first, second, third] = [new Told(), new Told(), new Told()];
  outbox.pushLent(bytes(100), first);
  outbox.pushLent(bytes(100), second);
  outbox.pushLent(bytes(100, 200), third);
  outbox.offer(70);
  outbox.advance(20, true); // 50 are held.
  assert.equal(outbox.reject(first), 30);
  assert.deepEqual(first.told, [70]);
  assert.equal(outbox.reject(first), 0);
  assert.equal(outbox.reject(second), 100);
  assert.deepEqual(second.told, [0]);
  outbox.advance(50, false);
  assert.deepEqual(takeAll(outbox), [...bytes(100, 200)]);
  outbox.settleDone();
  assert.deepEqual([first.told, second.told, third.told], [[70], [0], ["ok"]]);
});

test("outbox: where the transport lets go of the rest, a write given up takes no more", () => {
  const outbox = new Outbox();
  const waiter = new Told();
  outbox.pushLent(bytes(100), waiter);
  outbox.pushCopy(bytes(5, 60));
  outbox.offer(70);
  outbox.advance(20, false);
  assert.equal(outbox.reject(waiter), 80);
  assert.deepEqual(waiter.told, [20]);
  assert.deepEqual(takeAll(outbox), [...bytes(5, 60)]);
});

test("outbox: deadlines: no later than the earliest that waits, none when nobody does", () => {
  const outbox = new Outbox();
  assert.equal(outbox.deadline, Infinity);
  const waiters = [30, 10, 20, 10, Infinity].map((at) => new Told(at));
  for (const waiter of waiters) outbox.pushLent(bytes(4), waiter);
  assert.equal(outbox.deadline, 10);
  assert.equal(outbox.rejectExpired(9), 0);
  assert.equal(outbox.rejectExpired(10), 8);
  assert.equal(outbox.deadline, 20);
  outbox.offer(4);
  outbox.advance(2, true); // The first, of 30, has two bytes held.
  assert.equal(outbox.rejectExpired(30), 4);
  assert.deepEqual(waiters.map(({ told }) => told), [[4], [0], [0], [0], []]);
  assert.equal(outbox.deadline, Infinity);
  assert.equal(outbox.waiting, true);
  outbox.advance(2, false);
  assert.deepEqual(takeAll(outbox), [...bytes(4)]);
  assert.equal(outbox.waiting, false);
  outbox.settleDone();
  assert.deepEqual(waiters[4]!.told, ["ok"]);
});

test("outbox: at the end every write that waits is told, in order, and nothing is left", () => {
  const outbox = new Outbox();
  const order: number[] = [];
  const waiter = (id: number): WriteWaiter => ({
    deadline: 5,
    resolve: () => void order.push(id),
    reject: (taken) => void order.push(id, taken),
  });
  outbox.pushLent(bytes(10), waiter(1));
  outbox.pushCopy(bytes(10));
  outbox.pushLent(bytes(10), waiter(2));
  outbox.pushLent(bytes(10), waiter(3));
  outbox.offer(10);
  outbox.advance(4, true);
  outbox.clear();
  assert.deepEqual(order, [1, 4, 2, 0, 3, 0]);
  assert.equal(outbox.empty, true);
  assert.equal(outbox.waiting, false);
  assert.equal(outbox.deadline, Infinity);
});

// A model: all bytes that are queued, one after the other, and who waits for them.

interface Entry {
  readonly kind: "copy" | "owned" | "loan" | "lent";
  readonly content: Uint8Array;
  readonly waiter: Told | undefined;
  taken: number;
  /** Where it ends, once it was given up. */
  end: number;
}

class Model {
  readonly outbox: Outbox = new Outbox();
  entries: Entry[] = [];
  /** What the transport holds: a view, and what it must go on to contain. */
  held: { view: Uint8Array; content: Uint8Array } | undefined;
  finished: Told[] = [];
  /** What those who were given up were told. */
  readonly expected: Map<Told, number> = new Map();
  #next = 1;

  push(kind: Entry["kind"], length: number, deadline: number): void {
    const content = bytes(length, this.#next += 41);
    const given = Buffer.from(content);
    const waiter = kind === "lent" ? new Told(deadline) : undefined;
    if (kind === "copy") {
      this.outbox.pushCopy(given);
      given.fill(0xee);
    } else if (waiter === undefined) {
      this.outbox.pushOwned(given, kind === "loan");
    } else this.outbox.pushLent(given, waiter);
    this.entries.push({ kind, content, waiter, taken: 0, end: length });
  }

  /** The next bytes, as far as one offer may reach. */
  #expected(length: number): number[] {
    const all: number[] = [];
    for (const { kind, content, taken, end } of this.entries) {
      all.push(...content.subarray(taken, end));
      if (all.length >= length) break;
      assert.equal(kind, "copy", "only copies leave together");
    }
    return all.slice(0, length);
  }

  transmit(limit: number, share: number, holding: boolean): void {
    if (this.outbox.empty || this.held !== undefined) return;
    const offer = this.outbox.offer(limit);
    assert.ok(offer.length > 0 && offer.length <= limit);
    assert.deepEqual([...offer], this.#expected(offer.length));
    const taken = Math.floor(offer.length * share);
    const loan = this.#advance(taken);
    assert.equal(this.outbox.advance(taken, holding) !== undefined, loan);
    if (!holding || taken === offer.length) return;
    const view = offer.subarray(taken);
    this.held = { view, content: new Uint8Array(view) };
  }

  written(): void {
    const { held } = this;
    if (held === undefined) return;
    assert.ok(Buffer.compare(held.view, held.content) === 0, "it has changed");
    const loan = this.#advance(held.content.length);
    const given = this.outbox.advance(held.content.length, false);
    assert.equal(given !== undefined, loan);
    this.held = undefined;
  }

  /** Whether a loan is over with it. */
  #advance(count: number): boolean {
    let loan = false;
    for (let left = count; left > 0;) {
      const entry = this.entries[0]!;
      const part = Math.min(left, entry.end - entry.taken);
      entry.taken += part;
      left -= part;
      if (entry.taken < entry.end) break;
      this.entries.shift();
      loan ||= entry.kind === "loan";
      if (entry.waiter !== undefined && entry.end === entry.content.length) {
        if (entry.waiter.told.length === 0) this.finished.push(entry.waiter);
      }
    }
    return loan;
  }

  /** Gives up those that `which` says; gives what is dropped. */
  giveUp(which: (waiter: Told) => boolean): number {
    let dropped = 0;
    this.entries.forEach((entry, index) => {
      const { waiter } = entry;
      if (waiter === undefined || waiter.told.length > 0) return;
      if (!which(waiter)) return;
      const held = index === 0 ? this.held?.content.length ?? 0 : 0;
      const end = entry.taken + held;
      dropped += entry.end - end;
      entry.end = end;
      this.expected.set(waiter, end);
    });
    this.entries = this.entries.filter(({ taken, end }) => taken < end);
    return dropped;
  }

  check(): void {
    const { outbox, entries } = this;
    assert.equal(outbox.empty, entries.length === 0);
    let copied = 0;
    let earliest = Infinity;
    let waiting = false;
    for (const { kind, taken, end, waiter } of entries) {
      if (kind !== "lent") copied += end - taken;
      if (waiter === undefined || waiter.told.length > 0) continue;
      waiting = true;
      earliest = Math.min(earliest, waiter.deadline);
    }
    assert.equal(outbox.copied, copied);
    assert.equal(outbox.waiting, waiting);
    assert.ok(outbox.deadline <= earliest);
    if (!waiting) assert.equal(outbox.deadline, Infinity);
    for (const [waiter, taken] of this.expected) {
      assert.deepEqual(waiter.told, [taken]);
    }
  }
}

type Step =
  | { do: "push"; kind: Entry["kind"]; length: number; deadline: number }
  | { do: "transmit"; limit: number; share: number; holding: boolean }
  | { do: "written" | "settle" | "rejectAll" | "clear" }
  | { do: "expire"; now: number }
  | { do: "reject"; which: number };

const step: fc.Arbitrary<{ box: number; step: Step }> = fc.record({
  // Several, since they share the buffers of small copies.
  box: fc.nat(2),
  step: fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant("push"),
        kind: fc.constantFrom("copy", "copy", "copy", "owned", "loan", "lent"),
        length: fc.oneof(
          fc.integer({ min: 1, max: 50 }),
          fc.integer({ min: 1, max: 9000 }),
        ),
        deadline: fc.oneof(fc.nat(100), fc.constant(Infinity)),
      }),
    },
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant("transmit"),
        limit: fc.constantFrom(1, 50, 1000, 65_536),
        share: fc.constantFrom(0, 0.3, 1),
        holding: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constantFrom("written", "settle") }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("expire"), now: fc.nat(100) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("reject"), which: fc.nat(5) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "rejectAll" }) },
    { weight: 1, arbitrary: fc.constant({ do: "clear" }) },
  ) as fc.Arbitrary<Step>,
});

function perform(models: Model[], box: number, step: Step): void {
  const model = models[box]!;
  const { outbox } = model;
  switch (step.do) {
    case "push":
      return model.push(step.kind, step.length, step.deadline);
    case "transmit":
      return model.transmit(step.limit, step.share, step.holding);
    case "written":
      return model.written();
    case "settle": {
      outbox.settleDone();
      for (const waiter of model.finished.splice(0)) {
        assert.deepEqual(waiter.told, ["ok"]);
      }
      return;
    }
    case "rejectAll": {
      const dropped = model.giveUp(() => true);
      assert.equal(outbox.rejectAll(), dropped);
      return;
    }
    case "expire": {
      const dropped = model.giveUp(({ deadline }) => deadline <= step.now);
      assert.equal(outbox.rejectExpired(step.now), dropped);
      return;
    }
    case "reject": {
      const waiters = model.entries.flatMap(({ waiter }) => waiter ?? []);
      const waiter = waiters[step.which % waiters.length] ?? new Told();
      const dropped = model.giveUp((one) => one === waiter);
      assert.equal(outbox.reject(waiter), dropped);
      return;
    }
    case "clear": {
      // The transport goes on holding what it holds, and tells no more of it.
      const { held } = model;
      const left = model.entries.flatMap(({ waiter, taken }) =>
        waiter?.told.length === 0 ? [{ waiter, taken }] : []
      );
      outbox.clear();
      for (const { waiter, taken } of left) {
        assert.deepEqual(waiter.told, [taken]);
      }
      models[box] = new Model();
      if (held !== undefined) cleared.push(held);
      return;
    }
    default:
      step satisfies never;
  }
}

/** What transports hold of outboxes that are over. */
const cleared: { view: Uint8Array; content: Uint8Array }[] = [];

test("outbox: random operations on three, against a model", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const models = [new Model(), new Model(), new Model()];
      cleared.length = 0;
      for (const { box, step } of steps) {
        perform(models, box, step);
        for (const model of models) model.check();
        for (const { view, content } of cleared) {
          assert.ok(Buffer.compare(view, content) === 0, "it has changed");
        }
      }
    }),
    { seed: 1, numRuns: 400 },
  );
});
