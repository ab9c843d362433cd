/** Connections over FIFOs, both sides in this process. */
import assert from "node:assert/strict";
import { lstatSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { capabilities, connect, listen, serve } from "../../mod.ts";
import { bytesOf, codeOf, inPlace, readAll } from "./fixtures.ts";

test("a connection over FIFOs: both directions, each end by itself, who it is", () =>
  inPlace(async ({ path, address, names }) => {
    const listener = await listen(address);
    assert.equal(lstatSync(path).mode & 0o7777, 0o600);
    const accepting = listener.accept();
    const client = await connect(address);
    const server = await accepting;
    assert.deepEqual(names(), ["app"], "the pair is unlinked");
    assert.deepEqual(server.credentials, {
      uid: process.geteuid!(),
      claimedPid: process.pid,
      how: "proof",
    });
    assert.equal(client.credentials, undefined);
    assert.deepEqual(client.remoteAddress, { transport: "fifo", path });
    assert.deepEqual(server.localAddress, { transport: "fifo", path });
    await client.write(bytesOf("question"));
    await client.closeWrite();
    assert.equal(await readAll(server), "question");
    await server.write(bytesOf("answer"));
    await server.close();
    assert.equal(await readAll(client), "answer");
    await client.close();
    await listener.close();
    assert.deepEqual(names(), []);
  }));

test("bytes that the server sends at once follow the answer", () =>
  inPlace(async ({ address }) => {
    const server = await serve(address, {
      open(channel) {
        channel.send(bytesOf("welcome"));
        channel.end();
      },
    });
    for (let round = 0; round < 20; round++) {
      const client = await connect(address);
      assert.equal(await readAll(client), "welcome");
      await client.close();
    }
    await server.close();
  }));

test("256 FIFO clients at once, each byte its own, and timers go on", async () => {
  await inPlace(async ({ address, names }) => {
    const length = 100_000;
    const server = await serve(address, {
      data: (channel, bytes) => void channel.send(bytes),
      end: (channel) => channel.end(),
    });
    const clients = await Promise.all(
      Array.from({ length: 256 }, () => connect(address)),
    );
    // All are open at once: a pool of threads, had each of them one, is gone.
    let files = 0;
    const reading = (async () => {
      const { readFile } = await import("node:fs/promises");
      for (let round = 0; round < 50; round++) {
        await readFile("/proc/self/stat");
        files++;
      }
    })();
    await Promise.all(clients.map(async (client, index) => {
      const sent = new Uint8Array(length);
      for (let at = 0; at < length; at++) sent[at] = (at * 7 + index) & 255;
      const writing = client.write(sent).then(() => client.closeWrite());
      let at = 0;
      for await (const chunk of client) {
        for (const byte of chunk) {
          if (byte !== sent[at++]) assert.fail(`${index}: byte ${at} differs`);
        }
      }
      assert.equal(at, length);
      await writing;
      await client.close();
    }));
    await reading;
    assert.equal(files, 50);
    await server.close();
    assert.deepEqual(names(), []);
  });
});

test("a listener's name: taken once, a plain file is left, a free one is given back", () =>
  inPlace(async ({ address, names }) => {
    const first = await listen(address);
    assert.equal(await codeOf(listen(address)), "EADDRINUSE");
    await first.close();
    assert.deepEqual(names(), []);
    assert.equal(await codeOf(connect(address)), "ENOENT");
  }));

test("paths up to PATH_MAX and NAME_MAX, not the 107 bytes of sockets", () =>
  inPlace(async ({ path, names }) => {
    const long = `fifo:${path}${"x".repeat(200)}`;
    const listener = await listen(long);
    const accepting = listener.accept();
    const client = await connect(long);
    await client.close();
    await (await accepting).close();
    await listener.close();
    const overlong = `fifo:${path}${"x".repeat(220)}`;
    assert.equal(await codeOf(listen(overlong)), "ENAMETOOLONG");
    assert.equal(await codeOf(connect(overlong)), "ENAMETOOLONG");
    assert.deepEqual(names(), []);
  }));

test("capabilities name FIFOs, and that they cannot reset", async () => {
  const { features } = await capabilities();
  assert.notEqual(features.fifo.support, "none");
  assert.equal(features.fifoReset.support, "none");
  assert.match(features.fifoReset.reason ?? "", /EPIPE/);
});
