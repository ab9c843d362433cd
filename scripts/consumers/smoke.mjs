// What a program does with the package once it has it, by its public names
// only:
//
//   smoke.mjs RUNTIME SUBPATHS WHERE
//
// RUNTIME is `node`, `deno` or `bun`; SUBPATHS a JSON list, `[".", "./core"]`;
// WHERE is part of the URL that the package is to come from. Prints a line of
// JSON for each check.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as sockeye from "@sockeye/net";
import { ConnectionMachine, SockeyeError } from "@sockeye/net/core";
import { createSimulation } from "@sockeye/net/memory";
import { poll, POLLIN, POLLOUT } from "@sockeye/net/posix";
import { check } from "./check.mjs";

const { connect, listen } = sockeye;
const [runtime = "", subpaths = "[]", where = ""] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "sockeye-"));

await check("the package comes from where it should", () => {
  const url = import.meta.resolve("@sockeye/net");
  assert.ok(url.includes(where), `${url} is not in ${where}`);
});

for (const subpath of JSON.parse(subpaths)) {
  await check(`${subpath} is imported and exports something`, async () => {
    const names = Object.keys(await import(`@sockeye/net${subpath.slice(1)}`));
    assert.ok(names.length > 0, "no names");
  });
}

await check("the runtime is known", async () => {
  assert.equal((await sockeye.capabilities()).runtime, runtime);
});

await check(`./${runtime} has the verbs`, async () => {
  const { connect, serve } = await import(`@sockeye/net/${runtime}`);
  await echo({ connect, serve }, "tcp://:0");
});

for (const at of ["tcp://:0", `unix:${directory}/echo`, "mem:echo"]) {
  await check(`an echo over ${at.split(":")[0]}`, () => echo(sockeye, at));
}

await check("connections are pulled, ended and closed", async () => {
  const listener = await listen("tcp://:0");
  const client = await connect(listener.address);
  const server = await listener.accept();
  await client.write(bytesOf("ping"));
  await client.closeWrite();
  const chunks = [];
  for await (const bytes of server) chunks.push(...bytes);
  assert.deepEqual(chunks, [...bytesOf("ping")]);
  await server.close();
  assert.equal((await client.close()).error, undefined);
  await listener.close();
});

await check("poll says what is ready", async () => {
  const listener = await listen("tcp://:0");
  const client = await connect(listener.address);
  const fds = [
    { fd: listener, events: POLLIN, revents: 0 },
    { fd: client, events: POLLIN | POLLOUT, revents: 0 },
  ];
  while (fds[0].revents !== POLLIN) assert.ok(await poll(fds, 10_000) > 0);
  assert.equal(fds[1].revents, POLLOUT);
  client.abort();
  await listener.close();
});

await check("an hour is simulated in a moment", async () => {
  const { run, serve, connect, clock } = createSimulation({ seed: 1 });
  const code = await run(async () => {
    const server = await serve("mem:quiet", {});
    const client = await connect("mem:quiet");
    const { code } = await client.read({ timeout: 3_600_000 })
      .catch((error) => error);
    client.abort();
    await server.close();
    return code;
  });
  assert.equal(code, "ETIMEDOUT");
  assert.ok(clock.now() >= 3_600_000);
});

await check("a refused connect has a code, and one class for all", async () => {
  const listener = await listen("tcp://:0");
  await listener.close();
  const error = await connect(listener.address).catch((error) => error);
  assert.equal(error.code, "ECONNREFUSED");
  assert.ok(error instanceof SockeyeError);
  assert.ok(error instanceof sockeye.SockeyeError);
});

await check("the core stands by itself", () => {
  assert.equal(typeof ConnectionMachine, "function");
  assert.throws(() => sockeye.parseAddress("tcp//nowhere"), {
    code: "ERR_SOCKEYE_ADDRESS",
  });
});

await check("nothing is left behind", () => {
  assert.deepEqual(readdirSync(directory), []);
  rmSync(directory, { recursive: true });
});

/** A server and a client that sends more than fits at once. */
async function echo({ connect, serve }, at) {
  const server = await serve(at, {
    data: (channel, bytes) => void channel.send(bytes),
    end: (channel) => channel.end(),
  });
  const client = await connect(server.addresses[0]);
  const sent = new Uint8Array(300_000).map((_, index) => index * 31);
  const sending = client.write(sent).then(() => client.closeWrite());
  let at0 = 0;
  for await (const bytes of client) {
    for (const byte of bytes) assert.equal(byte, sent[at0++]);
  }
  await sending;
  assert.equal(at0, sent.length);
  await client.close();
  await server.close({ grace: 1000 });
}

function bytesOf(text) {
  return new TextEncoder().encode(text);
}
