import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BUSY } from "../../core/connection/read_side.ts";
import { SockeyeError } from "../../core/error.ts";
import { Conversation } from "./machine_pair.ts";

function open(push = false): Conversation {
  return new Conversation(push).accepted().expect("opened", "startRead");
}

test("machine: with both ends over, a reader's connection waits for its close", () => {
  const t = open().readClosed().expect("end").closeWrite().expect("shutdown");
  t.shutdownDone().expect("settle");
  assert.equal(t.machine.pollTimeout(), Infinity);
  t.close().expect("settle", "close").closed().expect("settle", "closed");
  assert.deepEqual(t.machine.reason, { how: "end" });
});

test("machine: some transports go by themselves then; it stays until close or abort", () => {
  for (const verb of ["close", "abort"] as const) {
    const t = open().readClosed().closeWrite().shutdownDone();
    t.expect("end", "shutdown", "settle").closed().expect();
    assert.equal(t.machine.state, "draining");
    t[verb]().expect("settle", "closed");
    assert.equal(t.machine.reason!.how, verb === "close" ? "end" : "abort");
  }
});

test("machine: request, end, answer, end: with handlers it closes by itself", () => {
  const t = open(true);
  t.data(5).expect("data").readClosed().consume(5).expect("end");
  assert.equal(t.machine.state, "halfClosedRemote");
  t.write(7).expect("transmit").closeWrite().expect("shutdown");
  assert.equal(t.machine.state, "draining");
  t.shutdownDone().expect("settle", "close").closed().expect(
    "settle",
    "closed",
  );
  assert.deepEqual(t.machine.reason, { how: "end" });
});

test("machine: the peer resets while we drain: how is reset", () => {
  const t = open();
  t.taking = 3;
  t.write(10).expect("transmit").close().expect("settle");
  assert.equal(t.machine.state, "draining");
  t.closed("ECONNRESET").expect("settle", "closed");
  const why = t.machine.reason!;
  assert.equal(why.how, "reset");
  assert.equal((why.error as SockeyeError).code, "ECONNRESET");
});

test("machine: a reset behind unread bytes is told at once to who reads, last to handlers", () => {
  open().data(5).expect("data").closed("ECONNRESET").expect("settle", "closed");
  const t = open(true).pause();
  t.data(5).expect().closed("ECONNRESET").expect("settle");
  t.resume().expect("data").consume(5).expect("settle", "closed");
});

test("machine: EPIPE and ECONNRESET are told apart by the peer's end, not by the runtime", () => {
  for (const code of ["EPIPE", "ECONNRESET"] as const) {
    const before = open().closed(code);
    const after = open().readClosed().closed(code);
    const codeOf = (t: Conversation): string =>
      (t.machine.reason!.error as SockeyeError).code;
    assert.equal(codeOf(before), "ECONNRESET");
    assert.equal(codeOf(after), "EPIPE");
  }
});

test("machine: flushing is bounded by progress, lingering by time", () => {
  const t = open();
  t.taking = 1;
  t.at(0).write(10).close();
  t.expect("transmit", "settle");
  assert.equal(t.machine.pollTimeout(), 30_000);
  t.at(29_999).timeout().expect();
  t.at(29_999).written(4).expect("transmit");
  assert.equal(t.machine.pollTimeout(), 59_999);
  t.at(59_998).timeout().expect();
  t.at(59_999).timeout().expect("settle", "abort");
  assert.equal(t.machine.reason!.how, "timeout");

  const u = open().at(0).close().expect("settle", "shutdown");
  u.at(10).shutdownDone().expect("settle");
  assert.equal(u.machine.pollTimeout(), 2010);
  u.at(2009).timeout().expect();
  u.at(2010).timeout().expect("close");
  u.closed().expect("settle", "closed");
  assert.deepEqual(u.machine.reason, { how: "close" });
});

test("machine: what arrives while closing is dropped, up to a cap once our end is out", () => {
  const t = open();
  t.taking = 1;
  t.write(10).close().expect("transmit", "settle");
  t.data(2 << 20).expect();
  assert.equal(t.machine.unread, 0);
  t.written(9).expect("shutdown").shutdownDone().expect("settle");
  t.data(1 << 20).expect().data(1).expect("close");
  assert.equal(t.machine.bytesRead, (3 << 20) + 1);
});

test("machine: reading stops at the high-water mark and goes on below it", () => {
  const t = open().data(99).expect("data").data(1).expect("data", "stopRead");
  t.consume(1).expect("data", "startRead");
});

test("machine: nothing is told while paused, all of it after", () => {
  const t = open(true).pause().data(10).readClosed().expect();
  t.resume().expect("data").consume(10).expect("end");
});

test("machine: a pause in the middle of a drain holds back the end as well", () => {
  const { machine } = open(true);
  machine.handleData(5);
  assert.equal(machine.pollOutput(), "data");
  machine.handleReadClosed(0);
  machine.consume(5);
  machine.withhold(BUSY);
  assert.equal(machine.pollOutput(), "wait");
  machine.unwithhold(BUSY);
  assert.equal(machine.pollOutput(), "end");
});

test("machine: congestion withholds data from handlers until all is taken", () => {
  const t = open(true);
  t.taking = 1;
  t.write(102).expect("transmit");
  assert.equal(t.machine.writable, false);
  t.data(5).expect();
  t.written(100).expect("transmit", "writable", "data");
  assert.equal(t.machine.writable, true);
});

test("machine: a reader is not held back by congestion", () => {
  const t = open();
  t.taking = 1;
  t.write(102).data(5).expect("transmit", "data");
});

test("machine: more copies than maxQueued abort", () => {
  const t = open();
  t.taking = 0;
  t.write(1000).expect("transmit").write(1001).expect("abort", "settle");
  assert.equal(t.machine.reason!.how, "limit");
});

test("machine: allowHalfOpen false ends behind the peer", () => {
  const t = new Conversation(false, { allowHalfOpen: false }).accepted();
  t.expect("opened", "startRead").readClosed().expect("end", "shutdown");
  t.shutdownDone().expect("settle");
});

test("machine: a second closeWrite is a no-op, one after close too", () => {
  const t = open().closeWrite().expect("shutdown").closeWrite().expect();
  t.close().expect("settle").closeWrite().expect();
});

test("machine: closeWrite after the end is a typed error", () => {
  const t = open().abort().expect("settle", "abort").closed();
  assert.throws(
    () => t.machine.closeWrite(0),
    (error: SockeyeError) => error.code === "ERR_SOCKEYE_STATE",
  );
});

test("machine: abort drops unread and queued bytes, and how stays", () => {
  const t = open(true).pause().data(5);
  t.taking = 0;
  t.write(5).expect("transmit").abort().expect("settle", "abort");
  t.abort().closed("ECONNRESET").expect("settle", "closed");
  assert.deepEqual(t.machine.reason, { how: "abort", error: "why" });
});

test("machine: an expired deadline ends the waits of its side, and a cleared one never fires", () => {
  const { machine } = open();
  machine.readWait.deadline = 50;
  assert.equal(machine.pollTimeout(), Infinity);
  machine.readWait.set(true, Infinity);
  assert.equal(machine.pollTimeout(), 50);
  machine.readWait.set(true, 20);
  assert.equal(machine.pollTimeout(), 20);
  assert.equal(machine.readWait.expired(49), false);
  assert.equal(machine.readWait.expired(50), true);
  assert.equal(machine.writeWait.expired(50), false);
  machine.handleTimeout(19);
  assert.equal(machine.pollOutput(), "wait");
  machine.handleTimeout(20);
  assert.equal(machine.pollOutput(), "settle");
  machine.readWait.deadline = Infinity;
  machine.readWait.set(true, Infinity);
  assert.equal(machine.pollTimeout(), Infinity);
});

// Everything that can happen, as far as a transport that keeps the contract
// and a user who may call anything at any time can make it happen.
const steps: Record<string, (t: Conversation) => boolean> = {
  "data": (t) => when(arriving(t), () => t.data(60)),
  "readClosed": (t) => when(arriving(t), () => t.readClosed()),
  "written 0": (t) => when(sending(t), () => t.written(0)),
  "written 1": (t) => when(sending(t), () => t.written(1)),
  "written all": (t) => when(sending(t), () => t.written(t.machine.queued)),
  "shutdownDone": (t) =>
    when(
      t.transport.shutdown === "pending" && t.transport.released === "no",
      () => t.shutdownDone(),
    ),
  "reset": (t) => when(t.transport.released === "no", () => t.closed("EPIPE")),
  "released": (t) => when(t.transport.released === "asked", () => t.closed()),
  "late": (t) => when(true, () => t.at(1e6).timeout()),
  "consume": (t) =>
    when(t.machine.unread > 0, () => t.consume(Math.min(30, t.machine.unread))),
  "write": (t) => when(t.machine.canWrite, () => t.write(70)),
  "closeWrite": (t) => when(t.machine.state !== "closed", () => t.closeWrite()),
  "close": (t) => when(true, () => t.close()),
  "abort": (t) => when(true, () => t.abort()),
  "pause": (t) => when(true, () => t.pause()),
  "resume": (t) => when(true, () => t.resume()),
};

function when(possible: boolean, act: () => void): boolean {
  if (possible) act();
  return possible;
}
function arriving(t: Conversation): boolean {
  return t.transport.released === "no" && !t.transport.readClosed;
}
function sending(t: Conversation): boolean {
  return t.transport.pending && t.transport.released === "no";
}

/** Whatever happened, an abort and the transport's word end it, and `closed` is told once. */
function finish(t: Conversation): void {
  t.abort();
  if (t.transport.released !== "done") t.closed();
  assert.equal(t.told.filter((told) => told === "closed").length, 1);
  assert.equal(t.machine.pollTimeout(), Infinity);
}

function run(push: boolean, names: readonly string[]): void {
  const t = new Conversation(push).accepted();
  t.taking = 0;
  for (const name of names) if (!steps[name]!(t)) return;
  finish(t);
}

for (const push of [false, true]) {
  const style = push ? "handlers" : "a reader";
  test(`machine: every sequence of four inputs, for ${style}`, () => {
    const names = Object.keys(steps);
    for (const a of names) {
      for (const b of names) {
        for (const c of names) {
          for (const d of names) run(push, [a, b, c, d]);
        }
      }
    }
  });

  test(`machine: random sequences, for ${style}`, () => {
    const sequence = fc.array(fc.constantFrom(...Object.keys(steps)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(sequence, (names) => {
        const t = new Conversation(push).accepted();
        t.taking = 0;
        for (const name of names) steps[name]!(t);
        finish(t);
      }),
      { numRuns: 2000 },
    );
  });
}
