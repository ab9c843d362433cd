/** Stalls in simulated time: a network that is silent for a while, or for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, bytes, drop, readAll, simulate } from "./world.ts";
import type { Closed } from "../../entries/memory.ts";

const latency = 10;
const reset = "ECONNRESET";

test("a stall holds everything back, and loses nothing: bytes, ends and resets", async () => {
  await simulate({ latency, window: 1000 }, async (world) => {
    const { pair, network, now, advance, outcome } = world;
    const { client, server } = await pair();
    const writing = outcome(client.write(bytes(5000)));
    const ending = outcome(client.closeWrite());
    await advance(25);
    const start = now();
    assert.equal(network.stall(60_000), 1);
    const before = server.bytesRead;
    const late = await outcome(server.read({ timeout: 1 }));
    assert.equal(late.how, "ok"); // What was there before it is there.
    const got = [...(late.value as Uint8Array)];
    const waited = await outcome(server.read({ timeout: 59_000 }));
    assert.deepEqual(brief(waited), ["ETIMEDOUT", start + 59_000]);
    assert.equal(server.bytesRead, before);
    got.push(...await readAll(server));
    assert.deepEqual(Uint8Array.from(got), bytes(5000));
    assert.ok(now() >= start + 60_000 && now() < start + 61_000);
    assert.equal((await writing).how, "ok");
    assert.equal((await ending).how, "ok");

    network.stall(5000);
    const again = now();
    const reading = outcome(client.read());
    server.abort();
    assert.deepEqual(brief(await reading), [reset, again + 5000]);
    await drop(client);
  });
});

test("a peer that has vanished ends no wait by itself, and closing is bounded", async () => {
  await simulate({ latency, window: 1000 }, async (world) => {
    const { pair, network, outcome, now } = world;
    const [idle, full] = [await pair(), await pair()];
    network.stall(Infinity);
    const start = now();
    const reading = outcome(idle.client.read({ timeout: 3_600_000 }));
    const writing = outcome(full.client.write(bytes(5000)));
    const lingering = outcome(idle.server.close());
    const flushing = outcome(full.client.close());
    assert.deepEqual(await lingering, {
      at: start + 2000,
      how: "ok",
      value: { how: "close" },
    });
    const { at, value } = await flushing;
    assert.equal(at, start + 30_000);
    assert.equal((value as Closed).how, "timeout");
    const { how, error } = await writing;
    assert.deepEqual([how, error!.bytesTaken], ["ETIMEDOUT", 1000]);
    assert.deepEqual(brief(await reading), ["ETIMEDOUT", start + 3_600_000]);
    await drop(idle.client, full.server);
  });
});
