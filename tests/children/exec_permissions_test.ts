/** Deno's permissions: what `serveExec` needs, and that nobody is ever asked. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { needs } from "../examples/peers.ts";
import { saidWith } from "../on_terminal.ts";

const deno = "deno" in process.versions
  ? needs("python3")
  : { skip: "only Deno has permissions" };

const all = ["--allow-net", "--allow-read", "--allow-env", "--allow-run"];

const cases: Record<string, [flags: string[], options: string, RegExp]> = {
  "no --allow-env": [
    ["--allow-net", "--allow-read", "--allow-run"],
    "{}",
    /^ERR_SOCKEYE_UNSUPPORTED Cannot serve by cat: it takes --allow-env/,
  ],
  "no --allow-run": [
    ["--allow-net", "--allow-read", "--allow-env"],
    "{}",
    /^ERR_SOCKEYE_UNSUPPORTED Cannot serve by cat: it takes --allow-read and/,
  ],
  "no --allow-read": [
    ["--allow-net", "--allow-run", "--allow-env"],
    "{}",
    /^ERR_SOCKEYE_UNSUPPORTED Cannot serve by cat: it takes --allow-read and/,
  ],
  "no --allow-write": [
    all,
    '{ log: "log" }',
    /^EACCES Cannot serve by cat: permission denied \(the log log\)/,
  ],
  "no other directory": [
    ["--allow-net", "--allow-run", "--allow-env", "--allow-read=/bin,/usr"],
    '{ cwd: "/etc" }',
    /^EACCES Cannot serve by cat: permission denied \(the directory \/etc\)/,
  ],
  "all that it takes": [all, "{}", /^hello 1\|$/],
  "the program alone": [
    ["--allow-net", "--allow-read", "--allow-env", "--allow-run=cat"],
    "{}",
    /^hello 1\|$/,
  ],
  "no environment but the one it is given": [
    ["--allow-net", "--allow-read", "--allow-run"],
    '{ env: { PATH: "/usr/bin:/bin" } }',
    /^hello 1\|$/,
  ],
};

for (const [what, [flags, options, expected]] of Object.entries(cases)) {
  test(`exec: with ${what} granted nobody is asked`, deno, async () => {
    const entry = new URL("../../mod.ts", import.meta.url).href;
    // It is left with a program that has to be ended.
    const said = await saidWith(
      flags,
      `import { connect, serveExec } from ${JSON.stringify(entry)};
try {
  const server = await serveExec("tcp://:0", ["cat"], ${options});
  const client = await connect(server.addresses[0]);
  await client.write(new TextEncoder().encode("hello"));
  const said = new TextDecoder().decode(await client.read());
  const { aborted } = await server.close({ grace: 0 });
  console.log(said, aborted);
} catch (error) {
  console.log(error.code, error.message);
}
`,
    );
    assert.match(said, expected);
  });
}
