/**
 * The contract of `core/transport.ts` over two FIFOs that are open already, by
 * the ends of the runtime that runs this.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  closeSync,
  readdirSync,
  readlinkSync,
  readSync,
  writeSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { StreamEvents } from "../../core/transport.ts";
import { runtime, type Stream, turns } from "./drive.ts";
import { type Fifo, fifos, handleOf, pairs, streamOf } from "./fifo_pairs.ts";

/** A FIFO holds this much in the kernel by default; pipe(7). */
const capacity = 65536;
/**
 * What runtimes take from the kernel after reading was stopped: Bun three
 * chunks, of which the first is delivered, Deno one, Node none.
 */
const readAhead = 3 * 65536;
const slice = 65536;

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

/** Offers slices until one stays pending while nobody reads; gives how many bytes were offered. */
async function fill(stream: Stream, from: Uint8Array): Promise<number> {
  for (let at = 0; at < from.length; at += slice) {
    stream.offer(from.subarray(at, at + slice));
    for (let turn = 0; stream.pending && turn < 50; turn++) await turns(1);
    if (stream.pending) return at + slice;
  }
  throw new Error(`${from.length} bytes were taken, and nobody reads`);
}

/** FIFOs that this process has open; their names are gone by now. */
function openFifos(): number {
  const all = "/proc/self/fd";
  return readdirSync(all).filter((descriptor) => {
    try {
      return readlinkSync(`${all}/${descriptor}`).includes("sockeye-fifo-");
    } catch {
      return false; // The one that lists them.
    }
  }).length;
}

/** Waits until every FIFO is closed: Bun takes some ms for its duplicates. */
async function untilNoneIsOpen(): Promise<void> {
  for (let turn = 0; openFifos() > 0; turn++) {
    assert.ok(turn < 5000, `${openFifos()} are open`);
    await turns(1);
  }
}

function without(what: string, told: readonly string[]): string[] {
  return told.filter((each) => each !== what);
}

test("fifo: each direction ends by itself, and closed comes last", () =>
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
      const ends = stream.told.filter((what) => what === "readClosed");
      assert.equal(ends.length, 1);
    }
  }));

test("fifo: nothing arrives before it is asked for", () =>
  withPair(async (client, server) => {
    await client.send("early");
    await server.send("also");
    await turns(20);
    for (const stream of [client, server]) {
      assert.deepEqual(without("written", stream.told), []);
    }
    server.handle.startRead();
    client.handle.startRead();
    await server.until("5 bytes", () => server.receivedLength === 5);
    await client.until("4 bytes", () => client.receivedLength === 4);
  }));

test("fifo: 16 MiB arrive byte by byte, both ways at once", () =>
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

test("fifo: lengths that no page divides arrive whole and in order", () =>
  withPair(async (client, server) => {
    const bytes = pattern(3_000_000);
    server.handle.startRead();
    let length = 1;
    for (let at = 0; at < bytes.length; at += length) {
      length = (length * 7 + 13) % 65_521;
      await client.send(bytes.subarray(at, at + length));
    }
    await server.until("all", () => server.receivedLength === bytes.length);
    sameBytes(server.received, bytes);
  }));

test("fifo: stopping and starting loses and repeats nothing", () =>
  withPair(async (client, server) => {
    const bytes = pattern(3_000_000);
    const { handle } = server;
    handle.startRead();
    const sent = client.send(bytes);
    for (let step = 1; step <= 20; step++) {
      await server.until(
        `${step} twentieths`,
        () => server.receivedLength >= bytes.length * step / 20,
      );
      handle.stopRead();
      handle.stopRead();
      await turns(2);
      handle.startRead();
      handle.startRead();
    }
    await sent;
    await server.until("all", () => server.receivedLength === bytes.length);
    sameBytes(server.received, bytes);
  }));

test("fifo: before reading was asked for, the kernel holds all of it", () =>
  withPair(async (client, server) => {
    const bytes = pattern(1024 * 1024);
    const offered = await fill(client, bytes);
    assert.equal(offered, capacity + slice, "one slice fits, the second waits");
    server.handle.startRead();
    await server.until("all", () => server.receivedLength === offered);
    sameBytes(server.received, bytes.subarray(0, offered));
  }));

test("fifo: a stopped reader leaves the rest in the kernel, and loses none of it", () =>
  withPair(async (client, server) => {
    const bytes = pattern(1024 * 1024);
    server.handle.startRead();
    await client.send(bytes.subarray(0, slice));
    await server.until("a slice", () => server.receivedLength === slice);
    server.handle.stopRead();
    const offered = await fill(client, bytes.subarray(slice));
    const held = offered - slice;
    assert.ok(held <= capacity + readAhead, `${held} bytes were taken`);
    // What was under way when it stopped may have come; nothing else does.
    assert.ok(server.receivedLength <= slice + capacity);
    const before = server.receivedLength;
    await turns(50);
    assert.equal(server.receivedLength, before);
    server.handle.startRead();
    await server.until(
      "all of it",
      () => server.receivedLength === slice + offered,
    );
    sameBytes(server.received, bytes.subarray(0, slice + offered));
  }));

test("fifo: a pending transmit is counted exactly, and ends when the peer reads", () =>
  withPair(async (client, server) => {
    const bytes = pattern(1024 * 1024);
    const offered = await fill(client, bytes);
    assert.ok(client.pending);
    server.handle.startRead();
    await client.until("written", () => !client.pending);
    await server.until("all", () => server.receivedLength === offered);
    await client.send("and more");
    await server.until("more", () => server.receivedLength === offered + 8);
    sameBytes(server.received.subarray(0, offered), bytes.subarray(0, offered));
  }));

test("fifo: many waits for room in a row, each ended by a slow reader", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const client = streamOf(down.reader, up.writer);
  const bytes = pattern(64 * 4096 + 65536);
  const sent = client.send(bytes);
  const got = new Uint8Array(bytes.length);
  let length = 0;
  while (length < got.length) {
    await turns(1);
    try {
      length += readSync(up.reader, got, length, 4096, null);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "EAGAIN");
    }
  }
  await sent;
  sameBytes(got, bytes);
  await client.end();
  closeSync(up.reader);
  closeSync(down.writer);
});

test("fifo: close lets a peer read what was sent, then the end", () =>
  withPair(async (client, server) => {
    await client.send(pattern(60_000));
    await client.end();
    server.handle.startRead();
    await server.event("readClosed");
    sameBytes(server.received, pattern(60_000));
    await server.end();
    assert.equal(client.error.value, undefined);
    assert.equal(server.error.value, undefined);
  }));

test("fifo: close and abort with a transmit pending tell closed alone, and the peer gets what the kernel had", async () => {
  for (const how of ["close", "abort"] as const) {
    await withPair(async (client, server) => {
      const bytes = pattern(1024 * 1024);
      await fill(client, bytes);
      const told = client.told.length;
      client.handle[how]();
      client.handle[how]();
      await client.event("closed");
      await turns(4);
      assert.deepEqual(client.told.slice(told), ["closed"]);
      assert.equal(client.error.value, undefined);
      server.handle.startRead();
      await server.event("readClosed");
      const { received } = server;
      sameBytes(received, bytes.subarray(0, received.length));
      assert.ok(received.length >= capacity);
    });
  }
});

test("fifo: a reader that goes ends a pending transmit with EPIPE", () =>
  withPair(async (client, server) => {
    await fill(client, pattern(1024 * 1024));
    await server.end();
    await client.event("closed");
    assert.equal(client.error.value?.code, "EPIPE");
  }));

test("fifo: writing to a reader that has gone is EPIPE, behind what its peer had sent", () =>
  withPair(async (client, server) => {
    await server.send(pattern(50_000));
    await server.end();
    // Reading is stopped, and stays so: this is fetched all the same.
    client.offer(pattern(10));
    await client.event("closed");
    assert.equal(client.error.value?.code, "EPIPE");
    sameBytes(client.received, pattern(50_000));
    assert.deepEqual(client.told, ["data", "readClosed", "closed"]);
  }));

test("fifo: a peer that only stopped reading is EPIPE too, and the process lives", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const client = streamOf(down.reader, up.writer);
  closeSync(up.reader);
  writeSync(down.writer, "its last words");
  client.offer(pattern(10));
  await client.event("closed");
  assert.equal(client.error.value?.code, "EPIPE");
  assert.equal(client.text, "its last words");
  closeSync(down.writer);
});

test("fifo: a peer that stopped reading and writes on and on is not read without end", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const client = streamOf(down.reader, up.writer);
  closeSync(up.reader);
  client.offer(pattern(10));
  const flood = pattern(4096);
  while (!client.over) {
    await turns(1);
    try {
      for (;;) writeSync(down.writer, flood);
    } catch (error) {
      const { code } = error as { code?: string };
      assert.ok(code === "EAGAIN" || code === "EPIPE", code);
    }
  }
  assert.equal(client.error.value?.code, "EPIPE");
  const { receivedLength } = client;
  assert.ok(receivedLength < 2 * 1024 * 1024, `${receivedLength} bytes`);
  closeSync(down.writer);
});

test("fifo: an idle writer is told that its reader has gone", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const client = streamOf(down.reader, up.writer);
  client.handle.startRead();
  await turns(4);
  assert.deepEqual(client.told, []);
  closeSync(up.reader);
  await client.event("closed");
  assert.equal(client.error.value?.code, "EPIPE");
  closeSync(down.writer);
});

test("fifo: after the peer's end its answer can still be read by it", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const server = streamOf(up.reader, down.writer);
  server.handle.startRead();
  closeSync(up.writer);
  await server.event("readClosed");
  await turns(20);
  assert.deepEqual(server.told, ["readClosed"]);
  await server.send("answer");
  await server.shutdown();
  await server.event("closed");
  assert.equal(server.error.value, undefined);
  const answer = new Uint8Array(10);
  assert.equal(readSync(down.reader, answer, 0, 10, null), 6);
  closeSync(down.reader);
});

test("fifo: commands within events, and events within commands", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const told: string[] = [];
  const handle = handleOf(up.reader, down.writer);
  const done = new Promise<void>((resolve) => {
    const events: StreamEvents = {
      data(bytes) {
        told.push(`data ${bytes.length}`);
        handle.stopRead();
        handle.startRead();
        assert.equal(handle.transmit(bytes.slice()), bytes.length);
        return false;
      },
      written() {
        told.push("written");
      },
      readClosed() {
        told.push("readClosed");
        handle.stopRead();
        handle.startRead();
        if (handle.shutdown()) events.shutdownDone();
      },
      shutdownDone() {
        told.push("shutdownDone");
        handle.close();
        handle.abort();
      },
      closed(error) {
        told.push(`closed ${error}`);
        handle.close();
        resolve();
      },
    };
    handle.attach(events);
    handle.startRead();
  });
  writeSync(up.writer, "hello");
  const echo = new Uint8Array(10);
  while (told.length === 0) await turns(1);
  assert.equal(readSync(down.reader, echo, 0, 10, null), 5);
  closeSync(up.writer);
  await done;
  await turns(4);
  assert.deepEqual(told, [
    "data 5",
    "readClosed",
    "shutdownDone",
    "closed undefined",
  ]);
  closeSync(down.reader);
});

test("fifo: closing within data tells nothing more but closed", async () => {
  const [up, down] = fifos(2) as [Fifo, Fifo];
  const handle = handleOf(up.reader, down.writer);
  const told: string[] = [];
  const done = new Promise<void>((resolve) => {
    const tell = (what: string) => () => {
      told.push(what);
    };
    handle.attach({
      data() {
        told.push("data");
        handle.close();
        return false;
      },
      written: tell("written"),
      readClosed: tell("readClosed"),
      shutdownDone: tell("shutdownDone"),
      closed() {
        told.push("closed");
        resolve();
      },
    });
  });
  writeSync(up.writer, pattern(capacity));
  closeSync(up.writer);
  handle.startRead();
  await done;
  await turns(10);
  assert.deepEqual(told, ["data", "closed"]);
  closeSync(down.reader);
});

test("fifo: 200 connections, ended in every way, give all descriptors back", async () => {
  const all = pairs(200);
  assert.ok(openFifos() >= 800, "each has two descriptors on each side");
  for (const [at, [client, server]] of all.entries()) {
    await endSomehow(at % 5, client, server);
    await client.end();
    await server.end();
  }
  await untilNoneIsOpen();
});

async function endSomehow(
  way: number,
  client: Stream,
  server: Stream,
): Promise<void> {
  // The first is closed as it was made, without having been read.
  if (way > 0) {
    client.handle.startRead();
    server.handle.startRead();
    await client.send("hello");
    await server.until("hello", () => server.receivedLength === 5);
  }
  if (way === 2) {
    await client.shutdown();
    await server.event("readClosed");
    await server.shutdown();
  }
  if (way === 3) {
    server.handle.stopRead();
    await fill(client, pattern(1024 * 1024));
  }
  if (way === 4) {
    await server.end();
    await client.event("readClosed");
  }
}

test("fifo: 256 connections at once, half of them waiting for room, leave threads for files", async () => {
  const all = pairs(256);
  const bytes = pattern(4 * slice);
  const sent: Promise<void>[] = [];
  for (const [at, [client, server]] of all.entries()) {
    client.handle.startRead();
    if (at % 2 === 0) server.handle.startRead();
    sent.push(client.send(bytes));
  }
  const own = fileURLToPath(import.meta.url);
  const texts = await Promise.all(
    Array.from({ length: 20 }, () => readFile(own, "utf8")),
  );
  assert.ok(texts.every((text) => text.includes("leave threads for files")));
  // Those that nobody read are still whole.
  for (const [client, server] of all) {
    server.handle.startRead();
    await server.until("all", () => server.receivedLength === bytes.length);
    await server.send("thanks");
    await client.until("thanks", () => client.text === "thanks");
    sameBytes(server.received, bytes);
  }
  await Promise.all(sent);
  for (const pair of all) for (const stream of pair) await stream.end();
  await untilNoneIsOpen();
});

test("fifo: a process that has closed its connections ends by itself", async () => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = fileURLToPath(
    new URL(`fifo_stream_program.${extension}`, import.meta.url).href,
  );
  for (const flags of programFlags()) {
    for (const way of ["writer first", "reader first"]) {
      const child = spawn(process.execPath, [...flags, program, way], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (bytes) => output += bytes);
      const code = await new Promise((resolve) => child.once("close", resolve));
      assert.deepEqual([code, output], [0, "done\n"], `${flags} ${way}`);
    }
  }
});

/** Deno has two ways, by what it may; elsewhere there is one. */
function programFlags(): string[][] {
  if (runtime.name !== "deno") return [[]];
  const files = ["read", "write", "run", "env", "sys"];
  return [
    ["run", "--no-check", "--allow-all"],
    ["run", "--no-check", ...files.map((name) => `--allow-${name}`)],
  ];
}
