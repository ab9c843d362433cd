/** `examples/echo.ts`, by foreign clients. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { nc, needs, socat } from "./peers.ts";
import { onStage, type Server, type Stage } from "./programs.ts";

/** Bytes of all values, other ones for each seed. */
function bytesOf(seed: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 64 < length; i++) {
    blocks.push(createHash("sha512").update(`${seed} ${i}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function serve(stage: Stage): Promise<Server> {
  return stage.serve("echo", "tcp://:0", stage.unix());
}

/** All that came was well, and nothing is left. */
async function endWell(stage: Stage, server: Server): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.errors, "");
  assert.equal(server.lines.at(-1), "closed: 0 drained, 0 aborted");
  assert.deepEqual(stage.files(), []);
}

for (const [name, command] of Object.entries({ nc, socat })) {
  test(
    `echo: 16 clients at once by ${name} get their bytes, and the end after theirs`,
    needs(name as "nc" | "socat"),
    onStage(async (stage) => {
      const server = await serve(stage);
      await Promise.all(Array.from({ length: 16 }, async (_, i) => {
        const sent = bytesOf(`${name} ${i}`, i * 9973);
        const to = command(server.addresses[i % 2]!);
        const got = await stage.through(to, sent);
        assert.ok(got.equals(sent), `client ${i}: ${got.length} bytes`);
      }));
      await endWell(stage, server);
    }),
  );
}

test(
  "echo: a MiB from Python comes back, over both transports at once",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    await Promise.all(server.addresses.map(async (address) => {
      const python = stage.python(
        `
sent = random.Random(7).randbytes(1 << 20)
say("exact", talk(connect(sys.argv[1]), sent) == sent)`,
        address,
      );
      assert.equal(await python.said("exact"), "exact True");
      assert.equal(await python.ended(), 0, python.errors);
    }));
    await endWell(stage, server);
  }),
);

test(
  "echo: a client that writes and does not read is held back, and loses nothing",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `
s = connect(sys.argv[1])
s.setblocking(False)
sent = random.Random(7).randbytes(32 << 20)
at = 0
while at < len(sent) and select.select([], [s], [], 0.3)[1]:
    at += s.send(sent[at:at + 65536])
say("held back", at < len(sent))
s.settimeout(20)
say("exact", exactly(s, at) == sent[:at])
s.shutdown(socket.SHUT_WR)
say("then", rest(s))`,
      server.addresses[1]!,
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, [
      "held back True",
      "exact True",
      "then b''",
    ]);
    await endWell(stage, server);
  }),
);

test(
  "echo: clients that reset cost nobody else anything",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `
other = connect(sys.argv[1])
for i in range(100):
    s = connect(sys.argv[1 + i % 2])
    s.sendall(b"x" * i)
    if i % 3 == 0 and i > 0:
        exactly(s, 1)
    reset(s)
say("answer", talk(other, b"still here"))`,
      ...server.addresses,
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, ["answer b'still here'"]);
    await endWell(stage, server);
  }),
);

test(
  "echo: 512 connections at once are byte-exact, over both transports",
  needs("cc"),
  onStage(async (stage) => {
    // Built tests lie one directory deeper.
    const above = import.meta.url.endsWith(".ts") ? "../.." : "../../..";
    const source = new URL(`${above}/bench/load.c`, import.meta.url);
    const load = join(stage.directory, "load");
    const compiled = spawnSync(
      "cc",
      ["-O1", "-o", load, fileURLToPath(source.href)],
      { encoding: "utf8" },
    );
    assert.equal(compiled.status, 0, compiled.stderr);
    const server = await serve(stage);
    for (const address of server.addresses) {
      const options = ["--exact", "--connections", "512", "--kib", "8"];
      const run = stage.start([load, address, ...options, "--timeout", "15"]);
      assert.equal(await run.ended(), 0, `${run.output}${run.errors}`);
      assert.equal(JSON.parse(run.lines[0]!).exact, 512);
    }
    spawnSync("rm", [load]);
    await endWell(stage, server);
  }),
);
