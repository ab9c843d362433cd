/** Deno's permissions: what FIFOs need, and that nobody is ever asked. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { needs } from "../examples/peers.ts";
import { onTerminal } from "../on_terminal.ts";
import { inPlace, withPrograms } from "./fixtures.ts";

const deno = "deno" in process.versions
  ? needs("python3")
  : { skip: "only Deno has permissions" };

const grants: Record<string, [string[], RegExp]> = {
  "nothing": [[], /^EACCES Cannot listen on fifo:.*--allow-run=mkfifo/],
  "no mkfifo": [
    ["--allow-read", "--allow-write"],
    /^EACCES Cannot listen on fifo:.*--allow-run=mkfifo/,
  ],
  "all that it names": [
    ["--allow-read", "--allow-write", "--allow-run=mkfifo"],
    /^hello\|$/,
  ],
};

for (const [what, [flags, expected]] of Object.entries(grants)) {
  test(
    `with ${what} granted nobody is asked`,
    deno,
    () =>
      inPlace(({ directory, address }) =>
        withPrograms(async (start) => {
          const entry = new URL("../../mod.ts", import.meta.url).href;
          const program = join(directory, "program.ts");
          writeFileSync(
            program,
            `import { connect, listen } from ${JSON.stringify(entry)};
try {
  const listener = await listen(${JSON.stringify(address)});
  const accepting = listener.accept();
  const client = await connect(${JSON.stringify(address)});
  await client.write(new TextEncoder().encode("hello"));
  await client.closeWrite();
  const server = await accepting;
  console.log(new TextDecoder().decode((await server.read())!));
  await server.close();
  await client.close();
  await listener.close();
} catch (error) {
  console.log(error.code, error.message);
}
`,
          );
          const run = [process.execPath, "run", "--quiet", "--no-lock"];
          const command = [...run, "--no-check", ...flags, program];
          const said = start(
            "python3",
            "-c",
            onTerminal,
            JSON.stringify(command),
          );
          assert.match(await said.line(30_000), expected);
          rmSync(program);
        })
      ),
  );
}
