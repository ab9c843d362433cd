/**
 * The writer of `adapters/_shared/fifo/writer.ts` where nobody can tell it of
 * room: without a descriptor left, or without `/proc`.
 */
import assert from "node:assert/strict";
import { closeSync, readSync } from "node:fs";
import { test } from "node:test";
import {
  DirectWriter,
  type RoomEvents,
} from "../../adapters/_shared/fifo/writer.ts";
import { turns } from "./drive.ts";
import { fifos } from "./fifo_pairs.ts";

/** Writes all of it; ends when it is taken or has failed. */
class Source {
  readonly told: string[] = [];
  readonly writer: DirectWriter;
  readonly #bytes: Uint8Array;
  #taken = 0;

  constructor(
    descriptor: number,
    bytes: Uint8Array,
    awaitRoom: () => "unknown" | "gone" = () => "unknown",
  ) {
    this.#bytes = bytes;
    this.writer = new DirectWriter(descriptor, {
      written: (count) => {
        this.#taken += count;
        this.pump();
      },
      failed: (error) => this.told.push(error.code),
      closed: () => this.told.push("closed"),
    }, { largestWrite: 4096, awaitRoom });
  }

  get done(): boolean {
    return this.#taken === this.#bytes.length;
  }

  pump(): void {
    const rest = this.#bytes.subarray(this.#taken);
    if (rest.length > 0) this.#taken += this.writer.transmit(rest);
  }
}

function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => at * 31 + (at >> 8));
}

test("fifo writer: it asks again by itself, and every byte arrives once", async () => {
  const { reader, writer } = fifos(1)[0]!;
  const bytes = pattern(300_000);
  const source = new Source(writer, bytes);
  source.pump();
  const got = new Uint8Array(bytes.length);
  for (let length = 0; length < got.length; await turns(1)) {
    try {
      const most = Math.min(10_000, got.length - length);
      length += readSync(reader, got, length, most, null);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "EAGAIN");
    }
  }
  assert.deepEqual(got, bytes);
  assert.ok(source.done);
  source.writer.close();
  source.writer.close();
  assert.deepEqual(source.told, ["closed"]);
  closeSync(reader);
});

test("fifo writer: a reader that goes meanwhile is EPIPE", async () => {
  const { reader, writer } = fifos(1)[0]!;
  const source = new Source(writer, pattern(100_000));
  source.pump();
  assert.equal(source.done, false);
  closeSync(reader);
  while (source.told.length === 0) await turns(1);
  assert.deepEqual(source.told, ["EPIPE", "closed"]);
});

test("fifo writer: a reader found gone when the wait begins is EPIPE", () => {
  const { reader, writer } = fifos(1)[0]!;
  const source = new Source(writer, pattern(100_000), () => "gone");
  source.pump();
  assert.deepEqual(source.told, ["EPIPE", "closed"]);
  closeSync(reader);
});

test("fifo writer: closing it ends the pause, and nothing is told but that", async () => {
  const { reader, writer } = fifos(1)[0]!;
  const source = new Source(writer, pattern(100_000));
  source.pump();
  source.writer.close();
  const all = new Uint8Array(100_000);
  assert.equal(readSync(reader, all, 0, all.length, null), 65536);
  assert.equal(readSync(reader, all, 0, all.length, null), 0, "the end");
  await turns(20);
  assert.deepEqual(source.told, ["closed"]);
  closeSync(reader);
});

test("fifo writer: closing it gives up a wait that is under way", () => {
  const { reader, writer } = fifos(1)[0]!;
  let cancelled = 0;
  let waiting: RoomEvents | undefined;
  const told: string[] = [];
  const direct = new DirectWriter(writer, {
    written: () => told.push("written"),
    failed: () => told.push("failed"),
    closed: () => told.push("closed"),
  }, {
    largestWrite: 4096,
    awaitRoom(_descriptor, bytes, events) {
      assert.equal(bytes.length, 100_000 - 65536);
      waiting = events;
      return { cancel: () => cancelled++ };
    },
  });
  assert.equal(direct.transmit(pattern(100_000)), 65536);
  assert.ok(waiting);
  direct.close();
  assert.equal(cancelled, 1);
  assert.deepEqual(told, ["closed"]);
  closeSync(reader);
});
