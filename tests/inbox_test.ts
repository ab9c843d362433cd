import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Inbox } from "../api/inbox.ts";

test("an inbox that is never empty does not grow with what went through it", () => {
  const inbox = new Inbox();
  inbox.push(Uint8Array.of(0), false);
  for (let i = 1; i <= 10_000; i++) {
    inbox.push(Uint8Array.of(i), false);
    assert.equal(inbox.shift(false)[0], (i - 1) & 0xff);
  }
  assert.ok(inbox.places < 200, `${inbox.places} places`);
  assert.equal(inbox.shift(false)[0], 10_000 & 0xff);
  assert.ok(inbox.empty);
});

test("small chunks that wait share buffers: one-byte packets hold little", () => {
  const inbox = new Inbox();
  const lent = new Uint8Array(1024);
  for (let i = 0; i < 65_536; i++) {
    lent[0] = i;
    inbox.push(lent.subarray(0, 1), i % 2 === 0);
    assert.equal(inbox.settle(), false);
  }
  assert.ok(inbox.places < 20, `${inbox.places} places for 64 KiB`);
  let next = 0;
  while (!inbox.empty) {
    for (const byte of inbox.shift(false)) assert.equal(byte, next++ & 0xff);
  }
  assert.equal(next, 65_536);
});

test("an inbox gives what was put in, whatever the sizes and whoever owned them", () => {
  const step = fc.oneof(
    fc.record({
      size: fc.oneof(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9000 }),
      ),
      lent: fc.boolean(),
      takes: fc.boolean(),
    }),
    fc.record({
      take: fc.constantFrom("shift", "copy"),
      room: fc.integer({ min: 1, max: 9000 }),
    }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const inbox = new Inbox();
    let memory = new Uint8Array(9000);
    let put = 0, got = 0;
    const held: { bytes: Uint8Array; from: number }[] = [];
    const expect = (bytes: Uint8Array): void => {
      held.push({ bytes, from: got });
      got += bytes.length;
    };
    for (const each of steps) {
      if ("take" in each) {
        if (inbox.empty) continue;
        if (each.take === "shift") expect(inbox.shift(false));
        else {
          const buffer = new Uint8Array(each.room);
          expect(buffer.subarray(0, inbox.copyInto(buffer)));
        }
        continue;
      }
      const source = each.lent ? memory : new Uint8Array(each.size);
      for (let i = 0; i < each.size; i++) source[i] = put++;
      inbox.push(source.subarray(0, each.size), each.lent);
      if (each.takes) { while (!inbox.empty) expect(inbox.shift(false)); }
      // Lent memory that is not kept is used again at once.
      if (inbox.settle()) memory = new Uint8Array(9000);
      else if (each.lent) memory.fill(0xee);
    }
    while (!inbox.empty) expect(inbox.shift(false));
    assert.equal(got, put);
    // What was given stays as it was, whatever came later.
    for (const { bytes, from } of held) {
      bytes.forEach((byte, i) => assert.equal(byte, (from + i) & 0xff));
    }
  }));
});
