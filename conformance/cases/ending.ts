/** Cases B about ends: shutdowns, resets, and closing with bytes under way. */
import assert from "node:assert/strict";
import {
  bytesOf,
  readAll,
  readExactly,
  rejection,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, settled, sleep, until, within } from "../wait.ts";
import { foreignProgram } from "../processes.ts";
import { fifoRequestAndEnd } from "../programs/fifo.ts";
import { requestAndEnd } from "../programs/python.ts";
import type { Case, Trial } from "../harness.ts";
import type { Peer } from "../peers/peer.ts";
import type { Channel, Connection } from "../../api/types.ts";

/** B1 to B8, B17, B22 to B25. */
export const ending: readonly Case[] = [
  {
    id: "B1",
    title: "The end of reading after our own shutdown does not close by itself",
    async run(t) {
      const { connection, peer } = await t.accepted();
      let over = false;
      connection.closed.then(() => over = true);
      await connection.closeWrite();
      assert.equal(await peer.over, "end");
      await peer.send(bytesOf("still here"));
      await peer.end();
      assert.equal(textOf(await readAll(connection)), "still here");
      assert.equal(await connection.read(), null);
      await sleep(50);
      assert.equal(await connection.read(), null);
      assert.ok(!over, "the connection was closed without being asked");
      const why = await connection.close();
      assert.equal(why.error, undefined);
    },
  },
  {
    id: "B2",
    title: "A second shutdown fails or does nothing; the first completes once",
    async run(t) {
      const { connection, peer } = await t.accepted();
      const settlements: string[] = [];
      const first = connection.closeWrite().then(() => {
        settlements.push("first");
      });
      const second = connection.closeWrite().then(
        () => settlements.push("second"),
        () => settlements.push("second"),
      );
      await within(5000, "both to settle", Promise.all([first, second]));
      await Promise.allSettled([connection.closeWrite()]);
      assert.deepEqual(settlements.sort(), ["first", "second"]);
      assert.equal(await peer.over, "end");
      await peer.send(bytesOf("x"));
      assert.equal(textOf(await readExactly(connection, 1)), "x");
    },
  },
  {
    id: "B3",
    title: "Close settles a pending shutdown exactly once",
    async run(t) {
      for (const way of ["close", "abort"] as const) {
        const { connection, peer } = await t.accepted({ flushTimeout: 200 });
        await stall(connection, peer);
        let settlements = 0;
        const shutdown = connection.closeWrite().then(
          () => settlements++,
          () => settlements++,
        );
        connection[way]();
        await within(5000, `the shutdown to settle on ${way}`, shutdown);
        await within(5000, "the connection to be closed", connection.closed);
        assert.equal(settlements, 1);
      }
    },
  },
  {
    id: "B4",
    title: "Both sides shut down at once: no hang, one end each",
    async run(t) {
      let ends = 0;
      let channel: Channel | undefined;
      const server = await t.serve({
        open(opened) {
          channel = opened;
        },
        end: () => void ends++,
      });
      const client = await t.connect(only(server.addresses));
      await until(() => channel !== undefined, "the server's side");
      channel?.end();
      await client.closeWrite();
      assert.equal(await within(5000, "the end", client.read()), null);
      await until(() => ends > 0, "the server's end");
      await client.close();
      await within(5000, "the server's side to close", channel?.closed);
      assert.equal(ends, 1);
    },
  },
  {
    id: "B5",
    title: "On close every queued write settles once, in order",
    async run(t) {
      for (const way of ["close", "abort", "reset"] as const) {
        const { connection, peer } = await t.accepted();
        peer.pause();
        const order: string[] = [];
        const writes = Array.from(
          { length: 120 },
          (_, index) =>
            connection.write(new Uint8Array(65536)).then(
              () => order.push(`${index} ok`),
              () => order.push(`${index} failed`),
            ),
        );
        await settled(() => order.length);
        if (way === "reset") peer.reset();
        else connection[way]();
        if (way === "close") peer.resume();
        await within(5000, `the writes after ${way}`, Promise.all(writes));
        const fine = order.filter((word) => word.endsWith("ok")).length;
        const expected = order.map((_, index) =>
          `${index} ${index < fine ? "ok" : "failed"}`
        );
        assert.deepEqual(order, expected, way);
        if (way !== "close") assert.ok(fine < 120, "nothing was queued");
        else {
          assert.equal(fine, 120);
          assert.equal(await peer.over, "end");
          assert.equal(peer.received, 120 * 65536);
        }
      }
    },
  },
  {
    id: "B6",
    title:
      "A reset while a shutdown waits, a shutdown after a reset: errors, no hang",
    async run(t) {
      const { connection, peer } = await t.accepted();
      await stall(connection, peer);
      const shutdown = later(rejection(connection.closeWrite()));
      peer.reset();
      const gone = ["ECONNRESET", "EPIPE"];
      const error = await within(5000, "the shutdown to settle", shutdown);
      await rejects(Promise.reject(error), ...gone);
      await rejects(
        within(5000, "a shutdown after it", connection.closeWrite()),
        ...gone,
        "ERR_SOCKEYE_CLOSED",
      );
      const reading = within(5000, "a read", connection.read());
      if (t.tellsResets()) await rejects(reading, ...gone);
      else assert.equal(await reading, null);
    },
  },
  {
    id: "B7",
    title: "A peer's reset is ECONNRESET, never an end",
    async run(t) {
      if (!t.tellsResets()) return await brokenOff(t);
      // With a read waiting, and with a read that comes after the reset.
      for (const waiting of [true, false]) {
        for (const side of ["accepted", "connected"] as const) {
          const { connection, peer } = await t[side]();
          await makeResettable(connection, peer);
          const reading = waiting ? later(connection.read()) : undefined;
          peer.reset();
          if (!waiting) await sleep(20);
          const read = reading ?? connection.read();
          await rejects(within(5000, "the read", read), "ECONNRESET");
          await rejects(connection.read(), "ECONNRESET");
        }
      }
      // With the peer's last bytes and its reset found in one go.
      for (const length of [1, 20_000]) {
        const { connection, peer } = await t.accepted();
        await makeResettable(connection, peer);
        await peer.send(new Uint8Array(length));
        peer.reset();
        const reading = within(5000, "the reset", readAll(connection));
        await rejects(reading, "ECONNRESET");
      }
    },
  },
  {
    id: "B8",
    title:
      "Writing to a peer that ended and left: reset or end, and the write still settles",
    async run(t) {
      const { connection, peer } = await t.accepted();
      await peer.end();
      assert.equal(await connection.read(), null);
      await peer.destroy();
      const writing = (async () => {
        for (;;) await connection.write(new Uint8Array(65536));
      })();
      await rejects(
        within(5000, "the write to settle", writing),
        "EPIPE",
        "ECONNRESET",
      );
    },
  },
  {
    id: "B17",
    title:
      "CloseWrite: the peer sees the end, our writes fail, our reads reach the peer's end",
    async run(t) {
      for (const side of ["accepted", "connected"] as const) {
        const { connection, peer } = await t[side]();
        await connection.write(bytesOf("question"));
        await connection.closeWrite();
        assert.equal(await within(5000, "the end", peer.over), "end");
        assert.equal(textOf(peer.bytes()), "question");
        await rejects(
          connection.write(bytesOf("more")),
          "ERR_SOCKEYE_STATE",
          "EPIPE",
        );
        const answer = seeded(300_000);
        const reading = later(readAll(connection));
        await peer.send(answer);
        await peer.end();
        sameBytes(await reading, answer);
      }
    },
  },
  {
    id: "B22",
    title:
      "16 MiB written, then close at once, to a reader that takes 5 s: every byte arrives",
    limit: 40_000,
    run: slowReader,
  },
  {
    id: "B23",
    title: "8 MiB written to a reader that half-closes early: all arrive",
    async run(t) {
      const { connection, peer } = await t.accepted();
      await peer.end();
      const sent = seeded(8 << 20);
      const writing = later(connection.write(sent));
      assert.equal(await connection.read(), null);
      await within(10_000, "the write", writing);
      await connection.close();
      assert.equal(await within(10_000, "the end", peer.over), "end");
      sameBytes(peer.bytes(), sent);
    },
  },
  {
    id: "B24",
    title:
      "The peer sends its request and its end in one packet: request, then end, then our answer arrives",
    needsPython: true,
    async run(t) {
      const order: string[] = [];
      const server = await t.serve({
        data(_channel, bytes) {
          order.push(textOf(bytes));
        },
        end(channel) {
          order.push("end");
          channel.send(bytesOf("answer"));
          channel.end();
        },
      });
      assert.equal(await askOnce(t, only(server.addresses)), "answer");
      assert.deepEqual(order, ["request", "end"]);

      const listener = await t.listen();
      const asking = later(askOnce(t, listener.address));
      const connection = t.keep(await listener.accept());
      assert.equal(textOf(await readAll(connection)), "request");
      await connection.write(bytesOf("answer"));
      await connection.close();
      assert.equal(await asking, "answer");
    },
  },
];

/** Where there are no resets: an end, and EPIPE for who writes. */
async function brokenOff(t: Trial): Promise<void> {
  for (const side of ["accepted", "connected"] as const) {
    const { connection, peer } = await t[side]();
    await peer.send(bytesOf("last words"));
    peer.reset();
    assert.equal(textOf(await readAll(connection)), "last words");
    const writing = (async () => {
      for (;;) await connection.write(new Uint8Array(1024));
    })();
    await rejects(within(5000, "the write to settle", writing), "EPIPE");
  }
}

/**
 * Fills everything between the two, so that what is written next waits; gives
 * how many bytes that took.
 */
export async function stall(
  connection: Connection,
  peer: Peer,
): Promise<number> {
  peer.pause();
  let taken = 0;
  (async () => {
    for (;;) {
      await connection.write(new Uint8Array(65536));
      taken += 65536;
    }
  })().catch(() => {});
  return await settled(() => taken);
}

/**
 * A peer over a Unix socket can reset only by leaving bytes unread; over the
 * others this changes nothing.
 */
export async function makeResettable(
  connection: Connection | Channel,
  peer: Peer,
): Promise<void> {
  peer.pause();
  // Though paused, Bun's stream takes in two pieces before it stops the kernel.
  for (let round = 0; round < 3; round++) {
    connection.send(new Uint8Array(60_000));
    await sleep(20);
  }
}

async function slowReader(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  peer.pause();
  const sent = seeded(16 << 20);
  const writing = later(connection.write(sent));
  const closing = later(connection.close());
  if (t.transport === "tcp") {
    const until5s = performance.now() + 5000;
    while (performance.now() < until5s && peer.received < sent.length / 2) {
      peer.resume();
      await sleep(5);
      peer.pause();
      await sleep(495);
    }
    await sleep(Math.max(0, until5s - performance.now()));
  } else {
    await sleep(300);
  }
  peer.resume();
  await within(15_000, "the write", writing);
  assert.equal(await within(15_000, "the peer's end", peer.over), "end");
  sameBytes(peer.bytes(), sent);
  await peer.destroy();
  const why = await within(5000, "our close", closing);
  assert.equal(why.error, undefined);
}

async function askOnce(
  t: Trial,
  to: Connection["remoteAddress"],
): Promise<string> {
  if (t.transport !== "mem") {
    const programs = { sockets: requestAndEnd, fifos: fifoRequestAndEnd };
    return await foreignProgram(t, to, programs, "request").line();
  }
  const peer = await t.peer(to);
  await peer.end(bytesOf("request"));
  assert.equal(await within(5000, "the end", peer.over), "end");
  return textOf(peer.bytes());
}

/** The one item of a list of one. */
export function only<T>(items: readonly T[]): T {
  const [item] = items;
  assert.ok(item !== undefined && items.length === 1, "exactly one");
  return item;
}
