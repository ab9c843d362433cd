/** What a server tells of its handlers, and what it does not. */
import assert from "node:assert/strict";
import { connect as connectNet } from "node:net";
import { test } from "node:test";
import { type Handlers, serve, SockeyeError } from "../mod.ts";
import { select } from "../posix.ts";

test("a peer's reset is no error of the function that served it", async () => {
  const told: unknown[] = [];
  const server = await serve("tcp://:0", async (connection) => {
    for await (const bytes of connection) await connection.write(bytes);
  }, { onError: (error) => told.push(error) });
  const { port } = server.addresses[0] as { port: number };
  const peer = connectNet(port, "127.0.0.1");
  await new Promise((resolve) => peer.once("connect", resolve));
  peer.write("x");
  await new Promise((resolve) => peer.once("data", resolve));
  peer.resetAndDestroy();
  while (server.stats.failed === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await server.close();
  assert.deepEqual(told, []);
});

test("what the function throws by itself is told, a reset or not", async () => {
  const told: unknown[] = [];
  const server = await serve("tcp://:0", async (connection) => {
    await connection.read().catch(() => {});
    throw new Error("mine");
  }, { onError: (error) => told.push(error) });
  const { port } = server.addresses[0] as { port: number };
  const peer = connectNet(port, "127.0.0.1");
  peer.on("error", () => {});
  await new Promise((resolve) => peer.once("connect", resolve));
  peer.resetAndDestroy();
  while (told.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await server.close();
  assert.equal((told[0] as Error).message, "mine");
});

test("handlers that are no functions, and limits that are no whole numbers, are refused", async () => {
  const bad = { data: 42 } as unknown as Handlers;
  for (
    const [handlers, options] of [
      [bad, {}],
      [{}, { maxConnections: 1.5 }],
      [{}, { maxWaiting: 0.5 }],
    ] as const
  ) {
    await assert.rejects(
      serve("tcp://:0", handlers, options),
      (error) => error instanceof SockeyeError && error.code === "EINVAL",
    );
  }
});

test("select takes sets, and says so", async () => {
  const read = [] as unknown as Set<never>;
  await assert.rejects(
    select({ read }, 0),
    (error) => error instanceof SockeyeError && error.code === "EINVAL",
  );
});
