/** `examples/exec.ts`, by foreign clients, watched from outside. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
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
import { nc, needs, socat } from "./peers.ts";
import { onStage, type Server, type Stage } from "./programs.ts";

async function serve(
  stage: Stage,
  address: string,
  ...command: string[]
): Promise<Server> {
  const server = await stage.serve("exec", address, "--", ...command);
  await server.said("parent ");
  return server;
}

for (const [tool, through] of [["nc", nc], ["socat", socat]] as const) {
  test(
    `exec: ${tool} gets its bytes from cat, and the end behind them`,
    needs(tool),
    onStage(async (stage) => {
      const sent = randomBytes(1_000_000);
      for (const address of ["tcp://:0", stage.unix()]) {
        const server = await serve(stage, address, "cat");
        const [at = ""] = server.addresses;
        for (const bytes of [sent, randomBytes(1), ""]) {
          const received = await stage.through(through(at), bytes);
          assert.ok(received.toString("latin1") === bytes.toString("latin1"));
        }
        server.signal("SIGTERM");
        assert.equal(await server.ended(), 0, server.errors);
        assert.equal(server.errors, "");
        assert.equal(server.lines.at(-2), "programs: 3 run, 0 failed");
        // It may not have heard yet that the last program has ended.
        assert.match(server.lines.at(-1)!, /^closed: [01] drained, 0 aborted$/);
      }
      assert.deepEqual(stage.files(), []);
    }),
  );
}

test(
  "exec: a shell script answers what it is told of its client",
  needs("nc"),
  onStage(async (stage) => {
    const script = 'read -r line; echo "$PROTO $TCPREMOTEIP: $line"';
    const server = await serve(stage, "tcp://:0", "sh", "-c", script);
    const said = await stage.through(nc(server.addresses[0]!), "hello\n");
    assert.equal(said.toString(), "TCP 127.0.0.1: hello\n");
  }),
);

test(
  "exec: many clients get their answers; no zombie lasts, and no program is left",
  linux,
  onStage(async (stage) => {
    const server = await serve(stage, "tcp://:0", "cat");
    const parent = idOf(server);
    const longestZombie = watchZombies(parent);
    let longest = Infinity;
    const talker = `
right = 0
for i in range(50):
    sent = random.Random(i).randbytes(1 + i * 3700 % 50000)
    right += talk(connect(sys.argv[1]), sent) == sent
say("right", right)`;
    try {
      const talkers = Array.from(
        { length: 4 },
        () => stage.python(talker, server.addresses[0]!),
      );
      for (const each of talkers) {
        assert.equal(await each.said("right"), "right 50");
      }
    } finally {
      longest = longestZombie();
    }
    // The promise is 100 ms; a busy machine may look late.
    assert.ok(longest < 1000, `a zombie for ${longest} ms`);
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.errors, "");
    assert.equal(server.lines.at(-2), "programs: 200 run, 0 failed");
  }),
);

test(
  "exec: a client that is reset, or resets, leaves the others alone",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage, "tcp://:0", "cat");
    const client = stage.python(
      `
held = connect(sys.argv[1])
held.sendall(b"a")
exactly(held, 1)
for i in range(20):
    s = connect(sys.argv[1])
    s.sendall(b"x" * 100000)
    if i % 2: exactly(s, 1)
    reset(s)
held.sendall(b"still here")
held.shutdown(socket.SHUT_WR)
say("then", rest(held).decode())`,
      server.addresses[0]!,
    );
    assert.equal(await client.said("then"), "then still here");
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
    assert.match(server.lines.at(-2)!, /^programs: \d+ run, \d+ failed$/);
  }),
);

test(
  "exec: SIGTERM lets a program finish, a second signal aborts",
  needs("python3"),
  onStage(async (stage) => {
    for (const second of [false, true]) {
      const server = await serve(stage, stage.unix(), "cat");
      const client = stage.python(finisher, server.addresses[0]!);
      await client.said("first");
      server.signal("SIGTERM");
      const path = server.addresses[0]!.split("/").at(-1)!;
      await until("it stops listening", () => !stage.files().includes(path));
      if (second) {
        server.signal("SIGINT");
        assert.equal(await server.ended(), 0, server.errors);
      }
      client.write("go on\n");
      await client.ended();
      assert.equal(client.lines.includes("then two"), !second);
      assert.equal(await server.ended(), 0, server.errors);
      const how = second ? "0 drained, 1 aborted" : "1 drained, 0 aborted";
      assert.equal(server.lines.at(-1), `closed: ${how}`);
    }
  }),
);

test(
  "exec: no program outlives a server that is killed",
  linux,
  onStage(async (stage) => {
    // One that waits for its client, and one that waits for nobody.
    for (const command of [["cat"], ["sh", "-c", "while :; do :; done"]]) {
      const server = await serve(stage, "tcp://:0", ...command);
      const client = stage.python(
        `
s = connect(sys.argv[1])
say("connected")
say("then", rest(s))`,
        server.addresses[0]!,
      );
      await client.said("connected");
      const parent = idOf(server);
      const all = (): number[] => childrenOf(parent).map(({ pid }) => pid);
      // At once: it may not be itself yet, but what is to become it.
      await until("it starts", () => all().length > 0);
      const programs = all();
      process.kill(parent, "SIGKILL");
      const killed = performance.now();
      await until("they are gone", () => !programs.some(isThere));
      // The promise is 1 s; a busy machine may look late.
      assert.ok(performance.now() - killed < 5000);
      await client.ended();
    }
  }),
);

test(
  "exec: a program that is not there is status 1 and one line",
  onStage(async (stage) => {
    const example = stage.example("exec", "tcp://:0", "--", "/no/such", "-x");
    assert.equal(await example.ended(), 1);
    assert.match(
      example.errors,
      /^ENOENT: Cannot serve by \/no\/such: .*the program \/no\/such\)\n$/,
    );
  }),
);
