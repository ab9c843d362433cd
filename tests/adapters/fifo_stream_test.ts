/**
 * The contract of `core/transport.ts` over two FIFOs that are open already, by
 * the ends of the runtime that runs this.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { FifoEnds } from "../../adapters/_shared/fifo_ends.ts";
import { FifoStream } from "../../adapters/_shared/fifo_stream.ts";
import { runtime, Stream, turns } from "./drive.ts";

const ends: FifoEnds = await load();

async function load(): Promise<FifoEnds> {
  switch (runtime.name) {
    case "bun":
      return (await import("../../adapters/bun/fifo_ends.ts")).fifoEnds;
    case "deno":
      return (await import("../../adapters/deno/fifo_ends.ts")).fifoEnds;
    default:
      return (await import("../../adapters/node/fifo_ends.ts")).fifoEnds;
  }
}

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The two descriptors of a FIFO. */
interface Fifo {
  readonly reader: number;
  readonly writer: number;
}

/** FIFOs, both ends open, their names gone: one spawn makes them all. */
function fifos(count: number): Fifo[] {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-fifo-"));
  try {
    const paths = Array.from(
      { length: count },
      (_, at) => join(directory, String(at)),
    );
    execFileSync("mkfifo", ["-m", "600", ...paths]);
    return paths.map((path) => ({
      reader: openSync(path, O_RDONLY | O_NONBLOCK),
      writer: openSync(path, O_WRONLY | O_NONBLOCK),
    }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const peers = {
  localAddress: { transport: "mem", name: "here" },
  remoteAddress: { transport: "mem", name: "there" },
} as const;

function streamOf(reader: number, writer: number): Stream {
  return new Stream(new FifoStream(ends, { reader, writer }, peers));
}

/** So many connections, both sides of each in this process. */
function pairs(count: number): [client: Stream, server: Stream][] {
  const made = fifos(2 * count);
  return Array.from({ length: count }, (_, at) => {
    const up = made[2 * at]!;
    const down = made[2 * at + 1]!;
    return [
      streamOf(down.reader, up.writer),
      streamOf(up.reader, down.writer),
    ];
  });
}

async function withPair(
  body: (client: Stream, server: Stream) => Promise<void>,
): Promise<void> {
  const [client, server] = pairs(1)[0]!;
  await body(client, server);
  await client.end();
  await server.end();
}

/** Bytes that tell at each place where they are. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

function sameBytes(got: Uint8Array, wanted: Uint8Array): void {
  assert.equal(got.length, wanted.length);
  assert.ok(got.every((byte, at) => byte === wanted[at]), "bytes differ");
}

test("fifo ends: each direction ends by itself, and closed comes last", () =>
  withPair(async (client, server) => {
    client.handle.startRead();
    server.handle.startRead();
    await client.send("question");
    await client.shutdown();
    await server.event("readClosed");
    assert.equal(server.text, "question");
    assert.equal(server.over, false);
    await server.send("answer");
    await server.shutdown();
    // Both directions have ended: the descriptors are back by themselves.
    await client.event("closed");
    await server.event("closed");
    assert.equal(client.text, "answer");
    for (const stream of [client, server]) {
      assert.equal(stream.error.value, undefined);
      assert.equal(stream.told.at(-1), "closed");
      assert.equal(
        stream.told.filter((what) => what === "readClosed").length,
        1,
      );
    }
  }));

test("fifo ends: nothing arrives before it is asked for", () =>
  withPair(async (client, server) => {
    await client.send("early");
    await server.send("also");
    await turns(20);
    for (const stream of [client, server]) {
      assert.deepEqual(stream.told.filter((what) => what !== "written"), []);
    }
    server.handle.startRead();
    client.handle.startRead();
    await server.until("5 bytes", () => server.receivedLength === 5);
    await client.until("4 bytes", () => client.receivedLength === 4);
  }));

test("fifo ends: 16 MiB arrive byte by byte, both ways at once", () =>
  withPair(async (client, server) => {
    const bytes = pattern(16 * 1024 * 1024);
    client.handle.startRead();
    server.handle.startRead();
    const send = async (stream: Stream): Promise<void> => {
      await stream.send(bytes);
      await stream.shutdown();
    };
    await Promise.all([
      send(client),
      send(server),
      client.event("readClosed"),
      server.event("readClosed"),
    ]);
    sameBytes(server.received, bytes);
    sameBytes(client.received, bytes);
  }));
