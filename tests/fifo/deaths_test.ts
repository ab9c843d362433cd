/** Clients and servers that are killed: nothing of them is left after the next sweep or start. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { LEFTOVER_AGE } from "../../core/disk_name.ts";
import { connect, listen } from "../../mod.ts";
import type { Program } from "../../conformance/program.ts";
import {
  codeOf,
  echo,
  inPlace,
  isServed,
  type Place,
  programCommand,
  sleep,
  until,
  withPrograms,
} from "./fixtures.ts";

/** Rounds of the loop; 200 were run by hand. */
const rounds = Number(process.env["FIFO_KILL_ROUNDS"] ?? 20);

test("a client killed between each pair of its steps: nobody else notices, and nothing is left", () =>
  inPlace(({ path, address, names }) =>
    withPrograms(async (start) => {
      const { server } = await echo(address);
      const step = programCommand("step_client");
      const effects: string[] = [];
      for (let at = 0; effects.at(-1) !== "done"; at++) {
        assert.ok(at < 60, effects.join());
        const client = start(...step, path, String(at));
        const [, effect = ""] = (await client.line()).split(" ");
        effects.push(effect);
        await client.stop();
        await isServed(address);
      }
      await server.close({ grace: 0 });
      // What was left of them goes with the next start.
      const next = await listen(address);
      assert.deepEqual(names(), ["app"]);
      await next.close();
      for (
        const effect of ["makeFifos", "open", "write", "receive", "unlink"]
      ) {
        assert.ok(effects.includes(effect), effects.join());
      }
    })
  ));

test("a pair left by a process that lives goes after one period, and not before", () =>
  inPlace(async ({ path, address, names }) => {
    const base = `${path}.${process.pid}.${"a".repeat(32)}`;
    execFileSync("mkfifo", ["-m", "600", `${base}.c2s`, `${base}.s2c`]);
    const made = performance.now();
    const listener = await listen(address, { handshakeTimeout: 1500 });
    assert.equal(names().length, 3);
    await until(() => names().length === 1, "the sweep");
    assert.ok(performance.now() - made >= 1500);
    await listener.close();
  }));

test("a server killed while clients wait: each is told, the next server serves", () =>
  inPlace(({ address, names }) =>
    withPrograms(async (start) => {
      const server = start(...programCommand("server"), address);
      assert.equal(await server.line(), "up");
      const standing = await connect(address);
      process.kill(server.pid, "SIGSTOP");
      const waiting = Array.from(
        { length: 5 },
        () => codeOf(connect(address)),
      );
      await until(() => names().length === 11, "the pairs");
      await server.stop();
      for (const code of waiting) assert.equal(await code, "ECONNREFUSED");
      assert.equal(await standing.read(), null);
      standing.abort();
      assert.deepEqual(names(), ["app"]);
      const next = await echo(address);
      await isServed(address);
      await next.server.close();
    })
  ));

test("kill -9 of servers and clients at random moments: nothing is left after the next start", () =>
  inPlace((place) =>
    withPrograms(async (start) => {
      for (let round = 0; round < rounds; round++) {
        const server = start(...programCommand("server"), place.address);
        const client = start(...programCommand("busy_client"), place.address);
        await killAtRandom(server, client, round);
        await nextStart(place);
      }
      // A start that was killed half-way may be as slow as that.
      await sleep(LEFTOVER_AGE);
      await nextStart(place);
      assert.deepEqual(place.names(), []);
    })
  ));

/** Every other time the server is killed in its start. */
async function killAtRandom(
  server: Program,
  client: Program,
  round: number,
): Promise<void> {
  if (round % 2 === 0) {
    await server.line();
    await client.line();
  }
  await sleep(Math.random() * 100);
  const first = round % 4 < 2 ? [server, client] : [client, server];
  for (const program of first) await program.stop();
}

async function nextStart({ address, names }: Place): Promise<void> {
  const listener = await listen(address, { handshakeTimeout: 1000 });
  // Its mkfifo may outlive a client that was killed.
  const left = () => names().filter((name) => name.startsWith("app."));
  await until(() => left().length === 0, `a sweep of ${left()}`);
  await listener.close();
}
