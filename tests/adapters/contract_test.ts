/**
 * The contract of `core/transport.ts`, against the adapter of the runtime that
 * runs this, without the driver.
 */
import assert from "node:assert/strict";
import {
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { connect as netConnect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Address } from "../../core/address.ts";
import type { SockeyeError } from "../../core/error.ts";
import {
  connect,
  listen,
  Listening,
  runtime,
  startConnect,
  startListen,
  Stream,
  turns,
} from "./drive.ts";
import { listenRequest } from "../requests.ts";

const { features } = runtime.capabilities();

/** A directory for one test, removed at its end; it must be empty by then. */
async function inDirectory(
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  try {
    await body(directory);
    assert.deepEqual(readdirSync(directory), [], "nothing is left");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const transports = ["tcp", "unix"] as const;
type Transport = typeof transports[number];

/** One connection, both ends attached; closed at the end, the listener too. */
async function withPair(
  transport: Transport,
  body: (client: Stream, server: Stream, at: Address) => Promise<void>,
): Promise<void> {
  await inDirectory(async (directory) => {
    const listening = await listen(addressIn(transport, directory));
    const at = listening.handle.address;
    const client = await connect(at);
    const server = await listening.accept();
    await body(client, server, at);
    await client.end();
    await server.end();
    await listening.end();
  });
}

function addressIn(transport: Transport, directory: string): Address {
  return transport === "tcp"
    ? { transport, host: "127.0.0.1", port: 0 }
    : { transport, path: join(directory, "s") };
}

/** Leaves the file of a server that is gone. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer();
  const elsewhere = `${path}.tmp`;
  await new Promise<void>((resolve) => server.listen(elsewhere, resolve));
  linkSync(elsewhere, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  rmSync(elsewhere, { force: true });
}

async function failure(promise: Promise<unknown>): Promise<SockeyeError> {
  try {
    await promise;
  } catch (error) {
    return error as SockeyeError;
  }
  throw new Error("It did not fail");
}

/** Bytes that tell at each place where they are. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

/** Offers bytes that nobody reads; false if they are not taken within many turns. */
async function taken(stream: Stream, bytes: Uint8Array): Promise<boolean> {
  stream.offer(bytes);
  for (let turn = 0; stream.pending && turn < 100; turn++) await turns(1);
  return !stream.pending;
}

function sameBytes(got: Uint8Array, wanted: Uint8Array): void {
  assert.equal(got.length, wanted.length);
  assert.ok(got.every((byte, at) => byte === wanted[at]), "bytes differ");
}

for (const transport of transports) {
  test(`${transport}: each direction ends by itself, and closed comes last`, () =>
    withPair(transport, async (client, server) => {
      client.handle.startRead();
      server.handle.startRead();
      await client.send("question");
      await client.shutdown();
      await server.event("readClosed");
      assert.equal(server.text, "question");
      await server.send("answer");
      await server.shutdown();
      await client.event("readClosed");
      assert.equal(client.text, "answer");
      await client.end();
      await server.end();
      await turns(4);
      for (const stream of [client, server]) {
        assert.equal(stream.error.value, undefined);
        assert.equal(stream.told.at(-1), "closed");
        assert.deepEqual(
          stream.told.filter((what) => what === "readClosed"),
          ["readClosed"],
        );
      }
    }));

  test(`${transport}: addresses name both ends`, () =>
    withPair(transport, (client, server, at) => {
      assert.deepEqual(client.handle.remoteAddress, at);
      assert.deepEqual(server.handle.localAddress, at);
      assert.deepEqual(server.handle.remoteAddress, client.handle.localAddress);
      return Promise.resolve();
    }));

  test(`${transport}: nothing arrives before it is asked for`, () =>
    withPair(transport, async (client, server) => {
      await client.send("early");
      await server.send("also");
      await turns(20);
      for (const stream of [client, server]) {
        const told = stream.told.filter((what) => what !== "written");
        assert.deepEqual(told, []);
      }
      server.handle.startRead();
      client.handle.startRead();
      await server.until("5 bytes", () => server.receivedLength === 5);
      await client.until("4 bytes", () => client.receivedLength === 4);
    }));

  test(`${transport}: stopping and starting loses and repeats nothing`, () =>
    withPair(transport, async (client, server) => {
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
      sameBytes(server.received, bytes);
    }));

  test(`${transport}: a transmit is pending until a slow peer reads`, () =>
    withPair(transport, async (client, server) => {
      const slice = pattern(65536);
      let slices = 0;
      while (await taken(client, slice)) slices++;
      slices++;
      assert.ok(client.pending, "nobody reads, so it stays pending");
      server.handle.startRead();
      await client.until("written", () => !client.pending);
      const total = slices * slice.length;
      await server.until("all bytes", () => server.receivedLength === total);
      const { received } = server;
      for (let at = 0; at < total; at += slice.length) {
        sameBytes(received.subarray(at, at + slice.length), slice);
      }
    }));

  test(`${transport}: close lets a peer read what was sent, then the end`, () =>
    withPair(transport, async (client, server) => {
      await client.send(pattern(10_000));
      await client.end();
      server.handle.startRead();
      await server.event("readClosed");
      sameBytes(server.received, pattern(10_000));
      await server.end();
      assert.equal(server.error.value, undefined);
    }));

  test(`${transport}: abort is told once, here without an error`, () =>
    withPair(transport, async (client, server) => {
      server.handle.startRead();
      client.handle.abort();
      client.handle.abort();
      await client.event("closed");
      assert.equal(client.error.value, undefined);
      await server.until("news", () => server.told.length > 0);
      if (transport === "tcp" && features.reset.support === "native") {
        await server.event("closed");
        assert.deepEqual(server.told, ["closed"]);
        assert.equal(server.error.value?.code, "ECONNRESET");
      }
    }));

  test(`${transport}: a peer that closes with our bytes unread resets us`, () =>
    withPair(transport, async (client, server) => {
      // Deno ends its direction before it closes: an end is the truth then.
      if (runtime.name === "deno" && transport === "tcp") return;
      await server.send("its last words");
      await client.send("nobody reads this");
      await server.end();
      client.handle.startRead();
      await client.event("closed");
      assert.equal(client.text, "its last words");
      assert.deepEqual(
        client.told.filter((what) => what !== "written"),
        ["data", "closed"],
      );
      assert.equal(client.error.value?.code, "ECONNRESET");
    }));

  test(`${transport}: abort with a transmit pending ends it`, () =>
    withPair(transport, async (client, server) => {
      while (await taken(client, pattern(65536)));
      client.handle.abort();
      await client.event("closed");
      assert.equal(client.error.value, undefined);
      server.handle.startRead();
      await server.until(
        "the end",
        () => server.over || server.told.includes("readClosed"),
      );
    }));

  test(`${transport}: abort while a shutdown is handed over closes all the same`, () =>
    withPair(transport, async (client, server) => {
      const before = runtime.descriptors();
      client.handle.shutdown();
      client.handle.abort();
      await client.event("closed");
      assert.equal(client.error.value, undefined);
      if (before !== undefined) {
        assert.equal(runtime.descriptors()?.used, before.used - 1);
      }
      server.handle.startRead();
      await server.until("the end", () => server.told.length > 0);
    }));

  test(`${transport}: a hundred connections give their descriptors back`, () =>
    inDirectory(async (directory) => {
      const listening = await listen(addressIn(transport, directory));
      const round = async (): Promise<void> => {
        const client = await connect(listening.handle.address);
        const server = await listening.accept();
        await client.end();
        await server.end();
      };
      await round();
      const before = runtime.descriptors()?.used;
      for (let count = 0; count < 100; count++) await round();
      assert.equal(runtime.descriptors()?.used, before);
      await listening.end();
    }));

  test(`${transport}: what connects before attach is told after`, () =>
    inDirectory(async (directory) => {
      const start = startListen(addressIn(transport, directory));
      const handle = await start.promise;
      const clients = await Promise.all([
        connect(handle.address),
        connect(handle.address),
      ]);
      await turns(4);
      const listening = new Listening(handle);
      for (let count = 0; count < clients.length; count++) {
        await (await listening.accept()).end();
      }
      for (const client of clients) await client.end();
      await listening.end();
    }));

  test(`${transport}: a closed listener refuses; its connections live on`, () =>
    inDirectory(async (directory) => {
      const listening = await listen(addressIn(transport, directory));
      const { address } = listening.handle;
      const client = await connect(address);
      const server = await listening.accept();
      await listening.end();
      const refused = await failure(startConnect(address).promise);
      assert.equal(
        refused.code,
        transport === "tcp" ? "ECONNREFUSED" : "ENOENT",
      );
      await client.send("still here");
      server.handle.startRead();
      await server.until("10 bytes", () => server.receivedLength === 10);
      await client.end();
      await server.end();
      await turns(4);
      assert.equal(listening.closedCount, 1);
    }));

  test(`${transport}: a second listener finds the address in use`, () =>
    inDirectory(async (directory) => {
      const listening = await listen(addressIn(transport, directory));
      const start = startListen(listening.handle.address);
      assert.equal((await failure(start.promise)).code, "EADDRINUSE");
      const client = await connect(listening.handle.address);
      await client.end();
      await listening.end();
    }));

  test(`${transport}: a connect that was given up tells nothing`, () =>
    inDirectory(async (directory) => {
      const listening = await listen(addressIn(transport, directory));
      const starts = [];
      for (let count = 0; count < 5; count++) {
        const start = startConnect(listening.handle.address);
        if (count > 0) await turns(count - 1);
        if (start.told.length > 0) {
          await new Stream(await start.promise).end();
          start.told.length = 0;
        } else start.pending.cancel();
        starts.push(start);
      }
      // What was accepted of them ends.
      const witness = await connect(listening.handle.address);
      await witness.end();
      await turns(10);
      for (const handle of listening.accepted.splice(0)) {
        const stream = new Stream(handle);
        handle.startRead();
        await stream.until("its end", () => stream.told.length > 0);
        await stream.end();
      }
      for (const start of starts) assert.deepEqual(start.told, []);
      await listening.end();
    }));

  test(`${transport}: a listener that was given up leaves nothing`, () =>
    inDirectory(async (directory) => {
      for (let count = 0; count < 10; count++) {
        const start = startListen(addressIn(transport, directory));
        if (count > 0) await turns(count - 1);
        if (start.told.length === 0) start.pending.cancel();
        else await new Listening(await start.promise).end();
        // It is cleaned up behind its caller's back; until then, one that was
        // nearly done may still answer, and the name is in use.
        for (let turn = 0; readdirSync(directory).length > 0; turn++) {
          assert.ok(turn < 10_000, `left: ${readdirSync(directory)}`);
          await turns(1);
        }
      }
      const last = await listen(addressIn(transport, directory));
      await last.end();
      assert.deepEqual(readdirSync(directory), []);
    }));
}

/** A client of node:net: it can send a reset on every runtime. */
async function resetter(at: Address): Promise<Socket> {
  assert.ok(at.transport === "tcp");
  const { host, port } = at;
  const socket = netConnect({ host, port, allowHalfOpen: true });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return socket;
}

async function reset(socket: Socket): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", resolve));
  socket.resetAndDestroy();
  await closed;
}

test("tcp: a reset comes behind the data that came before it", async () => {
  const listening = await listen(addressIn("tcp", ""));
  for (const stop of [true, false]) {
    const client = await resetter(listening.handle.address);
    const server = await listening.accept();
    server.handle.startRead();
    client.write("first");
    await server.until("5 bytes", () => server.receivedLength === 5);
    if (stop) server.handle.stopRead();
    await new Promise<void>((resolve) =>
      client.write("second", () => resolve())
    );
    if (stop) await turns(10);
    await reset(client);
    if (stop) await turns(10);
    server.handle.startRead();
    await server.event("closed");
    assert.equal(server.text, "firstsecond");
    assert.deepEqual(server.told, ["data", "closed"]);
    assert.equal(server.error.value?.code, "ECONNRESET");
  }
  await listening.end();
});

test("tcp: a reset before attach is told after it", async () => {
  const listening = await listen(addressIn("tcp", ""));
  for (let count = 0; count < 20; count++) {
    await reset(await resetter(listening.handle.address));
    const handle = await listening.next();
    await turns(count % 4);
    const server = new Stream(handle);
    if (!server.over) handle.startRead();
    await server.event("closed");
    assert.deepEqual(server.told, ["closed"]);
    assert.equal(server.error.value?.code, "ECONNRESET");
  }
  const client = await connect(listening.handle.address);
  await client.end();
  await (await listening.accept()).end();
  assert.deepEqual(listening.failures, []);
  await listening.end();
});

test("tcp: after our own end a reset is still none of the peer's", async () => {
  const listening = await listen(addressIn("tcp", ""));
  const client = await resetter(listening.handle.address);
  const server = await listening.accept();
  await server.shutdown();
  client.resume();
  await new Promise<void>((resolve) => client.write("last", () => resolve()));
  await turns(10);
  await reset(client);
  server.handle.startRead();
  await server.event("closed");
  assert.ok(!server.told.includes("readClosed"), `told: ${server.told}`);
  assert.equal(server.error.value?.code, "ECONNRESET");
  await listening.end();
});

test("tcp: writing to a peer that is gone ends in an error, once", () =>
  withPair("tcp", async (client, server) => {
    await client.end();
    // The first write after its end is answered by a reset.
    for (let count = 0; count < 1000 && !server.over; count++) {
      if (!server.pending) server.offer(pattern(1000));
      await turns(1);
    }
    await server.event("closed");
    assert.match(String(server.error.value?.code), /^(EPIPE|ECONNRESET)$/);
  }));

test("tcp: names are looked up, unknown ones are not found", async () => {
  const listening = await listen({
    transport: "tcp",
    host: "localhost",
    port: 0,
  });
  const { address } = listening.handle;
  assert.ok(address.transport === "tcp" && address.port > 0);
  const client = await connect({ ...address, host: "localhost" });
  await client.end();
  await listening.end();
  const start = startConnect({
    transport: "tcp",
    host: "no-such-host.invalid",
    port: 1,
  });
  assert.match(
    (await failure(start.promise)).code,
    /^(ENOTFOUND|EAI_AGAIN)$/,
  );
});

test("tcp: a refused connect fails once, with the runtime's error behind it", async () => {
  const listening = await listen(addressIn("tcp", ""));
  const { address } = listening.handle;
  await listening.end();
  const start = startConnect(address);
  const error = await failure(start.promise);
  assert.equal(error.code, "ECONNREFUSED");
  assert.ok(error.cause !== undefined);
  await turns(4);
  assert.deepEqual(start.told, ["failed"]);
  const local = startConnect({ ...address, host: "localhost" } as Address);
  assert.equal((await failure(local.promise)).code, "ECONNREFUSED");
});

test("unix: a connect says why it failed", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const to = { transport: "unix", path } as const;
    const code = async (): Promise<string> =>
      (await failure(startConnect(to).promise)).code;
    assert.equal(await code(), "ENOENT");
    writeFileSync(path, "precious");
    assert.match(await code(), /^(ENOTSOCK|ECONNREFUSED)$/);
    unlinkSync(path);
    await leaveStale(path);
    assert.equal(await code(), "ECONNREFUSED");
    unlinkSync(path);
    const listening = await listen(to, { ...listenRequest, mode: 0 });
    // Root may connect to anything.
    if (process.getuid?.() !== 0) assert.equal(await code(), "EACCES");
    await listening.end();
  }));

test("unix: a listener's file has the mode that was asked for", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    for (const mode of [0o600, 0o660, 0o666]) {
      const request = { ...listenRequest, mode };
      const listening = await listen({ transport: "unix", path }, request);
      assert.equal(lstatSync(path).mode & 0o777, mode);
      await listening.end();
    }
  }));

test("unix: a stale file is replaced, a live or foreign one is not", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const at = { transport: "unix", path } as const;
    await leaveStale(path);
    const listening = await listen(at);
    assert.equal(
      (await failure(startListen(at).promise)).code,
      "EADDRINUSE",
    );
    const client = await connect(at);
    await client.end();
    await listening.end();
    writeFileSync(path, "precious");
    const error = await failure(startListen(at).promise);
    assert.equal(error.code, "EADDRINUSE");
    assert.match(error.message, /plain file/);
    unlinkSync(path);
  }));

test("unix: closing a listener leaves the file of a newer one", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const at = { transport: "unix", path } as const;
    const older = await listen(at);
    unlinkSync(path);
    const newer = await listen(at);
    await older.end();
    const client = await connect(at);
    await client.end();
    await newer.end();
  }));

test("unix: an overlong path is an error, never another name", () =>
  inDirectory(async (directory) => {
    const name = "x".repeat(108 - directory.length - 1);
    const path = join(directory, name);
    assert.equal(path.length, 108);
    const at = { transport: "unix", path } as const;
    assert.equal(
      (await failure(startListen(at).promise)).code,
      "ENAMETOOLONG",
    );
    assert.deepEqual(readdirSync(directory), []);
    const cut = { transport: "unix", path: path.slice(0, 107) } as const;
    const listening = await listen(cut);
    await failure(startConnect(at).promise);
    await (await connect(cut)).end();
    await listening.end();
  }));

test("unix: abstract names work, or are refused by name", async () => {
  const path = `@sockeye-test-${process.pid}`;
  const at = { transport: "unix", path } as const;
  if (features.unixAbstract.support === "none") {
    for (const start of [startListen(at), startConnect(at)]) {
      assert.equal(
        (await failure(start.promise)).code,
        "ERR_SOCKEYE_UNSUPPORTED",
      );
    }
    return;
  }
  const listening = await listen(at);
  assert.deepEqual(listening.handle.address, at);
  const client = await connect(at);
  const server = await listening.accept();
  server.handle.startRead();
  await client.send("hello");
  await server.until("5 bytes", () => server.receivedLength === 5);
  await client.end();
  await server.end();
  await listening.end();
  assert.equal((await failure(startConnect(at).promise)).code, "ECONNREFUSED");
});

test("what the adapter has not, it refuses", async () => {
  const to = { transport: "mem", name: "nobody" } as const;
  for (const start of [startListen(to), startConnect(to)]) {
    assert.equal(
      (await failure(start.promise)).code,
      "ERR_SOCKEYE_UNSUPPORTED",
    );
  }
});
