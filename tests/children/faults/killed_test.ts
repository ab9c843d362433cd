/** Children that are killed under load, seen from outside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { onStage } from "../../examples/programs.ts";
import { forking } from "../fixtures.ts";
import {
  assertReaped,
  closedOf,
  linux,
  loadWith,
  seenBy,
  startServer,
  told,
  watch,
} from "./stage.ts";
import type { ServerStats } from "../../../mod.ts";

for (const strategy of forking) {
  test(
    `${strategy}: 200 connections while children are killed: whoever is not harmed is answered`,
    { ...linux, timeout: 200_000 },
    onStage(async (stage) => {
      const server = await startServer(stage, { strategy });
      const watching = await watch(stage, server);
      const load = await loadWith(stage, server, 200, 24);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      const watched = await seenBy(watching);
      const { children } = told<ServerStats>(server, "stats");
      assert.deepEqual(load.wrong, []);
      assert.equal(load.right + load.broken, 200);
      assert.ok(load.killed >= 12, `${load.killed} killed`);
      assert.ok(load.broken <= children!.lost);
      assertReaped(watched);
      assert.equal(children!.started, children!.reaped);
      // Those that were lost before are no part of how it closed.
      assert.equal(closedOf(server).aborted, 0);
      assert.equal(server.errors, "");
      assert.deepEqual(stage.files(), []);
    }),
  );
}
