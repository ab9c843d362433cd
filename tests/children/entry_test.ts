/** What a child loads before it is told what to serve with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath, URL } from "node:url";

/** The modules that this one imports, and they; not those of `import()` and of types. */
function reached(from: URL, found = new Set<string>()): Set<string> {
  if (found.has(from.href)) return found;
  found.add(from.href);
  const text = readFileSync(fileURLToPath(from.href), "utf8");
  const imports = /^(?:import|export)\s(?!type\b)[^;"]*?"(\.[^"]+)";/gm;
  for (const [, to] of text.matchAll(imports)) {
    reached(new URL(to!, from), found);
  }
  return found;
}

test("children: what starts one does without the adapter, and what few of them use", () => {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const entry = new URL(`../../entries/child${extension}`, import.meta.url);
  for (const name of ["node", "deno", "bun"]) {
    const path = `../../adapters/${name}/base${extension}`;
    const base = new URL(path, import.meta.url);
    const all = [...reached(entry), ...reached(base)];
    assert.ok(all.some((each) => each.includes("/api/connection.")));
    const more =
      /adapters\/(memory|\w+\/runtime\.|_shared\/(fifo|identify|threads))/;
    assert.deepEqual(all.filter((each) => more.test(each)), []);
  }
});
