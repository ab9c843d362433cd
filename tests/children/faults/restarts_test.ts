/** Members that are replaced under load, by SIGHUP: no client notices. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { ServerStats } from "../../../mod.ts";
import { onStage, type Server } from "../../examples/programs.ts";
import { until } from "../fixtures.ts";
import {
  assertReaped,
  endLoad,
  idOf,
  linux,
  loadOn,
  seenBy,
  startServer,
  statsOf,
  told,
  watch,
} from "./stage.ts";

/** How often; 60 were run by hand. */
const restarts = Number(process.env["RESTARTS"] ?? 10);

/** Has a server replace its members, and waits until it has. */
async function restart(server: Server): Promise<void> {
  const before = (await statsOf(server)).children!.started;
  process.kill(idOf(server), "SIGHUP");
  await until("all are new", async () => {
    const { alive } = (await statsOf(server)).children!;
    const ready = alive.filter(({ state }) => state === "ready");
    return ready.length >= 2 && ready.every(({ id }) => id > before);
  });
}

for (const strategy of ["prefork"] as const) {
  test(
    `${strategy}: ${restarts} restarts by SIGHUP under load, and no connection fails`,
    { ...linux, timeout: 120_000 },
    onStage(async (stage) => {
      const server = await startServer(stage, { strategy, children: 2 });
      const watching = await watch(stage, server);
      const loading = await loadOn(stage, server);
      for (let i = 0; i < restarts; i++) await restart(server);
      // Those that come while one is under way are no reason to lose anything.
      for (let i = 0; i < 20; i++) {
        process.kill(idOf(server), "SIGHUP");
        await new Promise((go) => setTimeout(go, 10));
      }
      await restart(server);
      const load = await endLoad(loading);
      server.signal("SIGTERM");
      const status = await server.ended();
      assert.equal(status, 0, server.errors);
      const { accepted, failed, children } = told<ServerStats>(server, "stats");
      const watched = await seenBy(watching);
      assert.deepEqual(load.wrong, []);
      assert.equal(load.broken, 0);
      assert.ok(load.right > 50, `${load.right} connections`);
      assert.equal(accepted, load.right);
      assert.deepEqual([failed, children!.lost], [0, 0]);
      assert.equal(children!.failed, 0);
      assert.ok(children!.started >= 2 * restarts + 4);
      assertReaped(watched);
    }),
  );
}
