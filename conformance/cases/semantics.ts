/** Cases S and H: sentences of the library's semantics that A, B and G do not show, and hard clients. */
import assert from "node:assert/strict";
import { makeResettable, only, stall } from "./ending.ts";
import {
  bytesOf,
  readAll,
  readExactly,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, settled, sleep, until, within } from "../wait.ts";
import { foreignProgram } from "../processes.ts";
import { manyFifoLeavers } from "../programs/fifo.ts";
import { manyResets } from "../programs/python.ts";
import type { Case, Trial } from "../harness.ts";
import type { Channel } from "../../api/types.ts";
import type { Address } from "../../core/address.ts";
import type { Closed } from "../../core/connection.ts";

/** S and H. */
export const semantics: readonly Case[] = [
  {
    id: "S1",
    title:
      "End, reset, local close, timeout and abort are five different outcomes of a waiting read",
    run: fiveOutcomes,
  },
  {
    id: "S2",
    title:
      "With `allowHalfOpen: false` our end follows the peer's; by default it does not",
    async run(t) {
      const half = await t.accepted();
      await half.peer.end();
      assert.equal(await half.connection.read(), null);
      await half.connection.write(bytesOf("still open"));
      await until(() => half.peer.received === 10, "the bytes");

      const whole = await t.accepted({ allowHalfOpen: false });
      const reading = later(whole.connection.read());
      await whole.peer.end();
      assert.equal(await within(5000, "our end", whole.peer.over), "end");
      assert.equal(await reading, null);
    },
  },
  {
    id: "S3",
    title:
      "`send` is false above `writeHighWater`, `data` then waits for `drain`; above `maxQueued` the connection is aborted; `tryWrite` takes what fits",
    async run(t) {
      t.libraryOnly("bounds of what it queues");
      await withheldUntilDrain(t);
      await queuedTooMuch(t);
      await triedWrites(t);
    },
  },
  {
    id: "S4",
    title:
      "An unread or paused connection takes no more than `readHighWater` and a chunk",
    async run(t) {
      t.libraryOnly("bytes that it took");
      const { connection, peer } = await t.accepted();
      const sent = seeded(16 << 20);
      const sending = later(peer.send(sent));
      await settled(() => connection.bytesRead);
      // 512 KiB is the largest chunk that a runtime gives (Bun).
      assert.ok(connection.bytesRead <= 65_536 + 524_288, "took too much");
      sameBytes(await readExactly(connection, sent.length), sent);
      await sending;
    },
  },
  {
    id: "S5",
    title:
      "`close` with input unread loses nothing of what was written; `abort` resets at once",
    async run(t) {
      await closesUnread(t);
      await closesBeforeInput(t);
      await abortSeen(t);
    },
  },
  {
    id: "S9",
    title: "`listen` with no host binds loopback",
    async run(t) {
      t.libraryOnly("an address without a host");
      const at = t.transport === "tcp" ? "tcp://:0" : t.address();
      const { address } = await t.listen({}, at);
      if (address.transport === "tcp") {
        assert.ok(["127.0.0.1", "::1"].includes(address.host), address.host);
      } else t.gap(`a ${t.transport} address has no host: it never leaves`);
      const client = await t.connect(address);
      client.abort();
    },
  },
  {
    id: "S13",
    title:
      "`server.close({ grace })` stops accepting, lets connections finish, aborts the rest, and counts both",
    run: drains,
  },
  {
    id: "H1",
    title: "Clients that reset in the accept queue cost nobody else",
    async run(t) {
      const listener = await t.listen();
      for (let count = 0; count < 20; count++) {
        (await t.peer(listener.address)).reset();
      }
      const good = await t.peer(listener.address);
      await good.send(bytesOf("good"));
      for (let served = false; !served;) {
        const accepting = listener.accept();
        const connection = t.keep(await within(5000, "an accept", accepting));
        const bytes = await connection.read().catch(() => null);
        served = bytes !== null && textOf(bytes) === "good";
        if (served) await connection.write(bytesOf("answer"));
      }
      await until(() => good.received === 6, "the answer");
    },
  },
  {
    id: "H2",
    title: "300 resets in a row: the server goes on",
    needsPython: true,
    async run(t) {
      let opened = 0;
      let over = 0;
      const server = await t.serve({
        open: () => void opened++,
        data: (channel, bytes) => void channel.send(bytes),
        closed: () => void over++,
      }, { onError: () => {} });
      const at = only(server.addresses);
      await rudeClients(t, at);
      const good = await t.peer(at);
      await good.send(bytesOf("good"));
      await until(() => good.received === 4, "an answer");
      await until(() => over === opened - 1, "the others to be over");
    },
  },
];

async function fiveOutcomes(t: Trial): Promise<void> {
  const end = await t.accepted();
  const ended = later(end.connection.read());
  await end.peer.end();
  assert.equal(await within(5000, "the end", ended), null);

  const reset = await t.accepted();
  await makeResettable(reset.connection, reset.peer);
  const waiting = reset.connection.read();
  const broken = later(
    t.tellsResets()
      ? rejects(waiting, "ECONNRESET")
      : waiting.then((bytes) => assert.equal(bytes, null)),
  );
  reset.peer.reset();
  await within(5000, "the reset", broken);

  const local = await t.accepted();
  const closed = later(rejects(local.connection.read(), "ERR_SOCKEYE_CLOSED"));
  const closing = local.connection.close();
  await within(5000, "the close", closed);
  await local.peer.end();
  await closing;

  const late = await t.accepted();
  await rejects(late.connection.read({ timeout: 10 }), "ETIMEDOUT");
  late.connection.setDeadline(10);
  await rejects(late.connection.read(), "ETIMEDOUT");

  const own = await t.accepted();
  // No other API tells an abort from a close, nor has a word for it.
  const word = !t.subject.bare ? "ECONNABORTED" : "ERR_SOCKEYE_CLOSED";
  const aborted = later(rejects(own.connection.read(), word));
  own.connection.abort();
  await within(5000, "the abort", aborted);
}

async function withheldUntilDrain(t: Trial): Promise<void> {
  const order: string[] = [];
  let answer: boolean | undefined;
  const server = await t.serve({
    data(channel, bytes) {
      order.push(textOf(bytes));
      if (answer === undefined) answer = channel.send(new Uint8Array(12 << 20));
    },
    drain: () => void order.push("drain"),
  });
  const peer = await t.peer(only(server.addresses), { paused: true });
  await peer.send(bytesOf("first"));
  await until(() => answer !== undefined, "the first bytes");
  assert.equal(answer, false);
  await peer.send(bytesOf("second"));
  await sleep(50);
  assert.deepEqual(order, ["first"]);
  peer.resume();
  await until(() => order.length === 3, "the second bytes");
  assert.deepEqual(order, ["first", "drain", "second"]);
}

async function queuedTooMuch(t: Trial): Promise<void> {
  let why: Closed | undefined;
  let channel: Channel | undefined;
  const server = await t.serve({
    open: (opened) => void (channel = opened),
    closed: (_channel, reason) => void (why = reason),
  }, { maxQueued: 1 << 20 });
  await t.peer(only(server.addresses), { paused: true });
  await until(() => channel !== undefined, "the connection");
  for (let sent = 0; sent < 64 && why === undefined; sent++) {
    channel?.send(new Uint8Array(1 << 20));
    if (channel) assert.ok(channel.bytesQueued <= 1 << 20, "queued too much");
    await sleep(1);
  }
  await until(() => why !== undefined, "`closed`");
  assert.equal(why?.how, "limit");
  assert.equal((why?.error as { code: string }).code, "ERR_SOCKEYE_LIMIT");
}

async function triedWrites(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  peer.pause();
  const sent = seeded(32 << 20);
  let taken = 0;
  for (let idle = 0; idle < 20 && taken < sent.length;) {
    const part = sent.subarray(taken, taken + 100_000);
    const count = connection.tryWrite(part);
    assert.ok(count <= 65_536 || count <= part.length);
    assert.ok(connection.bytesQueued <= 65_536, "queued too much");
    taken += count;
    if (count > 0) idle = 0;
    else {
      idle++;
      await sleep(5);
    }
  }
  assert.ok(taken < sent.length, "everything was taken");
  peer.resume();
  await connection.closeWrite();
  assert.equal(await within(5000, "the peer's end", peer.over), "end");
  sameBytes(peer.bytes(), sent.subarray(0, taken));
}

async function closesUnread(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  const sent = seeded(300_000);
  await peer.send(seeded(100_000));
  await connection.write(sent);
  const closing = later(connection.close());
  assert.equal(await within(5000, "the peer's end", peer.over), "end");
  sameBytes(peer.bytes(), sent);
  await peer.end();
  assert.equal((await within(5000, "the close", closing)).error, undefined);
}

/** What the peer sends once we have closed must not cost it what is on its way. */
async function closesBeforeInput(t: Trial): Promise<void> {
  const measured = await t.accepted();
  const capacity = await stall(measured.connection, measured.peer);
  const { connection, peer } = await t.accepted();
  peer.pause();
  const sent = seeded(Math.floor(capacity * 0.8));
  await within(5000, "the write", connection.write(sent));
  await within(5000, "the shutdown", connection.closeWrite());
  later(connection.close());
  await sleep(20);
  await peer.send(bytesOf("by the way")).catch(() => {});
  await sleep(20);
  peer.resume();
  assert.equal(await within(5000, "the peer's end", peer.over), "end");
  sameBytes(peer.bytes(), sent);
}

async function abortSeen(t: Trial): Promise<void> {
  const stalled = await t.accepted();
  await stall(stalled.connection, stalled.peer);
  const writing = later(stalled.connection.write(new Uint8Array(8)));
  stalled.connection.abort();
  await rejects(
    within(5000, "the write", writing),
    "ECONNABORTED",
    "ERR_SOCKEYE_CLOSED",
  );
  await within(5000, "our side to be over", stalled.connection.closed);

  const { connection, peer } = await t.accepted();
  connection.abort();
  const seen = await within(5000, "the peer to learn it", peer.over);
  assert.equal(seen, await t.has("reset") ? "ECONNRESET" : "end");
}

async function drains(t: Trial): Promise<void> {
  t.libraryOnly("draining a server");
  let open = 0;
  const server = await t.serve({
    open: () => void open++,
    data: (channel, bytes) => void channel.send(bytes),
  });
  const at = only(server.addresses);
  const finishing = await t.connect(at);
  const staying = await t.peer(at);
  await until(() => open === 2, "both connections");
  const closing = later(server.close({ grace: 500 }));
  // What the kernel had still let in is reset with the listener.
  await rejects(t.connect(at), "ECONNREFUSED", "ENOENT", "ECONNRESET");
  await finishing.write(bytesOf("last words"));
  await finishing.closeWrite();
  assert.equal(textOf(await readAll(finishing)), "last words");
  const expected = { drained: 1, aborted: 1 };
  assert.deepEqual(await within(5000, "the drain", closing), expected);
  assert.deepEqual(await server.closed, expected);
  await within(5000, "the other end", staying.over);
}

async function rudeClients(t: Trial, at: Address): Promise<void> {
  if (t.transport !== "mem") {
    // From another process: many are reset before they are accepted.
    const programs = { sockets: manyResets, fifos: manyFifoLeavers };
    const clients = foreignProgram(t, at, programs, "300");
    assert.equal(await clients.line(), "done");
    return;
  }
  for (let count = 0; count < 300; count++) {
    const peer = await t.peer(at);
    if (count % 2 === 0) await peer.send(bytesOf("x")).catch(() => {});
    peer.reset();
  }
}
