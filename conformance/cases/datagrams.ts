/** D. Datagrams: whole or not at all, from whom, how many, and no connection. */
import assert from "node:assert/strict";
import {
  bytesOf,
  rejection,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, sleep, until } from "../wait.ts";
import {
  type DatagramCase,
  type DatagramTrial,
  isFrom,
  next,
  settle,
} from "../datagrams.ts";
import type { Datagram, DatagramSocket } from "../../api/datagram/types.ts";
import type { UdpAddress } from "../../core/address.ts";
import { poll, POLLIN, POLLOUT, select } from "../../posix.ts";
import { Poller, PollEvents } from "../../mod.ts";

const two = async (t: DatagramTrial): Promise<DatagramSocket[]> => [
  await t.bind(),
  await t.bind(),
];

/** The text of the next datagram. */
const hear = async (socket: DatagramSocket): Promise<string> =>
  textOf((await next(socket)).bytes);

const say = (
  from: DatagramSocket,
  words: string,
  to?: DatagramSocket,
): Promise<void> => from.send(bytesOf(words), to?.localAddress);

/** The cases, in order. */
export const datagrams: readonly DatagramCase[] = [
  {
    id: "D1",
    title: "A datagram of no bytes is a datagram, and no end",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      await a.send(new Uint8Array(0), b.localAddress);
      await say(a, "then", b);
      const empty = await next(b);
      assert.equal(empty.bytes.length, 0);
      assert.ok(isFrom(empty, a));
      assert.equal(await hear(b), "then");
    },
  },
  {
    id: "D2",
    title:
      "The longest datagram (65,507 bytes over IPv4, 65,527 over IPv6) passes whole; one byte more is EMSGSIZE, and harms nothing",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const most = t.transport === "udp6" ? 65_527 : 65_507;
      const sent = seeded(most, 2);
      await a.send(sent, b.localAddress);
      sameBytes((await next(b)).bytes, sent);
      await rejects(
        a.send(new Uint8Array(most + 1), b.localAddress),
        "EMSGSIZE",
      );
      await say(a, "still here", b);
      assert.equal(await hear(b), "still here");
      await a.connect(b.localAddress);
      await rejects(a.send(new Uint8Array(most + 1)), "EMSGSIZE");
      await a.send(sent);
      sameBytes((await next(b)).bytes, sent);
    },
  },
  {
    id: "D3",
    title:
      "An answer goes to its sender: many clients of one socket, none mixed up",
    async run(t) {
      const server = await t.bind({
        onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
      });
      await Promise.all(Array.from({ length: 20 }, async (_, i) => {
        const client = await t.bind();
        for (let round = 0; round < 20; round++) {
          await say(client, `${i} ${round}`, server);
          const answer = await next(client);
          assert.equal(textOf(answer.bytes), `${i} ${round}`);
          assert.ok(isFrom(answer, server));
        }
      }));
    },
  },
  {
    id: "D4",
    title:
      "A connected socket hears its peer alone: no stranger, not even one who wrote before",
    async run(t) {
      const [a, peer] = await two(t) as [DatagramSocket, DatagramSocket];
      const stranger = await t.bind();
      await say(stranger, "before", a);
      await say(peer, "word", a);
      assert.equal(await hear(a), "before");
      await say(stranger, "unread", a);
      await say(peer, "more", a);
      await a.connect(peer.localAddress);
      await say(stranger, "after", a);
      await say(a, "hello");
      assert.equal(await hear(peer), "hello");
      await say(peer, "last", a);
      const heard = [];
      while (heard.at(-1) !== "last") heard.push(await hear(a));
      assert.deepEqual(heard, ["word", "more", "last"]);
      // To somebody else instead.
      await a.connect(stranger.localAddress);
      await say(peer, "not any more", a);
      await say(stranger, "my turn", a);
      assert.equal(await hear(a), "my turn");
      // What was handed in before goes to whom it was meant for.
      const sending = Array.from({ length: 20 }, (_, i) => say(a, `${i}`));
      await a.connect(peer.localAddress);
      await say(a, "back again");
      for (let i = 0; i < 20; i++) assert.equal(await hear(stranger), `${i}`);
      assert.equal(await hear(peer), "back again");
      await Promise.all(sending);
    },
  },
  {
    id: "D5",
    title: "After disconnect everybody is heard again, at the same port",
    async run(t) {
      const [a, peer] = await two(t) as [DatagramSocket, DatagramSocket];
      const stranger = await t.bind();
      const { localAddress } = a;
      await a.connect(peer.localAddress);
      await say(a, "from the same port");
      assert.ok(isFrom(await next(peer), a));
      a.disconnect();
      await rejects(say(a, "to nobody"), "ENOTCONN", "EDESTADDRREQ");
      await stranger.send(bytesOf("hello"), localAddress);
      assert.equal(await hear(a), "hello");
      await say(a, "to anybody", peer);
      assert.ok(isFrom(await next(peer), a));
    },
  },
  {
    id: "D6",
    title:
      "A dead peer closes nothing; who is connected to it is told ECONNREFUSED by a receive, and never by a send",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const dead = await t.deadAddress();
      for (let i = 0; i < 10; i++) await a.send(bytesOf("hello?"), dead);
      await say(b, "I am here", a);
      assert.equal(await hear(a), "I am here");
      await a.connect(dead);
      for (let i = 0; i < 10; i++) await a.send(bytesOf("hello?"));
      if (await t.has("udpRefused")) {
        await rejects(next(a), "ECONNREFUSED");
      }
      await a.connect(b.localAddress);
      await say(a, "here again");
      const { from } = await next(b);
      await b.send(bytesOf("yes"), from);
      // What is told late is about the peer before.
      let heard = "";
      while (heard === "") {
        heard = await hear(a).catch((error) => {
          assert.equal(error.code, "ECONNREFUSED");
          return "";
        });
      }
      assert.equal(heard, "yes");
    },
  },
  {
    id: "D7",
    title:
      "On loopback order and boundaries are kept, whatever the sizes, without waiting in between",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const sent = Array.from(
        { length: 100 },
        (_, i) => seeded(1 + (i * 7919) % 900, i + 1),
      );
      const big = [seeded(40_000, 7), seeded(1, 8), seeded(40_000, 9)];
      for (const volley of [sent, big]) {
        const sending = volley.map((bytes) => a.send(bytes, b.localAddress));
        for (const bytes of volley) sameBytes((await next(b)).bytes, bytes);
        await Promise.all(sending);
      }
    },
  },
  {
    id: "D8",
    title:
      "What is sent to a name, and after it, leaves in the order of the calls",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const named = t.transport === "udp"
        ? { ...b.localAddress as UdpAddress, host: "localhost" }
        : b.localAddress; // not everywhere a name of ::1
      const sending = [];
      for (let i = 0; i < 30; i++) {
        const to = i % 3 === 0 ? named : b.localAddress;
        sending.push(a.send(bytesOf(`${i}`), to));
      }
      for (let i = 0; i < 30; i++) assert.equal(await hear(b), `${i}`);
      await Promise.all(sending);
    },
  },
  {
    id: "D9",
    title:
      "A slow consumer: a bounded queue of the oldest, and a count of what was dropped",
    async run(t) {
      t.libraryOnly("a bounded queue");
      const slow = await t.bind({ queueDatagrams: 10 });
      const a = await t.bind();
      for (let i = 0; i < 50; i++) await say(a, `${i}`, slow);
      await until(
        () => slow.stats.received + slow.stats.dropped === 50,
        "all datagrams",
      );
      assert.equal(slow.stats.waiting, 10);
      assert.equal(slow.stats.dropped, 40);
      for (let i = 0; i < 10; i++) assert.equal(await hear(slow), `${i}`);
      await say(a, "room again", slow);
      assert.equal(await hear(slow), "room again");

      const small = await t.bind({ queueBytes: 1000 });
      for (let i = 0; i < 5; i++) {
        await a.send(seeded(400, i + 1), small.localAddress);
      }
      await until(
        () => small.stats.received + small.stats.dropped === 5,
        "all datagrams",
      );
      assert.equal(small.stats.received, 2);
    },
  },
  {
    id: "D10",
    limit: 60_000, // a resolver that nobody answers takes its time
    title:
      "Unknown host, wrong family, broadcast not allowed, no address, closed socket: an error each, once, and the socket lives until it is closed",
    run: refusals,
  },
  {
    id: "D11",
    title:
      "Receives that wait: each is given its own; a deadline or signal ends one of them and loses nothing",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const controller = new AbortController();
      const late = rejection(b.receive({ timeout: 30 }));
      const given = rejection(b.receive({ signal: controller.signal }));
      const [first, second] = [later(hear(b)), later(hear(b))];
      controller.abort("enough");
      assert.equal(await given, "enough");
      assert.equal((await late as { code: string }).code, "ETIMEDOUT");
      await say(a, "one", b);
      await say(a, "two", b);
      assert.deepEqual([await first, await second], ["one", "two"]);
      await rejects(b.receive({ timeout: 0 }), "ETIMEDOUT");
      await say(a, "three", b);
      assert.equal(await hear(b), "three");
    },
  },
  {
    id: "D12",
    title:
      "Close: waiting receives end with an error, once; iteration ends; what was handed in has been sent; the port is free",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const waiting = rejection(a.receive());
      const loop = (async () => {
        for await (const _ of b) { /* until it is closed */ }
      })();
      const again = await t.bind();
      const sending = Array.from(
        { length: 20 },
        (_, i) => say(a, `${i}`, again),
      );
      const closed = a.close();
      await rejects(a.receive(), "ERR_SOCKEYE_CLOSED");
      await Promise.all(sending);
      await Promise.all([closed, a.close(), a.closed]);
      for (let i = 0; i < 20; i++) assert.equal(await hear(again), `${i}`);
      const error = await waiting as { code?: string } | Datagram;
      assert.ok("code" in error && error.code === "ERR_SOCKEYE_CLOSED");
      await b.close();
      await loop;
      const taken = await t.bind({}, a.localAddress);
      await say(again, "who is here now", taken);
      assert.equal(await hear(taken), "who is here now");
    },
  },
  {
    id: "D13",
    title:
      "A handler that throws or rejects is reported, and the next datagram comes; an asynchronous one holds it back",
    async run(t) {
      t.libraryOnly("handlers that fail");
      const told: string[] = [];
      let release = (): void => {};
      const b = await t.bind({
        onDatagram: async ({ bytes }) => {
          const word = textOf(bytes);
          told.push(word);
          if (word === "throw") throw new Error("thrown");
          if (word === "wait") {
            await new Promise<void>((done) => release = done);
          }
        },
        onError: (error) => told.push((error as Error).message),
      });
      const a = await t.bind();
      for (const word of ["throw", "wait", "next"]) await say(a, word, b);
      await until(() => b.stats.waiting === 1, "the third");
      await sleep(10);
      assert.deepEqual(told, ["throw", "thrown", "wait"]);
      release();
      await until(() => told.length === 4, "the next");
      assert.equal(told[3], "next");
      await rejects(b.receive(), "ERR_SOCKEYE_STATE");
    },
  },
  {
    id: "D14",
    title:
      "Bytes that were received stay as they are, under load; those that were sent may be altered once that has settled",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const kept: Datagram[] = [];
      const buffer = new Uint8Array(1200);
      for (let i = 0; i < 300; i++) {
        buffer.set(seeded(1200, i + 1));
        await a.send(buffer, b.localAddress);
        buffer.fill(0xdb);
        kept.push(await next(b));
      }
      kept.forEach(({ bytes }, i) => sameBytes(bytes, seeded(1200, i + 1)));
      for (const { bytes } of kept) {
        if (!t.subject.bare) {
          assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
        }
        assert.ok(bytes.buffer.byteLength < 4096, "and hold not much more");
      }
    },
  },
  {
    id: "D15",
    title:
      "Readiness: readable while a datagram waits, by Poller, poll and select alike; writable; gone when closed",
    run: readiness,
  },
  {
    id: "D16",
    title: "A group is heard by those who joined it, as long as they are in it",
    run: groups,
  },
  {
    id: "D17",
    title:
      "A burst of 2,000 datagrams while nobody looks: what is missing afterwards is bounded by the queues, and nothing is out of order",
    async run(t) {
      const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
      const sending = [];
      for (let i = 0; i < 2000; i++) sending.push(say(a, `${i}`, b));
      await Promise.all(sending);
      await sleep(200);
      // The queue may be full: then there is no room for a last word.
      const first = await next(b);
      const got = [first, ...await settle(a, b)].map(({ bytes }) =>
        Number(textOf(bytes))
      );
      assert.ok(got.length > 100, `${got.length} arrived`);
      got.forEach((value, i) => assert.ok(i === 0 || value > got[i - 1]!));
    },
  },
];

async function refusals(t: DatagramTrial): Promise<void> {
  const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
  const nothing = bytesOf("nothing");
  await rejects(a.send(nothing), "ENOTCONN", "EDESTADDRREQ");
  if (t.isReal) {
    const unknown = "udp://no.such.host.invalid:9";
    await rejects(a.send(nothing, unknown), "ENOTFOUND", "EAI_AGAIN");
    await rejects(a.connect(unknown), "ENOTFOUND", "EAI_AGAIN");
    const other = t.transport === "udp" ? "udp://[::1]:9" : "udp://127.0.0.1:9";
    const isOurs = !t.subject.bare;
    const family = isOurs ? ["EAFNOSUPPORT"] : ["EAFNOSUPPORT", "EINVAL"];
    await rejects(a.send(nothing, other), ...family);
    await rejects(a.connect(other), ...family);
    if (isOurs) await rejects(a.send(nothing, "mem:x"), ...family);
    await rejects(t.bind({}, a.localAddress), "EADDRINUSE");
  }
  if (t.transport === "udp") {
    await rejects(a.send(nothing, "udp://255.255.255.255:9"), "EACCES");
    // From loopback the kernel finds no way out (TEST-NET-2, RFC 5737).
    await rejects(a.send(nothing, "udp://198.51.100.1:9"), "EINVAL");
  }
  await say(b, "still here", a);
  assert.equal(await hear(a), "still here");
  await a.close();
  await rejects(say(a, "closed", b), "ERR_SOCKEYE_CLOSED");
  await rejects(a.receive(), "ERR_SOCKEYE_CLOSED");
  await rejects(a.connect(b.localAddress), "ERR_SOCKEYE_CLOSED");
}

async function readiness(t: DatagramTrial): Promise<void> {
  t.libraryOnly("readiness");
  const [a, b] = await two(t) as [DatagramSocket, DatagramSocket];
  const poller = new Poller<string>();
  const events = new PollEvents<string>(4);
  const entry = { fd: b, events: POLLIN, revents: 0 };
  const ready = async (ms: number): Promise<boolean[]> => {
    const read = new Set([b]);
    const counts = [
      await poller.wait(events, ms),
      await poll([entry], ms),
      await select({ read }, ms),
    ];
    return counts.map((count) => count === 1);
  };
  try {
    poller.add(b, { readable: true }, "b");
    assert.deepEqual(await ready(0), [false, false, false]);
    const waiting = poller.wait(events, 10_000);
    await a.send(new Uint8Array(0), b.localAddress);
    assert.equal(await waiting, 1, "also for one of no bytes");
    assert.deepEqual(await ready(10_000), [true, true, true]);
    assert.deepEqual(await ready(0), [true, true, true]);
    assert.equal(b.tryReceive()!.bytes.length, 0);
    assert.deepEqual(await ready(0), [false, false, false]);
    assert.equal(await poll([{ fd: a, events: POLLOUT, revents: 0 }], 0), 1);
    await b.close();
    assert.equal(poller.has(b), false);
    await rejects(select({ read: new Set([b]) }, 0), "EBADF");
  } finally {
    poller.close();
  }
}

async function groups(t: DatagramTrial): Promise<void> {
  if (!await t.has("multicast")) return;
  const [group, loopback, wildcard] = t.transport === "udp6"
    ? ["ff02::7a1d", "::1", "udp://[::]:0"]
    : ["239.122.29.1", "127.0.0.1", "udp://0.0.0.0:0"];
  const options = { multicastInterface: loopback!, multicastTtl: 1 };
  const member = await t.bind({}, wildcard!);
  const sender = await t.bind(options, wildcard!);
  const { port } = member.localAddress as UdpAddress;
  const host = t.transport === "udp6" ? `${group}%lo` : group!;
  const call = (words: string): Promise<void> =>
    sender.send(bytesOf(words), { transport: "udp", host, port });
  const tell = (words: string): Promise<void> =>
    sender.send(bytesOf(words), { transport: "udp", host: loopback!, port });
  try {
    await call("nobody");
  } catch (error) {
    const isIPv6 = t.transport === "udp6";
    assert.ok(isIPv6 && (error as { code: string }).code === "ENETUNREACH");
    return t.gap("Linux has no route to IPv6 groups on its loopback interface");
  }
  await tell("to you alone");
  assert.equal(await hear(member), "to you alone");
  member.joinGroup(group!, loopback);
  await call("all of you");
  assert.equal(await hear(member), "all of you");
  member.leaveGroup(group!, loopback);
  await call("nobody again");
  await tell("to you alone");
  assert.equal(await hear(member), "to you alone");
  if (t.subject.bare) return; // each runtime has other codes
  assert.throws(() => member.leaveGroup(group!, loopback), {
    code: "EADDRNOTAVAIL",
  });
  assert.throws(() => member.joinGroup(loopback!), { code: "EINVAL" });
  assert.throws(() => member.joinGroup(group!, "nosuch0"), { code: "ENODEV" });
}
