/** Cases G: who owns the bytes. */
import assert from "node:assert/strict";
import { makeResettable, only } from "./ending.ts";
import {
  bytesOf,
  concat,
  readAll,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, sleep, until, within } from "../wait.ts";
import { programCommand, start } from "../processes.ts";
import type { Case, Trial } from "../harness.ts";
import type { Peer } from "../peers/peer.ts";
import type { Channel } from "../../api/types.ts";
import type { Closed } from "../../core/connection.ts";

/** G1 to G7. */
export const bytes: readonly Case[] = [
  {
    id: "G1",
    title:
      "A handler that keeps its chunk finds it unchanged later, under load and back-pressure",
    run: keptChunks,
  },
  {
    id: "G2",
    title: "With `borrow`, keeping a chunk is caught in debug mode",
    async run(t) {
      t.libraryOnly("lending");
      const command = programCommand(t, "borrower");
      const program = start(t, [...command, t.address()], {
        SOCKEYE_DEBUG: "1",
      });
      const { standing, length, intact } = JSON.parse(await program.line());
      assert.ok(length > 30, "the bytes arrived");
      assert.ok(intact, "what was sent within the handler is intact");
      // One value may meet its like by chance.
      assert.ok(standing <= length / 4, `${standing} of ${length} still stood`);
    },
  },
  {
    id: "G3",
    title: "Eight connections readable in the same turn: no chunk mixes",
    async run(t) {
      await sameTurn(t, false);
      if (!t.subject.bare) await sameTurn(t, true);
    },
  },
  {
    id: "G4",
    title:
      "A write whose caller alters the buffer after settling corrupts nothing",
    run: alteredAfter,
  },
  {
    id: "G5",
    title:
      "Data that arrives while paused is delivered after resume, then the reset",
    run: pausedThenReset,
  },
  {
    id: "G6",
    title:
      "`send` to a peer that has gone returns, never throws; `closed` tells",
    async run(t) {
      const whys: Closed[] = [];
      let channel: Channel | undefined;
      const server = await t.serve({
        open: (opened) => void (channel = opened),
        end: () => {},
        closed: (_channel, why) => void whys.push(why),
      });
      const peer = await t.peer(only(server.addresses));
      await until(() => channel !== undefined, "the connection");
      await peer.destroy();
      const last = performance.now() + 10_000;
      while (whys.length === 0 && performance.now() < last) {
        assert.equal(typeof channel?.send(new Uint8Array(1024)), "boolean");
        await sleep(1);
      }
      assert.equal(whys.length, 1, "`closed` was called once");
      const late = channel?.send(new Uint8Array(1024));
      if (!t.subject.bare) assert.equal(late, false);
      const code = (whys[0]?.error as { code?: unknown } | undefined)?.code;
      assert.ok(["ECONNRESET", "EPIPE"].includes(String(code)), String(code));
    },
  },
  {
    id: "G7",
    title:
      "An async `data` handler: chunks stay in order, the next waits, a rejection aborts that connection only",
    async run(t) {
      if (t.subject.name === "net" || t.subject.name === "bun") {
        t.libraryOnly("waiting for a handler");
      }
      await slowHandler(t);
    },
  },
];

async function keptChunks(t: Trial): Promise<void> {
  const kept = new Map<Channel, Uint8Array[]>();
  const server = await t.serve({
    open: (channel) => void kept.set(channel, []),
    data(channel, chunk) {
      kept.get(channel)?.push(chunk);
      channel.send(chunk);
    },
    end: (channel) => channel.end(),
  });
  const at = only(server.addresses);
  const sent = Array.from({ length: 8 }, (_, index) => {
    return seeded(1 << 20, index + 1);
  });
  const one = async (what: Uint8Array) => {
    const peer = await t.peer(at);
    // It does not read before it has sent half: what is echoed piles up.
    peer.pause();
    await peer.send(what.subarray(0, 100_000));
    const sending = later(peer.send(what.subarray(100_000)));
    await sleep(20);
    peer.resume();
    await sending;
    await peer.end();
    assert.equal(await within(10_000, "the end", peer.over), "end");
    sameBytes(peer.bytes(), what);
  };
  await Promise.all(sent.map(one));
  assert.equal(kept.size, sent.length);
  const wholes = [...kept.values()].map(concat);
  for (const what of sent) {
    const match = wholes.find((whole) => whole[0] === what[0]);
    assert.ok(match, "a connection's chunks");
    sameBytes(match, what);
  }
}

async function sameTurn(t: Trial, borrow: boolean): Promise<void> {
  const got = new Map<Channel, Uint8Array[]>();
  const server = await t.serve({
    open: (channel) => void got.set(channel, []),
    data: (channel, chunk) => void got.get(channel)?.push(chunk.slice()),
  }, { borrow });
  const at = only(server.addresses);
  const peers: Peer[] = [];
  for (let index = 0; index < 8; index++) {
    peers.push(await t.peer(at));
    await until(() => got.size === index + 1, "the connection");
  }
  const rounds = 50;
  const length = 3000;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      peers.map((peer, index) => peer.send(new Uint8Array(length).fill(index))),
    );
  }
  const total = () =>
    [...got.values()].flat().reduce((sum, chunk) => sum + chunk.length, 0);
  await until(() => total() === 8 * rounds * length, "all bytes");
  [...got.values()].forEach((chunks, index) => {
    const whole = concat(chunks);
    sameBytes(whole, new Uint8Array(rounds * length).fill(index));
  });
  await server.close({ grace: 0 });
}

async function alteredAfter(t: Trial): Promise<void> {
  const ours = !t.subject.bare;
  const { connection, peer } = await t.accepted();
  peer.pause();
  const expected: Uint8Array[] = [];
  const buffer = new Uint8Array(50_000);
  const writing = later((async () => {
    for (let round = 1; round <= 200; round++) {
      const what = seeded(buffer.length, round);
      buffer.set(what);
      // `send` copies, so it has settled when it returns.
      if (round % 4 === 0 && ours) connection.send(buffer);
      else await connection.write(buffer);
      buffer.fill(0xee);
      expected.push(what);
    }
    await connection.closeWrite();
  })());
  await sleep(50);
  peer.resume();
  await within(10_000, "the writes", writing);
  assert.equal(await within(10_000, "the end", peer.over), "end");
  sameBytes(peer.bytes(), concat(expected));
}

async function pausedThenReset(t: Trial): Promise<void> {
  const got: Uint8Array[] = [];
  let opened: Channel | undefined;
  let why: Closed | undefined;
  const order: string[] = [];
  const server = await t.serve({
    open(channel) {
      opened = channel;
      channel.pause();
    },
    data(_channel, chunk) {
      got.push(chunk.slice());
      order.push("data");
    },
    end: () => void order.push("end"),
    closed(_channel, reason) {
      why = reason;
      order.push("closed");
    },
  });
  const peer = await t.peer(only(server.addresses));
  await until(() => opened !== undefined, "the connection");
  if (opened) await makeResettable(opened, peer);
  const sent = seeded(20_000);
  await peer.send(sent);
  await sleep(30);
  peer.reset();
  await sleep(30);
  assert.deepEqual(order, [], "something was told while paused");
  opened?.resume();
  await until(() => why !== undefined, "`closed`");
  sameBytes(concat(got), sent);
  if (!t.tellsResets()) {
    return assert.deepEqual([...new Set(order)], ["data", "end", "closed"]);
  }
  assert.deepEqual([...new Set(order)], ["data", "closed"]);
  const { code } = why?.error as { code?: unknown };
  assert.equal(code, "ECONNRESET");
}

async function slowHandler(t: Trial): Promise<void> {
  const got: Uint8Array[] = [];
  let running = 0;
  let most = 0;
  const reported: unknown[] = [];
  const failure = new Error("The handler failed");
  const server = await t.serve({
    async data(channel, chunk) {
      most = Math.max(most, ++running);
      await sleep(3);
      running--;
      if (textOf(chunk).startsWith("fail")) throw failure;
      got.push(chunk.slice());
      channel.send(bytesOf("."));
    },
    end: (channel) => channel.end(),
  }, { onError: (error) => void reported.push(error) });
  const at = only(server.addresses);
  const peer = await t.connect(at);
  const sent = seeded(100_000);
  for (let from = 0; from < sent.length; from += 5000) {
    await peer.write(sent.subarray(from, from + 5000));
    await sleep(1);
  }
  await peer.closeWrite();
  await within(10_000, "the end", readAll(peer));
  sameBytes(concat(got), sent);
  assert.equal(most, 1, "handlers of one connection that ran at once");

  const good = await t.peer(at);
  const bad = await t.peer(at);
  await bad.send(bytesOf("fail"));
  await within(5000, "the connection to end", bad.over);
  await good.send(bytesOf("fine"));
  await until(() => good.received > 0, "an answer");
  assert.deepEqual(reported, [failure]);
}
