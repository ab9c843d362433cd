/** What a child loads before it is told what to serve with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath, URL } from "node:url";
import {
  childEntry,
  startedFrom,
  threadEntry,
} from "../../adapters/_shared/children/entry.ts";
import { everything } from "../../adapters/_shared/grants.ts";
import type { Capability } from "../../mod.ts";

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

test("children: what they run must be there, which a bundle does not hold", () => {
  const native: Capability = { support: "native" };
  for (const entry of [childEntry, threadEntry]) {
    assert.deepEqual(startedFrom(entry, everything, native), native);
  }
  const bundled = new URL("file:///bundled/entry.js");
  const { support, reason } = startedFrom(bundled, everything, native);
  assert.equal(support, "none");
  assert.match(reason!, /\/bundled\/entry\.js, is not there: leave/);
  // Whoever may not look cannot know.
  const blind = { mayRead: () => false };
  assert.deepEqual(startedFrom(bundled, blind, native), native);
  // Deno loads from the network what it runs.
  const remote = new URL("https://jsr.example/entries/child.ts");
  assert.deepEqual(startedFrom(remote, everything, native), native);
});
