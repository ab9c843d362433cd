/** When a connection is tried again, and when not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../core/error.ts";
import {
  isPassing,
  once,
  type RetryLimits,
  RetryMachine,
  type RetryOutput,
} from "../../core/retry.ts";

const limits: RetryLimits = { attempts: 4, minDelay: 100, maxDelay: 300 };

/** A machine, and what it says. */
class Conversation {
  readonly machine: RetryMachine;
  #now = 0;

  constructor(given: RetryLimits = limits) {
    this.machine = new RetryMachine(given);
  }

  at(now: number): this {
    this.#now = now;
    return this;
  }
  failed(code: ErrorCode = "ECONNREFUSED", random = 1): this {
    this.machine.handleFailed(this.#now, code, random);
    return this;
  }
  over(): this {
    this.machine.handleOver();
    return this;
  }
  expect(...outputs: RetryOutput[]): this {
    for (const output of [...outputs, "wait"]) {
      assert.equal(this.machine.pollOutput(this.#now), output);
    }
    return this;
  }
  next(at: number): this {
    assert.equal(this.machine.pollTimeout(), at);
    return this;
  }
}

test("retry: the first attempt is due at once, and only one at a time", () => {
  new Conversation().expect("attempt").next(Infinity).at(1e9).expect();
});

test("retry: pauses double up to the longest, and the attempts are counted", () => {
  const t = new Conversation().expect("attempt");
  t.failed().expect().next(100).at(99).expect().at(100).expect("attempt");
  t.failed().next(300).at(299).expect().at(300).expect("attempt");
  t.failed().next(600).at(600).expect("attempt");
  assert.equal(t.machine.failures, 3);
  t.failed().next(Infinity).expect("failed").at(1e9).expect();
  assert.equal(t.machine.failures, 4);
});

test("retry: chance takes up to half of a pause away", () => {
  const t = new Conversation().expect("attempt");
  t.failed("ECONNREFUSED", 0).next(50).at(50).expect("attempt");
  t.failed("ECONNREFUSED", 0.5).next(50 + 150);
});

test("retry: a failure that stays so ends it at once", () => {
  for (const code of ["EACCES", "EINVAL", "ENOTFOUND", "ENOTSOCK"] as const) {
    const t = new Conversation().expect("attempt").failed(code);
    t.expect("failed").next(Infinity);
    assert.equal(t.machine.failures, 1);
  }
});

test("retry: by default there is one attempt", () => {
  new Conversation(once).expect("attempt").failed().expect("failed");
});

test("retry: without end, it goes on", () => {
  const t = new Conversation({ ...limits, attempts: Infinity });
  for (let i = 0; i < 1000; i++) t.at(i * 300).expect("attempt").failed();
  assert.equal(t.machine.failures, 1000);
});

// Every state against every input: what it says then, and when it looks again.
const states: Record<string, (t: Conversation) => Conversation> = {
  due: (t) => t,
  trying: (t) => t.expect("attempt"),
  pausing: (t) => t.expect("attempt").failed(),
  failed: (t) => t.expect("attempt").failed("EACCES"),
  over: (t) => t.over(),
};
type Row = readonly [output: RetryOutput, next: number, failures: number];
const table: Record<string, Record<string, Row>> = {
  due: {
    nothing: ["attempt", Infinity, 0],
    failed: ["attempt", Infinity, 0],
    over: ["wait", Infinity, 0],
    early: ["attempt", Infinity, 0],
    late: ["attempt", Infinity, 0],
  },
  trying: {
    nothing: ["wait", Infinity, 0],
    failed: ["wait", 100, 1],
    over: ["wait", Infinity, 0],
    early: ["wait", Infinity, 0],
    late: ["wait", Infinity, 0],
  },
  pausing: {
    nothing: ["wait", 100, 1],
    failed: ["wait", 100, 1],
    over: ["wait", Infinity, 1],
    early: ["wait", 100, 1],
    late: ["attempt", Infinity, 1],
  },
  failed: {
    nothing: ["failed", Infinity, 1],
    failed: ["failed", Infinity, 1],
    over: ["wait", Infinity, 1],
    early: ["failed", Infinity, 1],
    late: ["failed", Infinity, 1],
  },
  over: {
    nothing: ["wait", Infinity, 0],
    failed: ["wait", Infinity, 0],
    over: ["wait", Infinity, 0],
    early: ["wait", Infinity, 0],
    late: ["wait", Infinity, 0],
  },
};
const inputs: Record<string, (t: Conversation) => unknown> = {
  nothing: () => {},
  failed: (t) => t.failed(),
  over: (t) => t.over(),
  early: (t) => t.at(99),
  late: (t) => t.at(100),
};

test("retry: every state against every input", () => {
  assert.deepEqual(Object.keys(table), Object.keys(states));
  for (const [state, reach] of Object.entries(states)) {
    assert.deepEqual(Object.keys(table[state]!), Object.keys(inputs));
    for (const [input, give] of Object.entries(inputs)) {
      const t = reach(new Conversation());
      give(t);
      const [output, next, failures] = table[state]![input]!;
      const name = `${input} while ${state}`;
      const now = input === "late" ? 100 : input === "early" ? 99 : 0;
      assert.equal(t.machine.pollOutput(now), output, name);
      assert.equal(t.machine.pollTimeout(), next, name);
      assert.equal(t.machine.failures, failures, name);
    }
  }
});

test("retry: refusals and what has run out pass, mistakes do not", () => {
  assert.ok(isPassing("ECONNREFUSED") && isPassing("ENOENT"));
  assert.ok(isPassing("EMFILE") && isPassing("ETIMEDOUT"));
  assert.ok(!isPassing("EACCES") && !isPassing("ERR_SOCKEYE_ADDRESS"));
  assert.ok(!isPassing("ERR_SOCKEYE_UNSUPPORTED") && !isPassing("EPROTO"));
});
