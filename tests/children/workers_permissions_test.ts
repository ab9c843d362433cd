/** Deno's permissions: what threads need, and that nobody is ever asked. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { needs } from "../examples/peers.ts";
import { saidWith } from "../on_terminal.ts";

const deno = "deno" in process.versions
  ? needs("python3")
  : { skip: "only Deno has permissions" };

const cases: Record<string, [flags: string[], expected: RegExp]> = {
  "no --allow-read": [
    ["--allow-net"],
    /^none ERR_SOCKEYE_UNSUPPORTED Cannot serve by threads: Deno starts threads with --allow-read only\|$/,
  ],
  "all that it takes": [
    ["--allow-net", "--allow-read"],
    /^emulated hello\|$/,
  ],
};

for (const [what, [flags, expected]] of Object.entries(cases)) {
  test(`workers: with ${what} granted nobody is asked`, deno, async () => {
    const entry = new URL("../../mod.ts", import.meta.url).href;
    const said = await saidWith(
      flags,
      `import { capabilities, connect, isMain, serve } from ${
        JSON.stringify(entry)
      };
export default { data: (channel, bytes) => channel.send(bytes) };
if (isMain(import.meta)) {
  const { support } = (await capabilities()).features.workers;
  const module = new URL(import.meta.url);
  const options = { strategy: "workers", signals: false };
  try {
    const server = await serve("tcp://:0", module, options);
    const client = await connect(server.addresses[0]);
    await client.write(new TextEncoder().encode("hello"));
    console.log(support, new TextDecoder().decode(await client.read()));
    await client.close();
    await server.close();
  } catch (error) {
    console.log(support, error.code, error.message);
  }
}
`,
    );
    assert.match(said, expected);
  });
}
