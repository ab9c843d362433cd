import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Admission } from "../../core/admission.ts";
import type { ErrorCode } from "../../core/error.ts";
import {
  type ListenerLimits,
  ListenerMachine,
  type ListenerOutput,
} from "../../core/listener.ts";

type Told = Exclude<ListenerOutput, "wait">;

/** A listener machine with a stand-in for its driver; a look finds `free` descriptors besides the reserve. */
class Conversation {
  readonly admission: Admission;
  readonly machine: ListenerMachine;
  readonly told: Told[] = [];
  free = 1000;
  #seen = 0;
  #now = 0;

  constructor(limits: Partial<ListenerLimits> = {}, max = Infinity) {
    this.admission = new Admission(max);
    this.machine = new ListenerMachine({
      acceptsOnDemand: true,
      overflow: "defer",
      maxWaiting: 3,
      ...limits,
    }, this.admission);
  }

  at(now: number): this {
    this.#now = now;
    return this;
  }
  wanted(count: number): this {
    this.machine.setWanted(count);
    return this.#drain();
  }
  connection(): this {
    this.machine.handleConnection(this.#now);
    return this.#drain();
  }
  failed(code: ErrorCode): this {
    this.machine.handleAcceptFailed(this.#now, code);
    return this.#drain();
  }
  left(): this {
    this.admission.handleLeft(true);
    return this.#drain();
  }
  timeout(): this {
    this.machine.handleTimeout(this.#now);
    return this.#drain();
  }
  pause(): this {
    this.machine.pause();
    return this.#drain();
  }
  resume(): this {
    this.machine.resume();
    return this.#drain();
  }
  close(): this {
    this.machine.close();
    return this.#drain();
  }
  closed(): this {
    this.machine.handleClosed();
    return this.#drain();
  }

  expect(...told: Told[]): this {
    assert.deepEqual(this.told.slice(this.#seen), told);
    this.#seen = this.told.length;
    return this;
  }

  #drain(): this {
    for (;;) {
      const output = this.machine.pollOutput(this.#now);
      if (output === "wait") break;
      assert.ok(!this.told.includes("closed"), `${output} after closed`);
      this.told.push(output);
      if (output === "reject") this.admission.handleLeft(false);
      if (output === "look") {
        const limit = 10_000;
        const used = limit - 8 - this.free;
        this.admission.handleDescriptors(this.#now, { limit, used });
      }
      assert.ok(this.told.length < 10_000, "it spins");
    }
    assert.ok(this.admission.open <= this.admission.max);
    return this;
  }
}

test("listener: on demand, one is taken in advance and the kernel keeps the rest", () => {
  const t = new Conversation().wanted(0).expect("look", "startAccept");
  t.connection().expect("stopAccept");
  assert.equal(t.machine.readable, true);
  t.wanted(1).expect("deliver", "startAccept");
  assert.equal(t.machine.readable, false);
});

test("listener: on demand, a server takes all, and none beyond the limit", () => {
  const t = new Conversation({}, 2).wanted(Infinity);
  t.expect("look", "startAccept").connection().connection();
  t.expect("deliver", "deliver", "stopAccept");
  t.left().expect("startAccept");
  t.connection().expect("deliver", "stopAccept");
});

test("listener: eagerly accepted ones wait unread, beyond maxWaiting they are reset", () => {
  const t = new Conversation({ acceptsOnDemand: false }, 1).wanted(Infinity);
  t.expect("look", "startAccept").connection().expect("deliver");
  t.connection().connection().connection().expect();
  assert.equal(t.machine.waiting, 3);
  t.connection().expect("reject");
  assert.equal(t.machine.rejected, 1);
  t.left().expect("deliver");
  assert.equal(t.machine.waiting, 2);
});

test("listener: overflow reject resets whoever comes beyond the limit, on demand too", () => {
  for (const acceptsOnDemand of [true, false]) {
    const t = new Conversation({ acceptsOnDemand, overflow: "reject" }, 1);
    t.wanted(Infinity).connection().connection();
    t.expect("look", "startAccept", "deliver", "reject");
    t.left().connection().expect("deliver");
  }
});

test("listener: a client that left the queue is no reason to wait", () => {
  const t = new Conversation().wanted(1).expect("look", "startAccept");
  for (const code of ["ECONNABORTED", "ECONNRESET", "ENOTCONN"] as const) {
    t.failed(code).expect("startAccept");
    assert.equal(t.machine.pollTimeout(), Infinity);
  }
});

test("listener: an error that may come again at once does not spin", () => {
  const t = new Conversation().wanted(1).expect("look", "startAccept");
  t.at(0).failed("EIO").expect();
  assert.equal(t.machine.pollTimeout(), 5);
  t.at(5).timeout().expect("startAccept");
});

test("listener: without descriptors it backs off, 5 ms doubling to 1 s", () => {
  const t = new Conversation().wanted(1).expect("look", "startAccept");
  const pauses: number[] = [];
  let now = 0;
  for (let i = 0; i < 10; i++) {
    t.at(now).failed("ENOBUFS").expect();
    const next = t.machine.pollTimeout();
    pauses.push(next - now);
    t.at(next - 1).timeout().expect();
    now = next;
    t.at(now).timeout().expect("startAccept");
  }
  assert.deepEqual(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
  t.connection().expect("deliver");
});

test("listener: at EMFILE held connections give their descriptors back, and one that leaves makes room", () => {
  const t = new Conversation({ acceptsOnDemand: false }, 1).wanted(Infinity);
  t.connection().connection().connection().expect(
    "look",
    "startAccept",
    "deliver",
  );
  t.free = 0;
  t.failed("EMFILE").expect("reject", "reject", "stopAccept");
});

test("listener: on demand at the descriptor limit, it waits for one that leaves or for a later look", () => {
  const t = new Conversation();
  t.free = 1;
  t.wanted(Infinity).expect("look", "startAccept");
  t.free = 0;
  t.connection().expect("deliver", "look", "stopAccept");
  assert.equal(t.machine.pollTimeout(), 1000);
  t.left().expect("startAccept").connection().expect("deliver", "stopAccept");
  t.at(999).timeout().expect();
  t.free = 4;
  t.at(1000).timeout().expect("look", "startAccept");
});

test("listener: eagerly accepted beyond the descriptors are reset", () => {
  const t = new Conversation({ acceptsOnDemand: false }).wanted(Infinity);
  t.expect("look", "startAccept");
  t.free = -1;
  for (let i = 0; i < 500; i++) t.connection();
  t.expect(...Array<Told>(500).fill("deliver"), "look", "stopAccept");
  t.connection().expect("reject");
  t.at(999).connection().expect("reject");
  t.at(1000).connection().expect("look", "reject");
  t.left().expect("startAccept");
});

test("listener: looks at the system are rare far from the limit", () => {
  const t = new Conversation().wanted(Infinity);
  for (let i = 0; i < 990; i++) {
    t.free = 1000 - i;
    t.connection();
  }
  const looks = t.told.filter((told) => told === "look").length;
  assert.ok(looks <= 10, `${looks} looks for 990 connections`);
});

test("listener: paused, nothing is accepted; resumed, it goes on", () => {
  const t = new Conversation().wanted(1).expect("look", "startAccept");
  t.pause().expect("stopAccept").resume().expect("startAccept");
});

test("listener: close resets who waits, closes, and tells once", () => {
  const t = new Conversation({ acceptsOnDemand: false }, 1).wanted(Infinity);
  t.connection().connection().expect("look", "startAccept", "deliver");
  t.close().expect("reject", "close").close().expect();
  t.connection().expect("reject").closed().expect("closed").closed().expect();
});

test("listener: over by itself, it tells once", () => {
  new Conversation().wanted(1).expect("look", "startAccept").closed().expect(
    "closed",
  );
});

test("listener: random sequences keep the limits", () => {
  const step = fc.constantFrom(
    "connection",
    "failed",
    "emfile",
    "left",
    "late",
    "pause",
    "resume",
    "want",
    "close",
  );
  const limits = fc.record({
    acceptsOnDemand: fc.boolean(),
    overflow: fc.constantFrom("defer" as const, "reject" as const),
    maxWaiting: fc.nat(3),
  });
  fc.assert(
    fc.property(limits, fc.nat(3), fc.array(step), (given, max, steps) => {
      const t = new Conversation(given, max + 1);
      let now = 0;
      for (const name of steps) {
        now += 7;
        t.at(now);
        if (name === "connection") t.connection();
        if (name === "failed") t.failed("ECONNABORTED");
        if (name === "emfile") t.failed("EMFILE");
        if (name === "left" && t.admission.open > 0) t.left();
        if (name === "late") t.at(now += 5000).timeout();
        if (name === "pause") t.pause();
        if (name === "resume") t.resume();
        if (name === "want") t.wanted(2);
        if (name === "close") t.close();
        assert.ok(t.machine.waiting <= Math.max(given.maxWaiting, 1));
      }
      t.close().closed();
      assert.equal(t.machine.waiting, 0);
      assert.equal(t.told.filter((told) => told === "closed").length, 1);
    }),
  );
});
