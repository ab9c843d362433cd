/** The machine of an input: `core/input.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputMachine } from "../../core/input.ts";

/** All that is to be done now. */
function drain(machine: InputMachine): string {
  const all: string[] = [];
  for (;;) {
    const output = machine.pollOutput();
    const next = output !== "wait" ? output : machine.pollCommand();
    if (next === "wait") return all.join(" ");
    all.push(next);
  }
}

const failure = new Error("failed");

const inputs: Record<string, (machine: InputMachine) => void> = {
  data: (machine) => machine.handleData(3),
  end: (machine) => machine.handleReadClosed(),
  fail: (machine) => machine.handleFailed(failure),
  close: (machine) => machine.close(),
  take: (machine) => machine.consume(machine.unread),
};

/** All sequences of inputs of this length. */
function* sequences(length: number): Generator<string[]> {
  if (length === 0) return yield [];
  for (const rest of sequences(length - 1)) {
    for (const name of Object.keys(inputs)) yield [...rest, name];
  }
}

test("input: every sequence of five keeps what was promised", () => {
  for (const sequence of sequences(5)) {
    const machine = new InputMachine(10);
    const all = [drain(machine)];
    assert.deepEqual(all, ["startRead"]);
    for (const name of sequence) {
      inputs[name]!(machine);
      all.push(...drain(machine).split(" "));
    }
    const message = `${sequence}: ${all}`;
    const count = (what: string): number =>
      all.filter((word) => word === what).length;
    const over = sequence.find((name) => name === "close" || name === "fail");
    // A failure behind the end is none.
    const ends = sequence.includes("close") ||
      (over === "fail" &&
        !sequence.slice(0, sequence.indexOf("fail")).includes("end"));
    assert.equal(count("closed"), ends ? 1 : 0, message);
    assert.equal(count("close"), ends ? 1 : 0, message);
    assert.equal(machine.reason !== undefined, ends, message);
    assert.ok(machine.unread <= machine.bytesRead, message);
    if (machine.closing) assert.equal(machine.unread, 0, message);
    assert.equal(machine.hasOutput, false, message);
    assert.equal(machine.pollCommand(), "wait", message);
  }
});

test("input: stops at the mark, and starts below it", () => {
  const machine = new InputMachine(10);
  assert.equal(drain(machine), "startRead");
  machine.handleData(9);
  assert.equal(drain(machine), "settle");
  machine.handleData(1);
  assert.equal(drain(machine), "settle stopRead");
  machine.handleData(500); // what a runtime cannot hold back
  assert.equal(machine.unread, 510);
  machine.consume(500);
  assert.equal(drain(machine), "settle");
  machine.consume(1);
  assert.equal(drain(machine), "startRead");
});

test("input: how it ended", () => {
  const table: [sequence: string[], how: object | undefined][] = [
    [["end"], undefined],
    [["close"], { how: "close" }],
    [["end", "close"], { how: "end" }],
    [["data", "end", "close"], { how: "end" }],
    [["fail"], { how: "error", error: failure }],
    [["data", "fail", "close"], { how: "error", error: failure }],
    [["close", "fail"], { how: "close" }],
    [["close", "end"], { how: "close" }],
    [["end", "fail"], undefined],
  ];
  for (const [sequence, how] of table) {
    const machine = new InputMachine(10);
    for (const name of sequence) inputs[name]!(machine);
    assert.deepEqual(machine.reason, how, sequence.join());
  }
});

test("input: a wait ends at its deadline, and not before", () => {
  const machine = new InputMachine(10);
  drain(machine);
  assert.equal(machine.pollTimeout(), Infinity);
  machine.readWait.set(true, 100);
  assert.equal(machine.pollTimeout(), 100);
  machine.handleTimeout(99);
  assert.equal(drain(machine), "");
  machine.handleTimeout(100);
  assert.equal(drain(machine), "settle");
});
