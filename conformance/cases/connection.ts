/** Cases A: one connection, after the sentences of Go's `nettest`. */
import assert from "node:assert/strict";
import {
  bytesOf,
  concat,
  readAll,
  readExactly,
  rejection,
  rejects,
  sameBytes,
  seeded,
  textOf,
} from "../harness.ts";
import { later, settled, sleep, until, within } from "../wait.ts";
import type { Case, Trial } from "../harness.ts";
import type { Connection } from "../../api/types.ts";

/** A1 to A11. */
export const connection: readonly Case[] = [
  {
    id: "A1",
    title: "BasicIO: 1 MiB in writes of 1024 bytes arrives whole, then the end",
    async run(t) {
      const { client, server } = await t.pair();
      const sent = seeded(1 << 20);
      const reading = readAll(server);
      for (let at = 0; at < sent.length; at += 1024) {
        await client.write(sent.subarray(at, at + 1024));
      }
      const closing = client.close();
      sameBytes(await reading, sent);
      assert.equal((await server.close()).error, undefined);
      assert.equal((await closing).error, undefined);
    },
  },
  {
    id: "A2",
    title:
      "PingPong: a counter alternates to 1000, each side sees its last plus 2, both close cleanly",
    async run(t) {
      const { client, server } = await t.pair();
      const playing = [pingPong(client), pingPong(server)];
      await client.write(counter(1));
      for (const why of await Promise.all(playing)) {
        assert.equal(why.error, undefined);
      }
    },
  },
  {
    id: "A3",
    title:
      "RacyRead: 10 readers × 100 with timeouts of 1 ms and a buffer reused at once: only timeouts, no byte lost or altered",
    run: racyRead,
  },
  {
    id: "A4",
    title:
      "RacyWrite: 10 writers × 100 with timeouts of 1 ms, each buffer reused at once: only timeouts, and what arrives is what `bytesTaken` says",
    run: racyWrite,
  },
  {
    id: "A5",
    title: "ReadTimeout: a past read deadline times out reads, writes work",
    async run(t) {
      const { connection, peer } = await t.accepted();
      connection.setDeadline(-1, "read");
      await rejects(connection.read(), "ETIMEDOUT");
      await rejects(connection.readInto(new Uint8Array(8)), "ETIMEDOUT");
      const sent = seeded(100_000);
      await connection.write(sent);
      await until(() => peer.received === sent.length, "the written bytes");
      sameBytes(peer.bytes(), sent);
      await rejects(connection.read(), "ETIMEDOUT");
    },
  },
  {
    id: "A6",
    title: "WriteTimeout: a past write deadline times out writes, reads work",
    async run(t) {
      const { connection, peer } = await t.accepted();
      connection.setDeadline(-1, "write");
      await rejects(connection.write(new Uint8Array(1024)), "ETIMEDOUT");
      const sent = seeded(100_000);
      const sending = peer.send(sent);
      sameBytes(await readExactly(connection, sent.length), sent);
      await sending;
      await rejects(connection.write(new Uint8Array(1024)), "ETIMEDOUT");
      assert.equal(peer.received, 0);
    },
  },
  {
    id: "A7",
    title:
      "PastTimeout: both sides time out with 0 bytes; without the deadline a round trip works",
    async run(t) {
      const { client, server } = await t.pair();
      const echoing = echo(server);
      await roundTrip(client);
      client.setDeadline(-1);
      const error = await rejects(
        client.write(new Uint8Array(1024)),
        "ETIMEDOUT",
      );
      if (!t.subject.bare) {
        assert.equal((error as { bytesTaken?: number }).bytesTaken, 0);
      }
      await rejects(client.readInto(new Uint8Array(1024)), "ETIMEDOUT");
      client.setDeadline(null);
      await roundTrip(client);
      client.abort();
      await echoing;
    },
  },
  {
    id: "A8",
    title:
      "PresentTimeout: a past deadline set during a waiting read and write ends both, and not earlier",
    async run(t) {
      const { connection, peer } = await t.accepted();
      peer.pause();
      let set = false;
      const reading = later(
        rejects(connection.read(), "ETIMEDOUT")
          .then(() => assert.ok(set, "the read ended before the deadline")),
      );
      let taken = 0;
      const writing = later(
        rejects(
          writeUntilRejected(connection, (count) => taken += count),
          "ETIMEDOUT",
        ).then(() => assert.ok(set, "the write ended before the deadline")),
      );
      await settled(() => taken);
      set = true;
      connection.setDeadline(-1);
      await within(5000, "both waits to end", Promise.all([reading, writing]));
    },
  },
  {
    id: "A9",
    title:
      "FutureTimeout: a deadline in 100 ms fires on both sides; a round trip works after",
    async run(t) {
      const { client, server } = await t.pair();
      const began = performance.now();
      client.setDeadline(100);
      const reading = later(rejects(client.read(), "ETIMEDOUT"));
      const writing = later(rejects(writeUntilRejected(client), "ETIMEDOUT"));
      await within(5000, "both waits to end", Promise.all([reading, writing]));
      const took = performance.now() - began;
      assert.ok(took > 95, `the deadline fired after ${took} ms`);
      client.setDeadline(null);
      const echoing = echo(server);
      await resync(client);
      await roundTrip(client);
      client.abort();
      await echoing;
    },
  },
  {
    id: "A10",
    title:
      "CloseTimeout: close during a waiting read and write ends both with an error",
    async run(t) {
      const { connection, peer } = await t.accepted({ flushTimeout: 200 });
      peer.pause();
      const reading = later(rejection(connection.read()));
      let taken = 0;
      const writing = later(rejection(
        writeUntilRejected(connection, (count) => taken += count),
      ));
      await settled(() => taken);
      const closing = connection.close();
      await within(5000, "the read to end", reading);
      await within(5000, "the write to end", writing);
      await within(5000, "the connection to be closed", closing);
      await rejects(connection.read(), "ERR_SOCKEYE_CLOSED", "ETIMEDOUT");
    },
  },
  {
    id: "A11",
    title:
      "ConcurrentMethods: 100 × 7 calls at once: each settles; a round trip works after",
    async run(t) {
      const { client, server } = await t.pair();
      const echoing = echo(server);
      const calls: Promise<unknown>[] = [];
      for (let round = 0; round < 100; round++) {
        calls.push(later(client.read()));
        calls.push(later(client.write(new Uint8Array(1024))));
        client.setDeadline(10);
        client.setDeadline(10, "read");
        client.setDeadline(10, "write");
        assert.ok(client.localAddress.transport);
        assert.ok(client.remoteAddress.transport);
      }
      const ends = Promise.allSettled(calls);
      const allowed = ["ETIMEDOUT", "ERR_SOCKEYE_STATE"];
      for (const end of await within(5000, "each call to settle", ends)) {
        if (end.status === "fulfilled") continue;
        assert.ok(allowed.includes(end.reason.code), String(end.reason));
      }
      client.setDeadline(null);
      await resync(client);
      await roundTrip(client);
      client.abort();
      await echoing;
    },
  },
];

function counter(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

async function pingPong(side: Connection) {
  let previous = 0;
  for (;;) {
    const bytes = await readExactly(side, 8);
    const view = new DataView(bytes.buffer);
    const value = Number(view.getBigUint64(0, true));
    if (previous !== 0) assert.equal(value, previous + 2);
    previous = value;
    // Who sees 999 answers with 1000 and is done as well.
    if (value < 1000) await side.write(counter(value + 1));
    if (value >= 999) return side.close();
  }
}

/**
 * Two reads at once are an error here, so the ten readers of `nettest` take
 * turns, as they do behind Go's lock of the descriptor.
 */
async function racyRead(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  const sent: Uint8Array[] = [];
  let done = false;
  const sending = (async () => {
    for (let seed = 1; !done; seed++) {
      const chunk = seeded(1 + (seed * 7919) % 2000, seed);
      sent.push(chunk);
      await peer.send(chunk);
      // As long as the readers' patience: bytes and timeouts meet.
      await sleep(1);
    }
    await peer.end();
  })();
  const got: Uint8Array[] = [];
  let timeouts = 0;
  let turn: Promise<void> = Promise.resolve();
  const readOnce = async (buffer: Uint8Array) => {
    try {
      const count = await connection.readInto(buffer, { timeout: 1 });
      assert.notEqual(count, null, "an end in the middle");
      got.push(buffer.slice(0, count ?? 0));
    } catch (error) {
      await rejects(Promise.reject(error), "ETIMEDOUT");
      timeouts++;
    }
    buffer.fill(0xee);
  };
  const reader = async () => {
    const buffer = new Uint8Array(1024);
    for (let round = 0; round < 100; round++) {
      turn = turn.then(() => readOnce(buffer));
      await turn;
    }
  };
  try {
    await Promise.all(Array.from({ length: 10 }, reader));
  } finally {
    done = true;
  }
  await sending;
  assert.ok(timeouts > 0, "no read timed out: the case shows nothing");
  assert.ok(got.length > 0, "no read gave bytes: the case shows nothing");
  got.push(await readAll(connection));
  sameBytes(concat(got), concat(sent));
}

/**
 * The peer reads in bursts, so that writes time out in between. A buffer is
 * scribbled over as soon as its write has settled, one way or the other, though
 * the system may still hold a part of it.
 */
async function racyWrite(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  peer.pause();
  const expected: Uint8Array[] = [];
  let timeouts = 0;
  let streak = 0;
  let turn: Promise<void> = Promise.resolve();
  const writeOnce = async () => {
    const buffer = seeded(16_384, expected.length + 1);
    const bytes = buffer.slice();
    let taken = buffer.length;
    let failed: unknown;
    try {
      await connection.write(buffer, { timeout: 1 });
    } catch (error) {
      failed = await rejects(Promise.reject(error), "ETIMEDOUT");
    }
    buffer.fill(0xee);
    if (failed === undefined) {
      if (++streak === 30) peer.pause();
    } else {
      taken = takenOf(failed, t);
      streak = 0;
      if (++timeouts % 15 === 0) peer.resume();
    }
    expected.push(bytes.subarray(0, taken));
  };
  const writer = async () => {
    for (let round = 0; round < 100; round++) {
      turn = turn.then(writeOnce);
      await turn;
    }
  };
  await Promise.all(Array.from({ length: 10 }, writer));
  assert.ok(timeouts > 0, "no write timed out: the case shows nothing");
  peer.resume();
  await connection.closeWrite();
  assert.equal(await within(5000, "the peer's end", peer.over), "end");
  sameBytes(peer.bytes(), concat(expected));
}

function takenOf(error: unknown, t: Trial): number {
  const { bytesTaken } = error as { bytesTaken?: number };
  if (bytesTaken === undefined) {
    t.libraryOnly("how much of an abandoned write went");
  }
  assert.equal(typeof bytesTaken, "number", "a rejection tells `bytesTaken`");
  return bytesTaken ?? 0;
}

/** Writes on and on; the rejection of the write that fails is given back. */
async function writeUntilRejected(
  side: Connection,
  taken: (count: number) => void = () => {},
): Promise<never> {
  for (;;) {
    const chunk = new Uint8Array(16_384);
    await side.write(chunk);
    taken(chunk.length);
  }
}

/** Sends back whatever arrives, until the end or an error. */
async function echo(side: Connection): Promise<void> {
  try {
    for (let bytes; (bytes = await side.read()) !== null;) {
      await side.write(bytes);
    }
  } catch {
    // The case ends an echo by aborting its other end.
  }
}

async function roundTrip(side: Connection): Promise<void> {
  await side.write(bytesOf("HELLO"));
  assert.equal(textOf(await readExactly(side, 5)), "HELLO");
}

/** Reads away what earlier calls left on the wire, up to a byte of its own. */
async function resync(side: Connection): Promise<void> {
  const writing = side.write(new Uint8Array([0xff]));
  for (;;) {
    const bytes = await within(5000, "the resync byte", side.read());
    assert.notEqual(bytes, null, "an end in the middle");
    if (bytes?.at(-1) === 0xff) break;
  }
  await writing;
}
