/** What was once wrong, found from outside, and must not come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import {
  connect,
  type Connection,
  listen,
  Poller,
  PollEvents,
  serve,
} from "../mod.ts";

test("a cancelled readable leaves the next bytes to read", async () => {
  const listener = await listen("tcp://:0");
  const accepting = listener.accept();
  const client = await connect(listener.address);
  const server = await accepting;
  try {
    const reader = client.readable.getReader();
    const waiting = reader.read();
    while (!isBeingRead(client)) {
      await new Promise((done) => setImmediate(done));
    }
    await reader.cancel();
    assert.equal((await waiting).done, true);
    const reading = client.read();
    await server.write(Uint8Array.of(1, 2, 3));
    assert.deepEqual(await reading, Uint8Array.of(1, 2, 3));
    // The other direction goes on.
    await client.write(Uint8Array.of(4));
    assert.deepEqual(await server.read(), Uint8Array.of(4));
  } finally {
    client.abort();
    server.abort();
    await listener.close();
  }
});

test("a client whose peer resets at once knows where it was connected to", async () => {
  const server = await serve("tcp://:0", {
    open: (channel) => channel.abort(),
  });
  const address = server.addresses[0]!;
  try {
    for (let round = 0; round < 20; round++) {
      // Node may learn of the reset by the connect itself, which says where to.
      const client = await connect(address).catch(() => undefined);
      if (client === undefined) continue;
      assert.deepEqual(client.remoteAddress, address);
      client.abort();
      await client.closed;
    }
  } finally {
    await server.close({ grace: 0 });
  }
});

test("a paused listener hands out no connection, also where the runtime accepts it", async () => {
  const listener = await listen("tcp://:0");
  listener.pause();
  const accepting = listener.accept({ timeout: 100 });
  const waited = assert.rejects(accepting, { code: "ETIMEDOUT" });
  const client = await connect(listener.address);
  const poller = new Poller();
  poller.add(listener, { readable: true });
  const events = new PollEvents(1);
  try {
    await waited;
    assert.equal(listener.tryAccept(), undefined);
    assert.equal(await poller.wait(events, 0), 0);
    const told = poller.wait(events, 5000);
    listener.resume();
    assert.equal(await told, 1);
    (await listener.accept()).abort();
  } finally {
    poller.close();
    client.abort();
    await listener.close();
  }
});

/** Whether a read waits, for then nobody else may try. */
function isBeingRead(connection: Connection): boolean {
  try {
    connection.tryRead(new Uint8Array(1));
    return false;
  } catch {
    return true;
  }
}
