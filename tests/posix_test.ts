import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate } from "node:timers";
import {
  ERROR,
  GONE,
  HUP,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";
import {
  EPOLL_CLOEXEC,
  epoll_create1,
  epoll_ctl,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  epoll_wait,
  EPOLLERR,
  EPOLLET,
  type EpollEvent,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  poll,
  POLLERR,
  type PollFd,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  select,
} from "../posix.ts";
import { FakeSource, real, simulated } from "./fake_source.ts";

function entry(fd: PollFd["fd"], events = POLLIN): PollFd {
  return { fd, events, revents: -1 };
}

function revents(fds: PollFd[]): number[] {
  return fds.map((entry) => entry.revents);
}

test("the values of the flags are Linux's", () => {
  assert.deepEqual(
    [POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP],
    [0x001, 0x002, 0x004, 0x008, 0x010, 0x020, 0x2000],
  );
  assert.deepEqual(
    [EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP],
    [0x001, 0x002, 0x004, 0x008, 0x010, 0x2000],
  );
  assert.deepEqual([EPOLLET, EPOLLONESHOT], [2 ** 31, 2 ** 30]);
  assert.deepEqual([EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD], [1, 2, 3]);
  assert.equal(EPOLL_CLOEXEC, 0o2000000);
});

/** By readiness: revents where all was asked for. */
const bits: [readiness: number, revents: number][] = [
  [0, 0],
  [READABLE, POLLIN],
  [WRITABLE, POLLOUT],
  [READABLE | READ_CLOSED, POLLIN | POLLRDHUP],
  [READABLE | READ_CLOSED | HUP, POLLIN | POLLRDHUP | POLLHUP],
  [READABLE | HUP | ERROR, POLLIN | POLLHUP | POLLERR],
  [GONE, POLLNVAL],
  [READABLE | HUP | GONE, POLLNVAL],
];

test("poll and epoll_wait tell the same bits, as far as they were asked for", async () => {
  const unasked = POLLERR | POLLHUP | POLLNVAL;
  for (const [readiness, expected] of bits) {
    const source = new FakeSource(real, readiness);
    for (let asked = 0; asked < 8; asked++) {
      const events = (asked & 1 ? POLLIN : 0) | (asked & 2 ? POLLOUT : 0) |
        (asked & 4 ? POLLRDHUP : 0);
      const due = expected & (events | unasked);
      const fds = [entry(source, events)];
      assert.equal(await poll(fds, 0), due === 0 ? 0 : 1);
      assert.deepEqual(revents(fds), [due], `${readiness}, ${events}`);
      if (due === POLLNVAL) continue;
      const epfd = epoll_create1();
      epoll_ctl(epfd, EPOLL_CTL_ADD, source, { events, data: 7 });
      const out: EpollEvent[] = [];
      assert.equal(await epoll_wait(epfd, out, 4, 0), due === 0 ? 0 : 1);
      assert.deepEqual(out, due === 0 ? [] : [{ events: due, data: 7 }]);
      epfd.close();
    }
  }
});

test("poll skips entries without a source, and knows closed and unknown ones", async () => {
  const ready = new FakeSource(real, READABLE);
  const fds = [
    entry(null),
    entry(-1),
    entry(undefined as unknown as null),
    entry(3),
    entry({} as FakeSource),
    entry(new FakeSource(real, GONE), 0),
    entry(ready, 0),
    entry(ready, POLLIN | POLLPRI),
    entry(ready, POLLOUT),
  ];
  assert.equal(await poll(fds, -1), 4);
  const bad = POLLNVAL;
  assert.deepEqual(revents(fds), [0, 0, 0, bad, bad, bad, 0, POLLIN, 0]);
  assert.equal(ready.watchers.size, 0);
});

test("poll waits for an arrival, and watches nothing afterwards", async () => {
  const { clock, runtime } = simulated();
  const sources = [1, 2, 3].map(() => new FakeSource(runtime));
  const fds = sources.map((source) => entry(source));
  for (const timeout of [-1, -7, 1000, Infinity, undefined]) {
    let count: number | undefined;
    const waiting = poll(fds, timeout).then((n) => count = n);
    await clock.advance(500);
    sources[0]!.arrive(WRITABLE); // not asked for
    sources[1]!.arrive(READABLE); // consumed by somebody else
    sources[1]!.consume(READABLE);
    await clock.advance(400);
    assert.equal(count, undefined);
    sources[2]!.arrive(READABLE);
    await waiting;
    assert.equal(count, 1);
    assert.deepEqual(revents(fds), [0, 0, POLLIN]);
    sources[2]!.consume(READABLE);
    for (const { watchers } of sources) assert.equal(watchers.size, 0);
  }
  assert.equal(clock.pending, 0);
});

test("a poll ends when one of its sources is closed", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime);
  const fds = [entry(source)];
  const waiting = poll(fds);
  await clock.advance(5);
  source.close();
  assert.equal(await waiting, 1);
  assert.deepEqual(revents(fds), [POLLNVAL]);
});

test("somebody faster than the poll does not end it before its time", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime);
  const waiting = poll([entry(source)], 1000);
  await clock.advance(300);
  source.arrive(READABLE);
  await Promise.resolve(); // looked at by now, and not yet answered
  source.consume(READABLE);
  assert.equal(await clock.until(waiting), 0);
  assert.equal(clock.now(), 1000);
});

test("two polls and a select wait for the same source", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime);
  for (let round = 0; round < 3; round++) {
    const [a, b, c] = [[entry(source)], [entry(source)], new Set([source])];
    const waiting = [poll(a), poll(b, 5), select({ read: c })];
    await clock.advance(1);
    source.arrive(READABLE);
    assert.deepEqual(await Promise.all(waiting), [1, 1, 1]);
    assert.deepEqual([...revents(a), ...revents(b)], [POLLIN, POLLIN]);
    assert.ok(c.has(source));
    assert.equal(source.watchers.size, 0);
    source.consume(READABLE);
  }
});

test("poll, select and epoll_wait wait n ms and no less", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime);
  const fds = [entry(source)];
  const epfd = epoll_create1();
  epoll_ctl(epfd, EPOLL_CTL_ADD, source, { events: EPOLLIN, data: 0 });
  for (const ms of [0, 1, 250]) {
    const read = new Set([source]);
    const calls = [
      () => poll(fds, ms),
      () => select({ read }, ms),
      () => epoll_wait(epfd, [], 1, ms),
    ];
    for (const call of calls) {
      const begun = clock.now();
      assert.equal(await clock.run(call), 0);
      assert.equal(clock.now() - begun, ms);
    }
    assert.deepEqual(revents(fds), [0]);
    assert.equal(read.size, 0);
  }
  epfd.close();
  assert.equal(clock.pending, 0);
});

test("epoll_wait waits as long as it takes", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime);
  const epfd = epoll_create1();
  epoll_ctl(epfd, EPOLL_CTL_ADD, source, { events: EPOLLIN, data: 0 });
  for (const timeout of [-1, -7, Infinity, undefined]) {
    let count: number | undefined;
    const waiting = epoll_wait(epfd, [], 1, timeout).then((n) => count = n);
    await clock.advance(1e9);
    assert.equal(count, undefined);
    source.arrive(READABLE);
    assert.equal(await waiting, 1);
    source.consume(READABLE);
  }
  epfd.close();
});

test("without any source poll and select are a sleep", async () => {
  const begun = real.now();
  assert.equal(await poll([], 3), 0);
  assert.equal(await poll([entry(null)], 3), 0);
  assert.equal(await select({}, 3), 0);
  assert.ok(real.now() - begun >= 9);
});

test("bad timeouts are EINVAL", async () => {
  const source = new FakeSource(real, READABLE);
  const epfd = epoll_create1();
  epoll_ctl(epfd, EPOLL_CTL_ADD, source, { events: EPOLLIN, data: 0 });
  for (const bad of [NaN, 2 ** 31, "1" as unknown as number]) {
    const calls = [
      poll([entry(source)], bad),
      select({ read: new Set([source]) }, bad),
      epoll_wait(epfd, [], 1, bad),
    ];
    for (const call of calls) await assert.rejects(call, { code: "EINVAL" });
  }
  const negative = select({ read: new Set([source]) }, -2);
  await assert.rejects(negative, { code: "EINVAL" });
  epfd.close();
});

test("select leaves only who is ready, and counts over the three sets", async () => {
  const idle = new FakeSource(real);
  const both = new FakeSource(real, READABLE | WRITABLE);
  const ended = new FakeSource(real, READABLE | READ_CLOSED | HUP);
  const failed = new FakeSource(real, READABLE | READ_CLOSED | HUP | ERROR);
  const all = [idle, both, ended, failed];
  const [read, write, error] = [new Set(all), new Set(all), new Set(all)];
  assert.equal(await select({ read, write, error }), 7);
  assert.deepEqual([...read], [both, ended, failed]);
  assert.deepEqual([...write], [both, ended, failed]);
  assert.deepEqual([...error], [failed]);
});

test("select with an error set alone is not kept busy by an end", async () => {
  const { clock, runtime } = simulated();
  const source = new FakeSource(runtime, READABLE | READ_CLOSED | HUP);
  const error = new Set([source]);
  const waiting = select({ error }, null);
  await clock.advance(10);
  assert.equal(source.watchers.size, 1);
  source.arrive(ERROR);
  assert.equal(await waiting, 1);
  assert.ok(error.has(source));
});

test("select refuses a source that was closed, before or meanwhile", async () => {
  const { clock, runtime } = simulated();
  const [good, bad] = [new FakeSource(runtime), new FakeSource(runtime)];
  const sets = { read: new Set([good, bad]), write: new Set([good]) };
  const waiting = select(sets);
  await clock.advance(1);
  bad.close();
  await assert.rejects(waiting, { code: "EBADF" });
  await assert.rejects(select(sets), { code: "EBADF" });
  const junk = select({ error: new Set([{} as FakeSource]) });
  await assert.rejects(junk, { code: "EBADF" });
  assert.deepEqual([sets.read.size, sets.write.size], [2, 1]);
  assert.equal(good.watchers.size, 0);
});

test("polling what is ready does not stop the runtime's loop", async () => {
  const source = new FakeSource(real, READABLE);
  const fds = [entry(source)];
  const calls = [
    () => poll(fds, 0),
    () => poll(fds),
    () => select({ read: new Set([source]) }, 10),
  ];
  for (const call of calls) {
    let turned = false;
    setImmediate(() => turned = true);
    let waits = 0;
    while (!turned && waits < 1000) {
      assert.equal(await call(), 1);
      waits++;
    }
    assert.ok(turned, `no turn in ${waits} calls`);
  }
});

test("epoll_wait fills the caller's array, and uses its objects again", async () => {
  const epfd = epoll_create1(EPOLL_CLOEXEC);
  const sources = [1, 2, 3].map(() => new FakeSource(real, READABLE));
  sources.forEach((source, data) =>
    epoll_ctl(epfd, EPOLL_CTL_ADD, source, { events: EPOLLIN, data })
  );
  const events: EpollEvent<number>[] = [{ events: 0, data: -1 }];
  const [first] = events;
  const served: number[] = [];
  for (let i = 0; i < 3; i++) {
    assert.equal(await epoll_wait(epfd, events, 2), 2);
    served.push(events[0]!.data, events[1]!.data);
  }
  assert.deepEqual(served, [0, 1, 2, 0, 1, 2]);
  assert.equal(events[0], first);
  assert.equal(events.length, 2);
  assert.equal(await epoll_wait(epfd, events, 10), 3);
  assert.equal(events.length, 3);
  epfd.close();
});

test("epoll: edge, one-shot, change and removal", async () => {
  const epfd = epoll_create1(0);
  const source = new FakeSource(real, READABLE);
  const out: EpollEvent[] = [];
  const waits = async () => await epoll_wait(epfd, out, 1, 0);

  epoll_ctl(epfd, EPOLL_CTL_ADD, source, {
    events: EPOLLIN | EPOLLET,
    data: "edge",
  });
  assert.deepEqual([await waits(), await waits()], [1, 0]);
  source.arrive(READABLE);
  assert.deepEqual([await waits(), await waits()], [1, 0]);

  const change = { events: EPOLLIN | EPOLLOUT | EPOLLONESHOT, data: undefined };
  epoll_ctl(epfd, EPOLL_CTL_MOD, source, change);
  assert.deepEqual([await waits(), await waits()], [1, 0]);
  assert.deepEqual(out, [{ events: EPOLLIN, data: undefined }]);
  source.arrive(WRITABLE | HUP);
  assert.equal(await waits(), 0);
  epoll_ctl(epfd, EPOLL_CTL_MOD, source, change);
  assert.equal(await waits(), 1);
  assert.equal(out[0]!.events, EPOLLIN | EPOLLOUT | EPOLLHUP);

  epoll_ctl(epfd, EPOLL_CTL_DEL, source);
  assert.equal(await waits(), 0);
  assert.equal(source.watchers.size, 0);
  epfd.close();
});

test("epoll: an event removed before it could be filled in does not end the wait", async () => {
  const { clock, runtime } = simulated();
  const epfd = epoll_create1();
  const [one, two] = [new FakeSource(runtime), new FakeSource(runtime)];
  epoll_ctl(epfd, EPOLL_CTL_ADD, one, { events: EPOLLIN, data: 1 });
  epoll_ctl(epfd, EPOLL_CTL_ADD, two, { events: EPOLLIN, data: 2 });
  const out: EpollEvent[] = [];
  const waiting = epoll_wait(epfd, out, 4, 1000);
  await clock.advance(300);
  one.arrive(READABLE);
  await Promise.resolve(); // told by now, and not yet filled in
  epoll_ctl(epfd, EPOLL_CTL_DEL, one);
  await clock.advance(300);
  assert.deepEqual(out, []);
  two.arrive(READABLE);
  assert.equal(await waiting, 1);
  assert.deepEqual(out, [{ events: EPOLLIN, data: 2 }]);
  epfd.close();
});

test("epoll errors are those of the man pages", async () => {
  const source = new FakeSource(real);
  const event = { events: EPOLLIN, data: 0 };
  const epfd = epoll_create1();
  const ctl = (op: number, fd: unknown, given?: EpollEvent) => () =>
    epoll_ctl(epfd, op, fd as FakeSource, given);
  assert.throws(() => epoll_create1(1), { code: "EINVAL" });
  assert.throws(ctl(EPOLL_CTL_MOD, source, event), { code: "ENOENT" });
  assert.throws(ctl(EPOLL_CTL_DEL, source), { code: "ENOENT" });
  epoll_ctl(epfd, EPOLL_CTL_ADD, source, event);
  assert.throws(ctl(EPOLL_CTL_ADD, source, event), { code: "EEXIST" });
  assert.throws(ctl(EPOLL_CTL_ADD, 3, event), { code: "EBADF" });
  assert.throws(ctl(EPOLL_CTL_MOD, source), { code: "EINVAL" });
  assert.throws(ctl(4, source, event), { code: "EINVAL" });
  for (const flag of [1 << 28, 1 << 29, 0x40, 0x80, 0x20, 0.5, NaN]) {
    const strange = { events: EPOLLIN + flag, data: 0 };
    assert.throws(ctl(EPOLL_CTL_MOD, source, strange), { code: "EINVAL" });
  }
  for (const room of [0, -1, 1.5, NaN]) {
    const waiting = epoll_wait(epfd, [], room, 0);
    await assert.rejects(waiting, { code: "EINVAL" });
  }
  const stranger = { close() {}, [Symbol.dispose]() {} };
  await assert.rejects(epoll_wait(stranger, [], 1), { code: "EINVAL" });

  const waiting = epoll_wait(epfd, [], 1);
  const second = epoll_wait(epfd, [], 1);
  await assert.rejects(second, { code: "ERR_SOCKEYE_STATE" });
  source.close();
  assert.throws(ctl(EPOLL_CTL_DEL, source), { code: "EBADF" });
  epfd.close();
  epfd.close();
  await assert.rejects(waiting, { code: "EBADF" });
  await assert.rejects(epoll_wait(epfd, [], 1), { code: "EBADF" });
  assert.throws(ctl(EPOLL_CTL_ADD, source, event), { code: "EBADF" });
});
