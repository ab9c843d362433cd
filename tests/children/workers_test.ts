/** What threads can be given besides, and what they have in common. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { capabilities, connect, serve } from "../../mod.ts";
import { Client, moduleNamed, until, withChildren } from "./fixtures.ts";

const options = { strategy: "workers", signals: false } as const;

/** A server in a directory of its own, of which nothing may be left. */
async function within(
  play: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  try {
    await play(directory);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("workers: every transport will do", async () => {
  const { features } = await capabilities();
  await within(async (directory) => {
    const addresses = [
      "tcp://:0",
      `unix:${directory}/s`,
      `fifo:${directory}/f`,
      "mem:workers",
    ];
    if (features.unixAbstract.support !== "none") {
      addresses.push(`unix:@sockeye-workers-${process.pid}`);
    }
    const server = await serve(addresses, moduleNamed("handlers"), options);
    try {
      for (const at of server.addresses) {
        const client = await Client.connect(at, "echo");
        await client.say(`over ${at.transport}`);
        assert.equal(await client.line(), `over ${at.transport}`);
        assert.equal(await client.finish(), "");
      }
      await until("all are counted", () => server.stats.open === 0);
      const { accepted, failed } = server.stats;
      assert.deepEqual([accepted, failed], [addresses.length, 0]);
    } finally {
      await server.close({ grace: 2000 });
    }
  });
});

test("workers: who calls is shown before a thread serves", async () => {
  await within(async (directory) => {
    const at = `unix:${directory}/s`;
    const module = moduleNamed("handlers");
    const server = await serve(at, module, { ...options, identify: true });
    try {
      const connection = await connect(at, { identify: true });
      const client = new Client(connection);
      await client.say("uid");
      assert.equal(await client.line(), String(userInfo().uid));
      assert.equal(await client.finish(), "");
    } finally {
      await server.close({ grace: 2000 });
    }
    await rm(`${directory}/s.auth`, { recursive: true, force: true });
  });
});

test("workers: threads are of this process, and have numbers", async () => {
  await withChildren({ ...options, children: 2 }, async ({ client, ready }) => {
    await until("all are ready", () => ready().length === 2);
    const threads = new Set(ready().map(({ thread }) => thread));
    assert.equal(threads.size, 2);
    for (const { pid } of ready()) assert.equal(pid, undefined);
    assert.ok(threads.has(Number(await (await client("id")).line())));
    assert.equal(
      await (await client("process")).line(),
      `${process.pid} false`, // and the module is not the program there
    );
  });
});

test("workers: maxConnections holds for all threads together", async () => {
  const few = { ...options, children: 2, maxConnections: 3 };
  await withChildren(few, async ({ server, client }) => {
    const held = await Promise.all([0, 1, 0].map((at) => client("id", at)));
    for (const one of held) assert.notEqual(await one.line(), null);
    const fourth = await client("id");
    const answer = fourth.line();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(server.stats.open, 3);
    await held[0]!.finish();
    assert.notEqual(await answer, null);
  });
});

test("workers: what a client sent before it was given comes first, and whole", async () => {
  await withChildren(
    { ...options, children: 1 },
    async ({ server, client }) => {
      // Threads are replaced meanwhile: who comes waits for a new one.
      server.restart();
      const text = "x".repeat(300_000);
      const clients = await Promise.all([0, 1, 0, 1].map(async (at) => {
        const one = await client("echo", at);
        await one.say(text);
        return one;
      }));
      for (const one of clients) assert.equal(await one.finish(), `${text}\n`);
    },
  );
});

test("workers: a stuck thread holds nobody else up", async () => {
  await withChildren({ ...options, children: 2 }, async ({ client }) => {
    const stuck = await client("stuck");
    assert.notEqual(await stuck.line(), null);
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      assert.equal(await (await client("echo", i % 2)).finish(), "");
      times.push(performance.now() - began);
    }
    // The first may wait 50 ms for an answer that does not come; nobody after it.
    const median = times.sort((a, b) => a - b)[10]!;
    assert.ok(median < 50, `${median} ms`);
  });
});

test("workers: what hangs while it is loaded is given up in time", async () => {
  const hanging = { ...options, startTimeout: 200, onError: () => {} };
  await assert.rejects(
    serve("tcp://:0", moduleNamed("hangs"), hanging),
    { code: "ECHILD", message: /because it was not ready in time/ },
  );
});

test("workers: capabilities say that the bytes are relayed", async () => {
  const { workers } = (await capabilities()).features;
  assert.equal(workers.support, "emulated");
  assert.match(workers.reason!, /the main thread accepts and relays/);
});
