/** Clients that break their connections, and a parent that is busy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerStats } from "../../../mod.ts";
import { onStage } from "../../examples/programs.ts";
import { forking, strategies, until } from "../fixtures.ts";
import {
  assertReaped,
  linux,
  loadWith,
  seenBy,
  startServer,
  statsOf,
  told,
  watch,
} from "./stage.ts";

/** Has itself sent bytes without end, and breaks off in the middle; by an end of its own, or a reset. */
const breaker = `
for i in range(int(sys.argv[1])):
    s = connect(sys.argv[2 + i % 2])
    s.sendall(b"flood\\n")
    exactly(s, 100000)
    if i % 4 < 2: reset(s)
    else: s.close()
say("broke", sys.argv[1])
`;

for (const strategy of strategies) {
  test(
    `${strategy}: a broken connection is counted, and kills nobody`,
    { ...linux, timeout: 120_000 },
    onStage(async (stage) => {
      const server = await startServer(stage, { strategy });
      const breakers = Array.from(
        { length: 2 },
        () => stage.python(breaker, "8", ...server.addresses),
      );
      for (const each of breakers) await each.said("broke");
      await until(
        "all are counted",
        async () => (await statsOf(server)).failed >= 16,
      );
      const { right, wrong } = await loadWith(stage, server, 8, 0);
      assert.deepEqual([right, wrong], [8, []]);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      const { accepted, failed, children } = told<ServerStats>(server, "stats");
      assert.deepEqual([accepted, failed], [24, 16]);
      assert.deepEqual([children!.failed, children!.lost], [0, 0]);
      // What a peer does is no error of the handler's.
      assert.equal(server.errors, "");
    }),
  );
}

for (const strategy of forking) {
  test(
    `${strategy}: children are reaped while the parent is busy`,
    { ...linux, timeout: 120_000 },
    onStage(async (stage) => {
      const server = await startServer(stage, { strategy });
      const watching = await watch(stage, server);
      server.write("busy 10\n");
      const load = await loadWith(stage, server, 40, 8);
      assert.deepEqual(load.wrong, []);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      const watched = await seenBy(watching);
      assert.ok(watched.seen > 2, `${watched.seen} seen`);
      assertReaped(watched);
    }),
  );
}
