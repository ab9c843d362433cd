import assert from "node:assert/strict";
import test from "node:test";
import { createSimulation } from "../entries/memory.ts";

test("closed waits for an open that is at work, and finds its context", async () => {
  const { run, serve, connect, advance } = createSimulation({ latency: 1 });
  await run(async () => {
    const told: string[] = [];
    const server = await serve<string>("mem:open", {
      async open() {
        told.push("open");
        await advance(100);
        return "context";
      },
      closed(channel, { how }) {
        told.push(`closed: ${how}, ${channel.context}`);
      },
    });
    const client = await connect("mem:open");
    await advance(10);
    client.abort();
    await advance(10);
    assert.deepEqual(told, ["open"]);
    await advance(100);
    assert.deepEqual(told, ["open", "closed: reset, context"]);
    assert.deepEqual(await server.close(), { drained: 0, aborted: 0 });
  });
});

test("an open that never settles does not outlast our own abort", async () => {
  const { run, serve, connect, advance } = createSimulation({ latency: 1 });
  await run(async () => {
    const told: string[] = [];
    const server = await serve("mem:open", {
      open: () => new Promise(() => {}),
      closed: (_channel, { how }) => void told.push(how),
    });
    const client = await connect("mem:open");
    await advance(10);
    client.abort();
    await advance(10);
    await server.close({ grace: 10 });
    assert.deepEqual(told, ["reset"]);
  });
});
