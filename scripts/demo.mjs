// `npm run demo`: the demonstration on Deno, Bun and Node in turn, the clients
// on another runtime than the server, from the built files.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import process from "node:process";
import { badEnd, run } from "./processes.mjs";

const bin = (/** @type {string} */ name) => resolve("node_modules/.bin", name);

/** Deno's own binary: the one in .bin is a Node program that passes no signal on. */
function findDeno() {
  for (const libc of ["glibc", "musl"]) {
    try {
      const name = `@deno/${process.platform}-${process.arch}-${libc}/deno`;
      return createRequire(import.meta.url).resolve(name);
    } catch {
      // Of another libc, or another platform.
    }
  }
  return bin("deno");
}

/** @type {Record<string, string[]>} */
const commands = {
  Deno: [findDeno(), "run", "--allow-all", "--quiet"],
  Bun: [bin("bun")],
  Node: [process.execPath],
};

const built = await run(process.execPath, ["scripts/build.mjs"]);
let failed = badEnd(built, 300) !== undefined;
if (failed) process.stderr.write(built.output);

const all = Object.entries(commands);
for (const [i, [name, command]] of failed ? [] : all.entries()) {
  const [other, clients] = all[(i + 1) % all.length] ?? [name, command];
  console.log(`\nServer on ${name}, clients on ${other}`);
  const outcome = await run(process.execPath, [
    ".build/examples/demo.js",
    "--server",
    JSON.stringify(command),
    "--clients",
    JSON.stringify(clients),
  ], { limit: 60 });
  process.stdout.write(outcome.output);
  if (outcome.code !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;
