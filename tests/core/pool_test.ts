/** The supervisor of children, as conversations in simulated time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeError } from "../../core/error.ts";
import { stableAfter } from "../../core/pool/failures.ts";
import { PoolConversation } from "./pool_model.ts";

const members = { exclusive: false, min: 2, max: 4 };

test("pool: members start at once, and are given what comes in turn", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.waiting().waiting().expect();
  t.ready(1).expect("deliver 1", "deliver 1");
  t.ready(2).waiting().expect("deliver 2");
  assert.equal(t.machine.waiting, 0);
});

test("pool: a child for each connection, started when it comes", () => {
  const t = new PoolConversation({ max: 2 }).expect();
  t.waiting().expect("start 1").waiting().expect("start 2");
  assert.equal(t.machine.room, 0);
  t.ready(2).expect("deliver 2", "retire 2 Infinity");
  t.ready(1).expect("deliver 1", "retire 1 Infinity");
  t.waiting().expect(); // more than there are children for: it waits
  t.left(2).expect().exited(2).expect("start 3");
  t.ready(3).expect("deliver 3", "retire 3 Infinity");
});

test("pool: no more start at once than are to, and the others in turn", () => {
  const t = new PoolConversation({ max: 4, maxStarting: 2, spare: 1 });
  t.expect("start 1").waiting().expect("start 2");
  t.waiting().waiting().expect();
  assert.equal(t.machine.room, 1);
  t.ready(2).expect("deliver 2", "retire 2 Infinity", "start 3");
  t.exited(1, { status: 1 }).at(t.machine.pollTimeout()).timeout();
  t.expect("start 4").exited(2).expect();
  t.ready(4).expect("deliver 4", "retire 4 Infinity", "start 5");
  t.ready(3).expect("deliver 3", "retire 3 Infinity");
});

test("pool: spare children are ready before anybody comes, and are replaced", () => {
  const t = new PoolConversation({ max: 4, spare: 2 });
  t.expect("start 1", "start 2").ready(1).ready(2).expect();
  t.waiting().expect("deliver 1", "retire 1 Infinity", "start 3");
  assert.equal(t.machine.room, 3);
});

test("pool: a child may serve several connections, one at a time", () => {
  const t = new PoolConversation({ max: 1, maxConnectionsPerChild: 2 });
  t.waiting().expect("start 1").ready(1).expect("deliver 1");
  t.waiting().expect().left(1).expect("deliver 1", "retire 1 Infinity");
  t.left(1).exited(1).expect();
});

test("pool: idle children that nobody needs leave after a while", () => {
  const limits = { max: 4, maxConnectionsPerChild: 9, idleTimeout: 1000 };
  const t = new PoolConversation(limits).waiting().expect("start 1");
  t.ready(1).expect("deliver 1").at(10).left(1).expect();
  assert.equal(t.machine.pollTimeout(), 1010);
  t.at(1009).timeout().expect().at(1010).timeout().expect("retire 1 Infinity");
});

test("pool: a member that has proved itself is replaced at once", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).at(stableAfter).taken(1).taken(1);
  t.exited(1, { signal: "SIGKILL" }).expect("start 3");
  assert.equal(t.machine.counts.lost, 2);
  assert.equal(t.machine.counts.failed, 1);
});

test("pool: a crash loop waits longer each time, and chance takes up to a half", () => {
  const t = new PoolConversation({ ...members, min: 1 }).expect("start 1");
  t.ready(1);
  const pauses: number[] = [];
  for (let id = 1, now = 0; id <= 9; id++) {
    t.at(now).exited(id, { status: 1 }, 1).expect();
    const next = t.machine.pollTimeout();
    pauses.push(next - now);
    t.at(next - 1).timeout().expect();
    t.at(now = next).timeout().expect(`start ${id + 1}`).ready(id + 1);
  }
  assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12800]);
  t.exited(10, { status: 1 }, 1).expect("closed");
  assert.equal(t.machine.error?.code, "ECHILD");
  assert.match(
    t.machine.error!.message,
    /^10 children in a row failed, the last early, with status 1$/,
  );
  const half = new PoolConversation(members).expect("start 1", "start 2");
  half.exited(1, {}, 0);
  assert.equal(half.machine.pollTimeout(), 25);
});

test("pool: one that proves itself has the failures before it forgotten", () => {
  const t = new PoolConversation({ ...members, min: 1 }).expect("start 1");
  t.ready(1).exited(1, {}, 1).at(50).expect("start 2");
  t.ready(2).at(50 + stableAfter).exited(2).expect("start 3");
  t.ready(3).exited(3, {}, 1);
  assert.equal(t.machine.pollTimeout(), t.now + 50);
});

test("pool: while one is there to serve, it does not give up", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1);
  for (let id = 2, now = 0; id < 40; id++) {
    t.at(now).exited(id, { status: 1 }, 1).expect();
    t.at(now += 30_000).timeout().expect(`start ${id + 1}`);
  }
  assert.equal(t.machine.state, "running");
});

test("pool: while one still serves somebody, it does not give up either", () => {
  const t = new PoolConversation({ max: 4 }).waiting().expect("start 1");
  t.ready(1).expect("deliver 1", "retire 1 Infinity").waiting();
  t.expect("start 2");
  for (let id = 2, now = 0; id < 40; id++) {
    t.at(now).exited(id, { signal: "SIGABRT" }, 1).expect();
    t.at(now += 30_000).timeout().expect(`start ${id + 1}`);
  }
  // It shows that its like can serve: what failed meanwhile is forgotten.
  t.left(1).exited(1).exited(40, { signal: "SIGABRT" }, 1);
  assert.equal(t.machine.pollTimeout(), t.now + 50);
});

test("pool: a module that throws at once is told after three attempts", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  const error = new SockeyeError("EIO", "TypeError: nothing of the kind");
  t.exited(1, { error }, 1).exited(2, { error }, 1).expect();
  t.waiting().at(150).timeout().expect("start 3", "start 4");
  t.exited(3, { error }).expect("kill 4", "drop").exited(4).expect("closed");
  assert.match(t.machine.error!.message, /before it was ready: TypeError: not/);
  assert.equal(t.machine.error!.cause, error);
});

test("pool: where the system has no room for a process, it waits and never gives up", () => {
  const t = new PoolConversation({ max: 8 }).waiting().expect("start 1");
  const error = new SockeyeError("EAGAIN", "spawn EAGAIN");
  for (let id = 1, now = 0; id <= 30; id++) {
    t.at(now).exited(id, { error }, 1).expect();
    t.at(now += 30_000).timeout().expect(`start ${id + 1}`);
  }
  t.ready(31).expect("deliver 31", "retire 31 Infinity");
});

test("pool: a connection waits again for which there was no room, and longer each time", () => {
  const t = new PoolConversation({ max: 2 }).waiting().expect("start 1");
  const error = new SockeyeError("EAGAIN", "spawn EAGAIN");
  let now = 0;
  for (const [id, pause] of [[1, 50], [2, 100], [3, 200]] as const) {
    t.ready(id).expect(`deliver ${id}`, `retire ${id} Infinity`);
    t.unstarted(id, error, 1).expect();
    assert.equal(t.machine.pollTimeout(), now + pause);
    assert.deepEqual([t.machine.waiting, t.machine.room], [1, 1]);
    t.at(now += pause).timeout().expect(`start ${id + 1}`);
  }
  t.ready(4).expect("deliver 4", "retire 4 Infinity").left(4).exited(4);
  assert.equal(t.machine.counts.lost, 0);
  t.waiting().expect("start 5"); // at once: there is room again
});

test("pool: a child that does not begin in time is killed, and has failed", () => {
  const t = new PoolConversation({ ...members, startTimeout: 5000 });
  t.expect("start 1", "start 2").ready(1);
  assert.equal(t.machine.pollTimeout(), 5000);
  t.at(4999).timeout().expect().at(5000).timeout();
  t.expect("kill 2", "start 3").exited(2, { signal: "SIGKILL" }, 1).expect();
  assert.deepEqual([t.machine.counts.killed, t.machine.counts.failed], [1, 1]);
  t.exited(3).expect();
  assert.ok(t.machine.pollTimeout() > 5050);
});

test("pool: a restart replaces the members one by one, each before it goes", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).taken(1).taken(2).restart().expect("start 3");
  t.ready(3).expect("retire 1 Infinity", "start 4");
  t.ready(4).expect("retire 2 Infinity");
  t.left(1).exited(1).left(2).exited(2).expect();
  assert.equal(t.machine.counts.failed, 0);
});

test("pool: a restart waits for room, and a second one is not lost", () => {
  const t = new PoolConversation({ ...members, max: 3 });
  t.expect("start 1", "start 2").ready(1).ready(2).taken(1).restart();
  t.expect("start 3").ready(3).expect("retire 1 Infinity").restart().expect();
  t.exited(1).expect("start 4").ready(4).expect("retire 2 Infinity");
  t.exited(2).expect("start 5").ready(5).expect("retire 3 Infinity");
});

test("pool: with no room for replacements, one goes before the next comes", () => {
  const t = new PoolConversation({ ...members, max: 2 });
  t.expect("start 1", "start 2").ready(1).ready(2).restart();
  t.expect("retire 1 Infinity").exited(1).expect("start 3");
  t.ready(3).expect("retire 2 Infinity").exited(2).expect("start 4");
});

test("pool: a restart that fails leaves the old members where they are", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).restart().expect("start 3").exited(3, {}, 1).expect();
  t.at(50).timeout().expect("start 4").exited(4, {}, 1).expect();
  assert.deepEqual(t.states(), ["ready", "ready"]);
});

test("pool: members are replaced by age, and by what they have served", () => {
  const t = new PoolConversation({ ...members, min: 1, maxAge: 60_000 });
  t.expect("start 1").ready(1);
  assert.equal(t.machine.pollTimeout(), 60_000);
  t.at(60_000).timeout().expect("start 2").ready(2).expect("retire 1 Infinity");
  const worn = new PoolConversation({
    ...members,
    min: 1,
    maxConnectionsPerChild: 2,
  });
  worn.expect("start 1").ready(1).taken(1).expect().taken(1).expect("start 2");
  worn.ready(2).expect("retire 1 Infinity");
});

test("pool: a member that was given enough is replaced as one that took it", () => {
  const t = new PoolConversation({
    ...members,
    min: 1,
    maxConnectionsPerChild: 2,
  });
  t.expect("start 1").ready(1).waiting().expect("deliver 1");
  t.waiting().expect("deliver 1", "start 2").ready(2);
  t.expect("retire 1 Infinity").waiting().expect("deliver 2");
});

test("pool: of those with one connection at a time, idle ones leave at maxAge, others behind it", () => {
  const limits = {
    max: 4,
    spare: 1,
    maxConnectionsPerChild: 9,
    maxAge: 60_000,
  };
  const t = new PoolConversation(limits).expect("start 1").ready(1).waiting();
  t.expect("deliver 1", "start 2").ready(2).at(60_000).timeout();
  t.expect("retire 2 Infinity", "start 3").ready(3).left(1);
  t.expect("retire 1 Infinity").exited(1).exited(2).expect();
});

test("pool: chance moves starts apart: never before the half, never behind the whole", () => {
  for (const random of [0, 0.25, 0.5, 0.75, 0.999]) {
    const t = new PoolConversation({ ...members, min: 1 }).expect("start 1");
    t.exited(1, { status: 1 }, random);
    const pause = t.machine.pollTimeout();
    assert.equal(pause, 50 * (0.5 + random / 2));
    t.at(pause - 0.1).timeout().expect().at(pause).timeout().expect("start 2");
  }
});

test("pool: one that is ending is given nothing, though its end is still to come", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).ending(1).waiting().waiting();
  t.expect("deliver 2", "deliver 2").exited(1).expect();
  t.at(50).timeout().expect("start 3");
});

test("pool: what comes back waits again, and goes to one that answers", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).waiting().expect("deliver 1").returned(1);
  t.expect("deliver 2").waiting().expect("deliver 1").got(1).got(1);
  assert.equal(t.machine.waiting, 0);
});

test("pool: one that was asked to end by somebody else is replaced first", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).leaving(2).expect("start 3").ready(3);
  t.expect("retire 2 Infinity").finished(2).expect();
  assert.equal(t.machine.pollTimeout(), 500);
  t.exited(2).expect();
  assert.equal(t.machine.counts.failed, 0);
});

test("pool: close lets the children finish, and kills those that do not", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).taken(1).at(100).close(2000);
  t.expect("retire 1 2000", "retire 2 2000").exited(2).expect();
  assert.equal(t.machine.pollTimeout(), 2600);
  t.at(2600).timeout().expect("kill 1");
  t.exited(1, { signal: "SIGKILL" }).expect("closed");
  assert.deepEqual([t.machine.counts.killed, t.machine.counts.failed], [1, 0]);
  assert.equal(t.machine.counts.lost, 1);
  assert.equal(t.machine.lostAtEnd, 1);
});

test("pool: what was lost before it was closed is no part of the end", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).taken(1).taken(2).exited(1, { signal: "SIGKILL" });
  assert.deepEqual([t.machine.counts.lost, t.machine.lostAtEnd], [1, 0]);
  t.close(0).exited(2, { signal: "SIGKILL" });
  assert.deepEqual([t.machine.counts.lost, t.machine.lostAtEnd], [2, 1]);
});

test("pool: close kills who only starts, unless somebody waits for it", () => {
  new PoolConversation(members).expect("start 1", "start 2").close(2000)
    .expect("kill 1", "kill 2").exited(1).exited(2).expect("closed");
  const t = new PoolConversation({ max: 3 }).waiting().expect("start 1");
  t.close(2000).expect().ready(1).expect("deliver 1", "retire 1 2000");
  t.left(1).exited(1).expect("closed");
});

test("pool: while it closes, no more start at once than before", () => {
  const t = new PoolConversation({ max: 3, maxStarting: 1 });
  t.waiting().expect("start 1").waiting().close(1000).expect();
  t.ready(1).expect("deliver 1", "retire 1 1000", "start 2");
});

test("pool: who still waits at the end of the grace is dropped", () => {
  const t = new PoolConversation({ max: 1 }).waiting().expect("start 1");
  t.ready(1).expect("deliver 1", "retire 1 Infinity").waiting().expect();
  t.close(1000).expect("retire 1 1000").at(1000).timeout().expect("drop");
  t.exited(1).expect("closed");
});

test("pool: a second close shortens the grace", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).ready(2).taken(1).taken(2).close(Infinity);
  t.expect("retire 1 Infinity", "retire 2 Infinity").close(0);
  t.expect("retire 1 0", "retire 2 0").at(500).timeout();
  t.expect("kill 1", "kill 2").exited(1).exited(2).expect("closed");
});

test("pool: abort ends all at once", () => {
  const t = new PoolConversation(members).expect("start 1", "start 2");
  t.ready(1).taken(1).abort().expect("kill 1", "kill 2");
  t.exited(1).exited(2).expect("closed").exited(1).abort().close(0).expect();
});
