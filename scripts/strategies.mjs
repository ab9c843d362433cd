// Writes the table of docs/strategies.md and docs/strategies.svg from
// docs/strategies.json; with --check it only says whether they are as that has
// it. `npm run bench -- strategies --write` measures, and writes all three.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { made, write } from "../bench/strategies_docs.mjs";

if (process.argv[2] !== "--check") write();
for (const [file, text] of Object.entries(made())) {
  if (readFileSync(file, "utf8") === text) continue;
  console.log(`${relative(".", file)} is not what docs/strategies.json says`);
  process.exitCode = 1;
}
