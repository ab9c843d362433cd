/** Cases B about the flow of bytes: unread data, pauses, deadlines, signals, streams. */
import assert from "node:assert/strict";
import process from "node:process";
import {
  bytesOf,
  concat,
  rejection,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, sleep, until, within } from "../wait.ts";
import { only, stall } from "./ending.ts";
import type { Case, Trial } from "../harness.ts";
import type { Peer } from "../peers/peer.ts";
import type { Channel, Op } from "../../api/types.ts";

/** B11, B19 to B21, B26, B27. */
export const flow: readonly Case[] = [
  {
    id: "B11",
    title: "Unread data does not spin the loop",
    async run(t) {
      const { connection, peer } = await t.accepted();
      const sending = later(peer.send(new Uint8Array(1 << 20)));
      await sleep(50);
      // Garbage collection and compilers may use a core for a moment; a loop
      // that spins uses it each time.
      const shares: number[] = [];
      for (let look = 0; look < 3; look++) shares.push(await cpuShare(200));
      assert.ok(Math.min(...shares) < 0.5, `uses ${shares.join(", ")} cores`);
      let left = 1 << 20;
      while (left > 0) left -= (await connection.read())?.length ?? left;
      await sending;
    },
  },
  {
    id: "B19",
    title:
      "An expired deadline beats ready data; a cleared deadline never fires",
    async run(t) {
      const { connection, peer } = await t.accepted();
      await peer.send(bytesOf("ab"));
      assert.equal(await connection.readInto(new Uint8Array(1)), 1);
      connection.setDeadline(-1, "read");
      await rejects(connection.readInto(new Uint8Array(1)), "ETIMEDOUT");
      connection.setDeadline(null, "read");
      const rest = new Uint8Array(8);
      assert.equal(await connection.readInto(rest), 1);
      assert.equal(textOf(rest.subarray(0, 1)), "b");

      connection.setDeadline(20);
      connection.setDeadline(null);
      const reading = later(connection.read());
      await sleep(60);
      await peer.send(bytesOf("c"));
      const bytes = await within(5000, "the byte", reading);
      assert.equal(textOf(bytes ?? bytesOf("an end")), "c");
      await connection.write(bytesOf("d"));
    },
  },
  {
    id: "B20",
    title: "Nothing arrives while paused; the total is conserved after resume",
    async run(t) {
      const got: Uint8Array[] = [];
      let count = 0;
      let channel: Channel | undefined;
      const server = await t.serve({
        open(opened) {
          channel = opened;
        },
        data(_channel, bytes) {
          got.push(bytes.slice());
          count += bytes.length;
        },
      });
      const peer = await t.peer(only(server.addresses));
      const sent = seeded(2 << 20);
      const sending = later(peer.send(sent));
      for (let round = 1; round <= 3; round++) {
        await until(() => count >= round * 200_000, "some bytes");
        channel?.pause();
        const before = count;
        await sleep(40);
        assert.equal(count, before, "bytes arrived while paused");
        channel?.resume();
      }
      await within(10_000, "the peer to send all", sending);
      await until(() => count >= sent.length, "the rest");
      sameBytes(concat(got), sent);
    },
  },
  {
    id: "B21",
    title:
      "A signal aborted beforehand rejects at once; a live one rejects with its reason and leaves no listener behind",
    run: signals,
  },
  {
    id: "B26",
    title: "The end of `readable` leaves `writable` usable, and the reverse",
    async run(t) {
      const one = await t.accepted();
      const { readable, writable } = one.connection;
      await one.peer.end(bytesOf("to the end"));
      assert.equal(textOf(await drained(readable)), "to the end");
      const writer = writable.getWriter();
      await within(5000, "a write", writer.write(bytesOf("answer")));
      await within(5000, "the stream to close", writer.close());
      assert.equal(await within(5000, "the end", one.peer.over), "end");
      assert.equal(textOf(one.peer.bytes()), "answer");

      const other = await t.accepted();
      const streams = {
        readable: other.connection.readable,
        writer: other.connection.writable.getWriter(),
      };
      await streams.writer.write(bytesOf("first"));
      await within(5000, "the stream to close", streams.writer.close());
      assert.equal(await within(5000, "the end", other.peer.over), "end");
      await other.peer.end(bytesOf("second"));
      assert.equal(textOf(await drained(streams.readable)), "second");
    },
  },
  {
    id: "B27",
    title: "Two connections, one never reads: the other is not slowed",
    async run(t) {
      const channels: Channel[] = [];
      const server = await t.serve({
        open: (channel) => void channels.push(channel),
        data(channel, bytes) {
          channel.send(bytes);
        },
      });
      const at = only(server.addresses);
      const stuck = await t.peer(at, { paused: true });
      await until(() => channels.length === 1, "the first connection");
      channels[0]?.send(new Uint8Array(12 << 20));
      await sleep(20);
      const lively = await t.peer(at);
      const alone = await timeOf(() => exchange(lively));
      const later = await timeOf(() => exchange(lively));
      assert.ok(alone + later < 5000, `took ${alone} ms and ${later} ms`);
      assert.equal(stuck.received, 0);
    },
  },
];

async function cpuShare(ms: number): Promise<number> {
  const began = performance.now();
  const before = process.cpuUsage();
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - began);
}

/** An abort signal that knows how many listeners it has. */
class WatchedSignal {
  readonly controller: AbortController = new AbortController();
  listeners = 0;

  constructor() {
    const { signal } = this.controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.listeners--;
      remove(...args);
    };
  }
}

async function signals(t: Trial): Promise<void> {
  const listener = await t.listen();
  const { connection, peer } = await t.accepted();
  await stall(connection, peer);
  const waits: Record<string, (op: Op) => Promise<unknown>> = {
    accept: (op) => listener.accept(op),
    read: (op) => connection.read(op),
    readInto: (op) => connection.readInto(new Uint8Array(8), op),
    write: (op) => connection.write(new Uint8Array(1024), op),
    closeWrite: (op) => connection.closeWrite(op),
  };
  const to = listener.address;
  const reason = new Error("Not any more");
  const gone = AbortSignal.abort(reason);
  const { connect } = t.subject;
  for (const wait of [...Object.values(waits), (op: Op) => connect(to, op)]) {
    const rejected = rejection(wait({ signal: gone }));
    assert.equal(await within(1000, "an aborted wait", rejected), reason);
  }
  for (const [name, wait] of Object.entries(waits)) {
    const watched = new WatchedSignal();
    const { signal } = watched.controller;
    const rejected = later(rejection(wait({ signal })));
    await sleep(10);
    watched.controller.abort(reason);
    assert.equal(await within(5000, `${name} to end`, rejected), reason);
    assert.equal(watched.listeners, 0, `${name} left a listener`);
  }
  await leavesNone(t);
}

/** Waits that succeed take their listeners away too. */
async function leavesNone(t: Trial): Promise<void> {
  const watched = new WatchedSignal();
  const op = { signal: watched.controller.signal };
  const listener = await t.listen(op);
  const accepting = listener.accept(op);
  await t.connect(listener.address, op);
  t.keep(await accepting);
  assert.equal(watched.listeners, 0, "opening left a listener on its signal");

  const { connection, peer } = await t.accepted();
  const reading = connection.read(op);
  await peer.send(bytesOf("x"));
  await reading;
  await connection.write(bytesOf("y"), op);
  await connection.closeWrite(op);
  assert.equal(watched.listeners, 0, "a wait left a listener on its signal");
}

async function drained(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await within(5000, "a chunk", reader.read());
    if (done) return concat(chunks);
    chunks.push(value);
  }
}

async function exchange(peer: Peer): Promise<void> {
  const before = peer.received;
  const sent = seeded(1 << 20);
  const sending = later(peer.send(sent));
  await until(() => peer.received - before >= sent.length, "the echo", 20_000);
  await sending;
}

async function timeOf(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}
