/** Cases C: readiness, as `Poller` and the classic calls tell it. */
import assert from "node:assert/strict";
import {
  bytesOf,
  readExactly,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, sleep, until, within } from "../wait.ts";
import { makeResettable } from "./ending.ts";
import type { Case, Trial } from "../harness.ts";
import type { Peer } from "../peers/peer.ts";
import { type Interest, Poller, PollEvents } from "../../mod.ts";
import type { Connection, ReadinessSource } from "../../mod.ts";
import {
  epoll_create1,
  epoll_ctl,
  EPOLL_CTL_ADD,
  epoll_wait,
  type EpollEvent,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  poll,
  POLLERR,
  type PollFd,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLRDHUP,
  select,
} from "../../posix.ts";

/** C1 to C8. */
export const readiness: readonly Case[] = [
  {
    id: "C1",
    title:
      "Level: again until read. Edge: once for each arrival. One-shot: once until re-armed",
    async run(t) {
      const { connection, peer } = await t.accepted();
      const level = watching(t, connection, { readable: true });
      const edge = watching(t, connection, { readable: true, edge: true });
      const shot = watching(t, connection, { readable: true, oneShot: true });
      assert.equal(await level.wait(0) + await edge.wait(0), 0);

      await arrive(connection, peer, "one");
      for (let i = 0; i < 3; i++) assert.equal(await level.wait(), 1);
      assert.deepEqual([await edge.wait(), await edge.wait(20)], [1, 0]);
      assert.deepEqual([await shot.wait(), await shot.wait(20)], [1, 0]);

      assert.equal(take(connection, 2), "on");
      assert.equal(await level.wait(), 1);
      assert.equal(await edge.wait(20), 0);

      await arrive(connection, peer, "two");
      assert.deepEqual([await edge.wait(), await edge.wait(20)], [1, 0]);
      assert.equal(await shot.wait(20), 0);
      shot.poller.modify(connection, { readable: true, oneShot: true });
      assert.deepEqual([await shot.wait(), await shot.wait(20)], [1, 0]);

      assert.equal(take(connection, 64), "etwo");
      assert.equal(take(connection, 64), undefined);
      assert.deepEqual([await level.wait(20), await edge.wait(20)], [0, 0]);
      shot.poller.modify(connection, { readable: true, oneShot: true });
      assert.equal(await shot.wait(20), 0);
      await arrive(connection, peer, "three");
      const told = [await level.wait(), await edge.wait(), await shot.wait()];
      assert.deepEqual(told, [1, 1, 1]);
    },
  },
  {
    id: "C2",
    title:
      "Timeout −1 waits, 0 asks the kernel and returns, n returns after n ms with nothing ready",
    async run(t) {
      const { connection, send } = await directlyJoined(t);
      const watched = watching(t, connection, { readable: true });
      let count: number | undefined;
      const waiting = watched.wait(-1).then((n) => count = n);
      await sleep(60);
      assert.equal(count, undefined);
      await send(bytesOf("x"));
      assert.equal(await within(5000, "the wait of -1", waiting), 1);
      take(connection, 64);

      for (const ms of [1, 40]) {
        const begun = performance.now();
        assert.equal(await watched.wait(ms), 0);
        const took = performance.now() - begun;
        assert.ok(took >= ms && took < ms + 2000, `${took} of ${ms} ms`);
      }
      assert.equal(await watched.wait(0), 0);
      // What is in the kernel by now is found without any wait in between.
      for (let i = 0; i < 20; i++) {
        await send(bytesOf("x"));
        assert.equal(await watched.wait(0), 1, `round ${i}`);
        while (take(connection, 64) !== undefined);
      }
    },
  },
  {
    id: "C3",
    title: "A listener is readable when an accept will succeed",
    async run(t) {
      const listener = await t.listen();
      const watched = watching(t, listener, { readable: true });
      assert.equal(await watched.wait(30), 0);
      assert.equal(listener.tryAccept(), undefined);
      for (const clients of [1, 3]) {
        for (let i = 0; i < clients; i++) await t.peer(listener.address);
        for (let i = 0; i < clients; i++) {
          assert.equal(await watched.wait(5000), 1, `client ${i}`);
          assert.ok(watched.events.at(0)!.readable);
          const accepted = i % 2 === 0
            ? listener.tryAccept()
            : await within(5000, "accept", listener.accept());
          assert.ok(accepted, "readable, and nothing to accept");
          t.keep(accepted);
        }
        assert.equal(await watched.wait(30), 0);
        assert.equal(listener.tryAccept(), undefined);
      }
    },
  },
  {
    id: "C4",
    title: "Writable goes away at the high-water mark and comes back",
    async run(t) {
      const { connection, peer } = await t.accepted();
      peer.pause();
      const watched = watching(t, connection, { writable: true });
      const chunk = seeded(16_384);
      const limit = 64 << 20;
      let sent = 0;
      // Until nothing was writable for a while: the system's buffers are full.
      while (await watched.wait(150) === 1) {
        let taken: number;
        while ((taken = connection.tryWrite(chunk)) > 0) sent += taken;
        assert.ok(sent < limit, "64 MiB were taken, and nobody reads");
      }
      peer.resume();
      assert.equal(await watched.wait(5000), 1);
      assert.ok(watched.events.at(0)!.writable);
      assert.ok(connection.tryWrite(chunk.subarray(0, 1)) > 0);
      await until(() => peer.received === sent + 1, "what was written");
    },
  },
  {
    id: "C5",
    title:
      "RDHUP at the peer's end with data left; HUP only when both directions are over and all is read; a loop that checks HUP first loses no byte",
    async run(t) {
      await hupAfterEnd(t);
      await hupAfterReset(t);
    },
  },
  {
    id: "C6",
    title:
      "Removing, adding and closing sources while waiting and while iterating is safe; a stale token is never told",
    async run(t) {
      const poller = pollerOf<string>(t);
      const events = new PollEvents<string>(8);
      const names = async () => {
        await poller.wait(events, 5000);
        return Array.from(events, (event) => event.data).sort().join();
      };
      const listener = await t.listen();
      const [a, b, c, d, e] = await several(t, listener, 5);
      const interest = { readable: true };
      for (const [name, { connection, peer }] of Object.entries({ a, b, c })) {
        poller.add(connection, interest, name);
        await arrive(connection, peer, name);
      }
      await until(() => isReadable(a, b, c), "three readable connections");
      assert.equal(await poller.wait(events), 3);
      let told = "";
      for (const event of events) {
        told += event.data;
        if (event.data !== "a") continue;
        poller.remove(b.connection);
        c.connection.abort();
        poller.add(d.connection, interest, "d");
      }
      assert.equal(told, "a");
      await arrive(b.connection, b.peer, "b again");
      assert.equal(await names(), "a");
      poller.add(b.connection, interest, "b anew");
      assert.equal(await names(), "a,b anew");

      take(a.connection, 64);
      take(b.connection, 64);
      const waiting = names();
      await sleep(20);
      poller.remove(a.connection);
      await a.peer.send(bytesOf("x"));
      b.connection.close();
      await sleep(20);
      await arrive(e.connection, e.peer, "x");
      poller.add(e.connection, interest, "e");
      assert.equal(await within(5000, "the wait", waiting), "e");
      poller.remove(e.connection);
      assert.equal(await poller.wait(events, 50), 0);
      assert.equal(poller.size, 1, "closed connections are forgotten");
      await d.peer.send(bytesOf("x"));
      assert.equal(await names(), "d");
    },
  },
  {
    id: "C7",
    title:
      "With MAX_EVENTS below the number ready, all are served in turn: nobody starves",
    async run(t) {
      const listener = await t.listen();
      const pairs = await several(t, listener, 10);
      for (const room of [1, 3, 7]) await servedInTurn(t, pairs, room);
      await notStarved(t, pairs);
    },
  },
  {
    id: "C8",
    title: "The same readiness from Poller, poll, select and epoll",
    async run(t) {
      const listener = await t.listen();
      await agree(listener, 0);
      const peer = await t.peer(listener.address);
      await until(() => listener.readiness !== 0, "a connection waiting");
      await agree(listener, POLLIN);
      const connection = t.keep(await listener.accept());
      await agree(listener, 0);
      await agree(connection, POLLOUT);
      await arrive(connection, peer, "x");
      await agree(connection, POLLIN | POLLOUT);
      await peer.end();
      await until(() => heldOf(connection) !== 5, "the end");
      await agree(connection, POLLIN | POLLOUT | POLLRDHUP);
      take(connection, 64);
      await agree(connection, POLLIN | POLLOUT | POLLRDHUP);
      await connection.closeWrite();
      await until(() => (heldOf(connection) & POLLHUP) !== 0, "the hang-up");
      await agree(connection, POLLIN | POLLRDHUP | POLLHUP);

      const other = await t.accepted();
      await makeResettable(other.connection, other.peer);
      other.peer.reset();
      const failed = other.connection;
      await until(() => (heldOf(failed) & POLLERR) !== 0, "the reset");
      await agree(failed, POLLIN | POLLRDHUP | POLLHUP | POLLERR);
      failed.abort();
      await agreeOnClosed(failed);
      listener.close();
      await agreeOnClosed(listener);
    },
  },
];

/**
 * A connection, and what puts bytes into the kernel's buffer of it. Over FIFOs
 * those of a foreign peer pass through another process first.
 */
async function directlyJoined(t: Trial): Promise<{
  connection: Connection;
  send(bytes: Uint8Array): Promise<void>;
}> {
  if (t.transport !== "fifo") {
    const { connection, peer } = await t.accepted();
    return { connection, send: (bytes) => peer.send(bytes) };
  }
  const { client, server } = await t.pair();
  return { connection: server, send: (bytes) => client.write(bytes) };
}

interface Ends {
  readonly connection: Connection;
  readonly peer: Peer;
}

function pollerOf<T>(t: Trial): Poller<T> {
  const poller = new Poller<T>();
  t.atEnd(() => poller.close());
  return poller;
}

/** One source in a poller of its own. */
function watching(t: Trial, source: ReadinessSource, interest: Interest) {
  const poller = pollerOf(t);
  poller.add(source, interest);
  const events = new PollEvents(4);
  const wait = (timeout = 5000) => poller.wait(events, timeout);
  return { poller, events, wait };
}

/** Has the peer send a text, and waits until it has arrived. */
async function arrive(
  connection: Connection,
  peer: Peer,
  text: string,
): Promise<void> {
  const due = connection.bytesRead + text.length;
  await peer.send(bytesOf(text));
  await until(() => connection.bytesRead === due, `"${text}" to arrive`);
}

/** Reads what is there; undefined where that would have to wait. */
function take(
  connection: Connection,
  length: number,
): string | null | undefined {
  const buffer = new Uint8Array(length);
  const count = connection.tryRead(buffer);
  return count ? textOf(buffer.subarray(0, count)) : count as null | undefined;
}

async function several(
  t: Trial,
  listener: { readonly address: Parameters<Trial["peer"]>[0] } & {
    accept(): Promise<Connection>;
  },
  count: number,
): Promise<[Ends, Ends, Ends, Ends, Ends, ...Ends[]]> {
  const all: Ends[] = [];
  for (let i = 0; i < count; i++) {
    const accepting = later(listener.accept());
    const peer = await t.peer(listener.address);
    all.push({ connection: t.keep(await accepting), peer });
  }
  return all as [Ends, Ends, Ends, Ends, Ends, ...Ends[]];
}

function isReadable(...all: Ends[]): boolean {
  return all.every(({ connection }) => (connection.readiness & 1) !== 0);
}

const readsAndEnd: Interest = { readable: true, readClosed: true };

/** Reads as a loop does that looks at HUP first; gives what it got before. */
async function readToHangup(
  t: Trial,
  connection: Connection,
  onEnd: () => Promise<void>,
): Promise<string> {
  const { events, wait } = watching(t, connection, readsAndEnd);
  let text = "";
  for (;;) {
    assert.equal(await wait(), 1, `nothing more after "${text}"`);
    const event = events.at(0)!;
    if (event.hangup) return text;
    const part = take(connection, 2);
    if (part === null) await onEnd();
    else text += part ?? "";
  }
}

async function hupAfterEnd(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  const { events, wait } = watching(t, connection, {
    readClosed: true,
    edge: true,
  });
  const sent = "the last words";
  await peer.end(bytesOf(sent));
  assert.equal(await wait(), 1);
  const [event] = events;
  assert.ok(event!.readClosed && !event!.hangup);
  assert.equal(connection.bytesRead, sent.length);
  const onEnd = async () => {
    if (connection.state !== "halfClosedRemote") return;
    // Our direction is open: an end is no hang-up.
    await connection.write(bytesOf("and ours"));
    await connection.closeWrite();
  };
  assert.equal(await readToHangup(t, connection, onEnd), sent);
  assert.equal(await connection.read(), null);
  assert.equal(take(connection, 2), null);
  await until(() => peer.received === 8, "our last words");
}

async function hupAfterReset(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  await makeResettable(connection, peer);
  const sent = "not lost to the reset";
  await arrive(connection, peer, sent);
  const { events, wait } = watching(t, connection, {
    readClosed: true,
    edge: true,
  });
  peer.reset();
  assert.equal(await wait(), 1);
  const [event] = events;
  assert.ok(event!.readClosed && !event!.hangup && !event!.failed);
  if (!t.tellsResets()) {
    const onEnd = () => connection.closeWrite();
    assert.equal(await readToHangup(t, connection, onEnd), sent);
    return assert.equal(await connection.read(), null);
  }
  const never = () => Promise.reject(new Error("The reset came as an end"));
  assert.equal(await readToHangup(t, connection, never), sent);
  await rejects(connection.read(), "ECONNRESET");
}

async function servedInTurn(
  t: Trial,
  pairs: Ends[],
  room: number,
): Promise<void> {
  const poller = pollerOf<number>(t);
  for (const [i, { connection, peer }] of pairs.entries()) {
    poller.add(connection, { readable: true }, i);
    await arrive(connection, peer, "x");
  }
  const served = pairs.map(() => 0);
  const events = new PollEvents<number>(room);
  for (let i = 0; i < pairs.length; i++) {
    assert.equal(await poller.wait(events), room);
    for (const event of events) served[event.data]!++;
  }
  assert.deepEqual(served, pairs.map(() => room));
  for (const { connection } of pairs) await readExactly(connection, 1);
  poller.close();
}

/** One is always ready and never read; the others are heard all the same. */
async function notStarved(t: Trial, pairs: Ends[]): Promise<void> {
  const poller = pollerOf<Ends>(t);
  const [unread, ...others] = pairs;
  for (const ends of pairs) {
    poller.add(ends.connection, { readable: true }, ends);
  }
  await arrive(unread!.connection, unread!.peer, "never read");
  for (const { peer } of others) await peer.send(bytesOf("heard"));
  const heard = new Set<Ends>();
  const events = new PollEvents<Ends>(1);
  for (let waits = 0; heard.size < others.length; waits++) {
    assert.ok(waits < 50_000, `${heard.size} were heard in ${waits} waits`);
    assert.equal(await poller.wait(events), 1);
    for (const { data } of events) {
      if (data === unread) continue;
      sameBytes(await readExactly(data.connection, 5), bytesOf("heard"));
      heard.add(data);
    }
  }
}

const everything = POLLIN | POLLOUT | POLLRDHUP;

/** Asserts that all four tell these bits, and nothing else, right now. */
async function agree(source: ReadinessSource, bits: number): Promise<void> {
  assert.equal(heldOf(source), bits, "Poller");
  const count = bits === 0 ? 0 : 1;

  const poller = new Poller();
  const buffer = new PollEvents(2);
  poller.add(source, { readable: true, writable: true, readClosed: true });
  assert.equal(await poller.wait(buffer, 0), count);
  if (count === 1) assert.equal(bitsOf(buffer.at(0)!.ready), bits, "Poller");
  poller.close();

  const fds: PollFd[] = [{ fd: source, events: everything, revents: 0 }];
  assert.equal(await poll(fds, 0), count);
  assert.equal(fds[0]!.revents, bits, "poll");

  const epfd = epoll_create1(0);
  const events: EpollEvent[] = [];
  const asked = { events: EPOLLIN | EPOLLOUT | EPOLLRDHUP, data: source };
  epoll_ctl(epfd, EPOLL_CTL_ADD, source, asked);
  assert.equal(await epoll_wait(epfd, events, 2, 0), count);
  if (count === 1) assert.deepEqual(events, [{ events: bits, data: source }]);
  epfd.close();

  const [read, write, error] = [1, 2, 3].map(() => new Set([source])) as [
    Set<ReadinessSource>,
    Set<ReadinessSource>,
    Set<ReadinessSource>,
  ];
  const left = await select({ read, write, error }, 0);
  const over = POLLHUP | POLLERR;
  assert.equal(read.size, bits & (POLLIN | over) ? 1 : 0, "select: read");
  assert.equal(write.size, bits & (POLLOUT | over) ? 1 : 0, "select: write");
  assert.equal(error.size, bits & POLLERR ? 1 : 0, "select: error");
  assert.equal(left, read.size + write.size + error.size);
}

/** Asserts that a source that we closed is one to nobody. */
async function agreeOnClosed(source: ReadinessSource): Promise<void> {
  const fds: PollFd[] = [{ fd: source, events: everything, revents: 0 }];
  assert.equal(await poll(fds, 0), 1);
  assert.equal(fds[0]!.revents, POLLNVAL);
  await rejects(select({ read: new Set([source]) }, 0), "EBADF");
  const poller = new Poller();
  assert.throws(() => poller.add(source, { readable: true }), {
    code: "EBADF",
  });
  poller.close();
}

function heldOf(source: ReadinessSource): number {
  return bitsOf(source.readiness);
}

/** The bits of poll(2) for those of a source. */
function bitsOf(ready: number): number {
  return (ready & 1 ? POLLIN : 0) | (ready & 2 ? POLLOUT : 0) |
    (ready & 4 ? POLLRDHUP : 0) | (ready & 8 ? POLLHUP : 0) |
    (ready & 16 ? POLLERR : 0);
}
