/** Entry points of the other runtimes' adapters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SockeyeError } from "../../mod.ts";
import { capabilities } from "../../mod.ts";

const entries = {
  node: () => import("../../entries/node.ts"),
  deno: () => import("../../entries/deno.ts"),
  bun: () => import("../../entries/bun.ts"),
};
type Name = keyof typeof entries;

test("stranger: the adapter of another runtime refuses all but mem:, and says what to import", async () => {
  const { runtime: here } = await capabilities();
  const others = (Object.keys(entries) as Name[]).filter((it) => it !== here);
  assert.equal(others.length, 2);
  for (const name of others) {
    const entry = await entries[name]();
    const { bind, connect, listen, serve, serveExec } = entry;
    const handlers = { data: () => {} };
    const module = new URL("../children/nothing.ts", import.meta.url);
    for (
      const attempt of [
        () => connect("tcp://127.0.0.1:1"),
        () => connect("unix:/nowhere"),
        () => listen("tcp://:0"),
        () => serve("tcp://:0", handlers),
        () => serve("tcp://:0", module, { strategy: "process" }),
        () => serve("tcp://:0", module, { strategy: "workers" }),
        () => serveExec("tcp://:0", ["cat"]),
        () => bind("udp://:0"),
        () => entry.stdin(),
        () => entry.capabilities(),
      ]
    ) {
      await assert.rejects(attempt, (error: SockeyeError) => {
        assert.equal(error.code, "ERR_SOCKEYE_UNSUPPORTED", String(error));
        assert.match(error.message, /does not run on .*import @sockeye\/net/);
        return true;
      });
    }
    const server = await serve(`mem:stranger-${name}`, {
      data: (channel, bytes) => void channel.send(bytes),
    });
    const client = await connect(`mem:stranger-${name}`);
    await client.write(new Uint8Array([7]));
    assert.deepEqual(await client.read(), new Uint8Array([7]));
    await client.close();
    await server.close();
  }
});
