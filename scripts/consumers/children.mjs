// A server whose handlers run in children of it: the children find the package
// where this program found it. Prints a line of JSON for each check.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { connect, isMain, serve, serveExec, SockeyeError } from "@sockeye/net";
import { check } from "./check.mjs";

/** What the children serve with. */
export default {
  data(channel, bytes) {
    channel.send(new TextEncoder().encode(`${here()}\n`));
    channel.send(bytes);
  },
  end: (channel) => channel.end(),
};

if (isMain(import.meta)) {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  const at = ["tcp://:0", `unix:${directory}/echo`];
  for (const strategy of ["process", "prefork", "workers"]) {
    await check(`strategy "${strategy}" serves from children`, async () => {
      const module = new URL(import.meta.url);
      const server = await serve(at, module, { strategy, signals: false });
      const answers = await Promise.all(server.addresses.map(ask));
      for (const [where, text] of answers) {
        assert.equal(text, "hello");
        assert.notEqual(where, here());
      }
      // Children tell of it when they can.
      while (server.stats.accepted < at.length) await setTimeout(5);
      assert.equal(server.stats.failed, 0);
      await server.close({ grace: 5000 });
    });
  }
  await check("a program serves", async () => {
    const server = await serveExec(at, ["cat"], { signals: false });
    const answers = await Promise.all(server.addresses.map(ask));
    assert.deepEqual(answers, [["hello"], ["hello"]]);
    await server.close({ grace: 5000 });
  });
  for (const program of ["child", "thread"]) {
    await check(`what a ${program} runs is no library`, async () => {
      const error = await import(`@sockeye/net/${program}`)
        .catch((error) => error);
      assert.ok(error instanceof SockeyeError);
      assert.match(error.message, /^Cannot serve as a \w+: no server/);
    });
  }
  await check("no child leaves anything", () => {
    assert.deepEqual(readdirSync(directory), []);
    rmSync(directory, { recursive: true });
  });
}

/** This process and thread. */
function here() {
  return `${process.pid}${isMainThread ? "" : ", in a thread"}`;
}

/** The lines of an answer. */
async function ask(address) {
  const client = await connect(address);
  await client.write(new TextEncoder().encode("hello"));
  await client.closeWrite();
  const bytes = [];
  for await (const chunk of client) bytes.push(...chunk);
  await client.close();
  return new TextDecoder().decode(Uint8Array.from(bytes)).split("\n");
}
