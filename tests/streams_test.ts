import assert from "node:assert/strict";
import test from "node:test";
import { createSimulation } from "../entries/memory.ts";

test("a readable that is cancelled while it waits leaves the bytes to read", async () => {
  const { run, listen, connect, advance } = createSimulation({ latency: 1 });
  await run(async () => {
    const listener = await listen("mem:streams");
    const client = await connect("mem:streams");
    const server = await listener.accept();

    const reader = client.readable.getReader();
    const waiting = reader.read();
    await advance(1); // the stream reads from the connection by now
    await reader.cancel();
    assert.deepEqual(await waiting, { done: true, value: undefined });

    await server.write(Uint8Array.of(1, 2, 3));
    assert.deepEqual(await client.read(), Uint8Array.of(1, 2, 3));
    await client.write(Uint8Array.of(4)); // nor is the other direction touched
    assert.deepEqual(await server.read(), Uint8Array.of(4));

    client.abort();
    server.abort();
    await listener.close();
  });
});
