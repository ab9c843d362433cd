/** `examples/echo_process.ts`, `echo_prefork.ts` and `echo_workers.ts`, by foreign clients. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  childrenOf,
  finisher,
  idOf,
  isThere,
  linux,
  until,
  watchZombies,
} from "../outside.ts";
import { needs } from "./peers.ts";
import { onStage, type Program, type Server, type Stage } from "./programs.ts";

const examples = ["echo_process", "echo_prefork", "echo_workers"] as const;
/** Those whose members are there before anybody comes. */
const pools = ["echo_prefork", "echo_workers"] as const;

/** Talks on one address after the other, `count` times; says how many answers were right. */
const talker = `
right = 0
for i in range(int(sys.argv[1])):
    sent = random.Random(i).randbytes(1 + i * 37 % 5000)
    right += talk(connect(sys.argv[2 + i % 2]), sent) == sent
say("right", right)`;

function talk(stage: Stage, server: Server, count: number): Program {
  return stage.python(talker, String(count), ...server.addresses);
}

async function serve(stage: Stage, name: string): Promise<Server> {
  const server = await stage.serve(name, "tcp://:0", stage.unix());
  await server.said("parent ");
  return server;
}

for (const name of examples) {
  test(
    `${name}: many clients get their bytes; no zombie lasts, and no child is left`,
    linux,
    onStage(async (stage) => {
      const server = await serve(stage, name);
      const parent = idOf(server);
      const longestZombie = watchZombies(parent);
      let longest = Infinity;
      try {
        // As many children are started as there are connections.
        const talkers = Array.from({ length: 3 }, () => talk(stage, server, 6));
        for (const each of talkers) {
          assert.equal(await each.said("right"), "right 6");
        }
      } finally {
        longest = longestZombie();
      }
      // The promise is 100 ms; a busy machine may look late.
      assert.ok(longest < 1000, `a zombie for ${longest} ms`);
      const all = childrenOf(parent).map(({ pid }) => pid);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      assert.equal(server.errors, "");
      // A child may not have heard yet that its client has gone.
      assert.match(server.lines.at(-1)!, /^closed: \d+ drained, 0 aborted$/);
      assert.match(
        server.lines.at(-2)!,
        /^children: (\d+) started, \1 reaped, 0 lost$/,
      );
      for (const pid of all) assert.ok(!isThere(pid), `${pid} is left`);
      assert.deepEqual(stage.files(), []);
    }),
  );

  test(
    `${name}: SIGTERM lets a client finish, a second signal aborts`,
    needs("python3"),
    onStage(async (stage) => {
      for (const second of [false, true]) {
        const server = await serve(stage, name);
        const client = stage.python(finisher, server.addresses[0]!);
        await client.said("first");
        server.signal("SIGTERM");
        const path = server.addresses[1]!.split("/").at(-1)!;
        await until("it stops listening", () => !stage.files().includes(path));
        if (second) {
          server.signal("SIGINT");
          assert.equal(await server.ended(), 0, server.errors);
        }
        client.write("go on\n");
        await client.ended();
        assert.equal(client.lines.includes("then two"), !second);
        assert.equal(await server.ended(), 0, server.errors);
        // The client may have finished before its child heard of the end.
        const how = second ? "0 drained, 1 aborted" : "[01] drained, 0 aborted";
        assert.match(server.lines.at(-1)!, new RegExp(`^closed: ${how}$`));
      }
    }),
  );

  test(
    `${name}: no child outlives a parent that is killed`,
    linux,
    onStage(async (stage) => {
      const server = await serve(stage, name);
      const client = stage.python(
        `
s = connect(sys.argv[1])
s.sendall(b"one")
say("first", exactly(s, 3).decode())
say("then", rest(s))`,
        server.addresses[0]!,
      );
      await client.said("first");
      const parent = idOf(server);
      const all = childrenOf(parent).map(({ pid }) => pid);
      if (name !== "echo_workers") assert.ok(all.length > 0);
      process.kill(parent, "SIGKILL");
      const killed = performance.now();
      await until("all are gone", () => !all.some(isThere));
      assert.ok(performance.now() - killed < 5000);
      await client.ended();
    }),
  );
}

for (const name of pools) {
  test(
    `${name}: restarts by SIGHUP and members that are replaced cost no client anything`,
    needs("python3"),
    onStage(async (stage) => {
      const server = await serve(stage, name);
      const parent = idOf(server);
      const talkers = [talk(stage, server, 150), talk(stage, server, 150)];
      const over = Promise.all(talkers.map((each) => each.ended()));
      let done = false;
      over.then(() => done = true);
      while (!done) {
        process.kill(parent, "SIGHUP");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      for (const each of talkers) {
        assert.deepEqual(each.lines, ["right 150"], each.errors);
      }
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      const [, started] = /(\d+) started/.exec(server.lines.at(-2)!)!;
      assert.ok(Number(started) > 4, `${started} started`);
      assert.match(server.lines.at(-2)!, / 0 lost$/);
    }),
  );
}
