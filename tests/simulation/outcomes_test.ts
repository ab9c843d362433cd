/** The table of docs/outcomes.md, row by row. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Pair, simulate, type World } from "./world.ts";

/** What happens to `server`, whose outcomes are looked at. */
type Scenario = (pair: Pair, world: World) => Promise<void> | void;

const stuck = (pair: Pair): void => {
  pair.server.write(new Uint8Array(100_000)).catch(() => {});
};

const scenarios: Record<string, Scenario> = {
  "we closed": ({ client, server }) => {
    void server.close();
    void client.closeWrite();
  },
  "the peer ended, then we closed": async ({ client, server }, { advance }) => {
    await client.closeWrite();
    await advance(100);
    void server.close();
  },
  "both ended (`closeWrite`), nobody closed": async (
    { client, server },
    { advance },
  ) => {
    await client.closeWrite();
    await server.closeWrite();
    await advance(100);
  },
  "the peer reset": ({ client }) => client.abort(),
  "the peer ended, then reset": async ({ client }, { advance }) => {
    await client.closeWrite();
    await advance(100);
    client.abort();
  },
  "we aborted": ({ server }) => server.abort(),
  "we closed, and the peer reset before all went": async (pair, world) => {
    stuck(pair);
    void pair.server.close();
    await world.advance(100);
    pair.client.abort();
  },
  "we closed, and the peer took nothing in time": (pair) => {
    stuck(pair);
    void pair.server.close();
  },
  "more than `maxQueued` was sent": ({ server }) => {
    server.send(new Uint8Array(200_000));
  },
};

const table = new URL(
  import.meta.url.endsWith(".ts")
    ? "../../docs/outcomes.md"
    : "../../../docs/outcomes.md", // built
  import.meta.url,
);
/** What happened, how, read, write. */
const rows = readFileSync(fileURLToPath(table.href), "utf8").split("\n").filter(
  (line) => line.startsWith("| "),
).slice(2)
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));

/** Those that need a server's handlers are tested beside them, in server_test.ts and handlers_test.ts. */
const elsewhere = [
  "a handler threw",
  "the server closed, and its grace was over",
];

for (const [what = "", how, read, write] of rows) {
  if (elsewhere.includes(what)) continue;
  test(`outcomes: ${what}`, async () => {
    const limits = { maxQueued: 150_000, flushTimeout: 1000 };
    await simulate({ latency: 5, window: 9000 }, async (world) => {
      const pair = await world.pair({
        server: limits,
        // A peer that reads nothing: only its window fills.
        client: { readHighWater: 1 },
      });
      const { client, server } = pair;
      await scenarios[what]!(pair, world);
      await world.advance(5000);
      const told = (outcome: { how: unknown; value?: unknown }): string =>
        outcome.how === "ok" ? `\`${outcome.value}\`` : `\`${outcome.how}\``;
      assert.equal(told(await world.outcome(server.read())), read);
      const late = server.write(new Uint8Array(1));
      assert.equal(told(await world.outcome(late)), write);
      if (how === "–") void server.close();
      const { how: closed } = await server.closed;
      assert.equal(`\`${closed}\``, how === "–" ? "`end`" : how);
      client.abort();
      await client.closed;
    });
  });
}

test("outcomes: every row has its scenario", () => {
  const tested = rows.map(([what]) => what!).sort();
  assert.deepEqual(
    tested,
    [...Object.keys(scenarios), ...elsewhere].sort(),
  );
});
