/** The ends of servers with children: signals, and a parent that is killed. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { ServerStats } from "../../../mod.ts";
import { onStage, type Program, type Stage } from "../../examples/programs.ts";
import { finishing } from "../../outside.ts";
import { strategies, until } from "../fixtures.ts";
import {
  assertReaped,
  closedOf,
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

/** Says a first line, tells what came back, and goes on when it is told to. */
const speaker = `
s = connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\\n")
say("first", s.recv(100).decode().strip())
${finishing}`;

/** One whose child echoes, or is \`stuck\`. */
async function speak(
  stage: Stage,
  at: string | undefined,
  line = "id",
): Promise<Program> {
  const program = stage.python(speaker, at!, line);
  await program.said("first");
  return program;
}

for (const strategy of strategies) {
  test(
    `${strategy}: no child outlives a parent that is killed under load, busy or not`,
    linux,
    onStage(async (stage) => {
      // Two of them will be stuck.
      const four = strategy === "process" ? {} : { children: 4 };
      const server = await startServer(stage, { strategy, ...four });
      const watching = await watch(stage, server);
      const busy: Program[] = [];
      // One after the other: who is stuck already takes nobody else.
      for (const at of server.addresses) {
        busy.push(await speak(stage, at, "stuck"));
      }
      const loading = await loadOn(stage, server);
      await until(
        "it has served some",
        async () => (await statsOf(server)).accepted > 20,
      );
      process.kill(idOf(server), "SIGKILL");
      await new Promise((go) => setTimeout(go, 1000));
      const { left, seen } = await seenBy(watching);
      assert.deepEqual(left, [], `${left.length} of ${seen} are left`);
      for (const client of busy) client.end("go on\n");
      await endLoad(loading);
    }),
  );

  test(
    `${strategy}: SIGTERM drains, a second one aborts, and the status tells which`,
    linux,
    onStage(async (stage) => {
      for (const second of [false, true]) {
        const server = await startServer(stage, { strategy, grace: 60_000 });
        const watching = await watch(stage, server);
        const client = await speak(stage, server.addresses[1]);
        server.signal("SIGTERM");
        await until("it takes nobody", () => stage.files().length === 0);
        if (second) {
          server.signal("SIGTERM");
          assert.equal(await server.ended(), 1, server.errors);
        }
        client.write("go on\n");
        await client.ended();
        assert.equal(client.lines.includes("then two"), !second);
        assert.equal(await server.ended(), second ? 1 : 0, server.errors);
        const { drained, aborted } = closedOf(server);
        // The client may have finished before its child heard of the end.
        assert.ok(drained <= (second ? 0 : 1));
        assert.equal(aborted, second ? 1 : 0);
        assertReaped(await seenBy(watching));
        assert.equal(server.errors, "");
      }
    }),
  );

  test(
    `${strategy}: a child that is stuck at the end is killed behind the grace, and counted`,
    linux,
    onStage(async (stage) => {
      const server = await startServer(stage, { strategy, grace: 300 });
      const watching = await watch(stage, server);
      const client = await speak(stage, server.addresses[0], "stuck");
      await until("it is the only one", async () => {
        const { alive } = (await statsOf(server)).children!;
        return alive.filter(({ open }) => open > 0).length === 1;
      });
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 1, server.errors);
      const { children } = told<ServerStats>(server, "stats");
      // On a busy machine others may be late as well.
      assert.ok(children!.killed >= 1);
      assert.deepEqual(closedOf(server), { drained: 0, aborted: 1 });
      assertReaped(await seenBy(watching));
      client.end("go on\n");
    }),
  );
}
