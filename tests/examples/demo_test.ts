/** `examples/demo.ts`: all by itself, and nothing left. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exampleCommand, onStage } from "./programs.ts";

const examples = fileURLToPath(
  new URL("../../examples/", import.meta.url).href,
);

test(
  "demo: every client is answered, nobody waits for the sleepers, no file is left",
  onStage(async (stage) => {
    const before = readdirSync(examples).toSorted();
    const demo = stage.start(exampleCommand("demo"), {
      TMPDIR: stage.directory,
    });
    assert.equal(await demo.ended(), 0, demo.errors);
    assert.equal(demo.errors, "");
    const { lines } = demo;
    const counts = "6 connections, 20 bytes, 0 errors";
    assert.equal(
      lines.at(-1),
      `summary: ${counts}, 4 clients answered in full, files left: 0`,
    );
    const indexes = (part: string): number[] =>
      lines.flatMap((line, i) => line.includes(part) ? [i] : []);
    for (const who of ["unix client 1", "unix client 2"]) {
      assert.equal(indexes(`${who}   got *****`).length, 1, who);
    }
    for (const who of ["tcp client 1", "tcp client 2"]) {
      assert.equal(indexes(`${who}    got *****`).length, 1, who);
    }
    assert.equal(indexes(" connected over unix").length, 3);
    assert.equal(indexes(" connected over tcp").length, 3);
    assert.equal(indexes(" has ended").length, 6);
    const [woken] = indexes("sleeper").filter((i) =>
      lines[i]!.includes("slept")
    );
    assert.ok(Math.max(...indexes("got *****")) < woken!);
    assert.deepEqual(stage.files(), []);
    assert.deepEqual(readdirSync(examples).toSorted(), before);
  }),
);

test(
  "demo: a signal ends it all, and no file is left",
  onStage(async (stage) => {
    const demo = stage.start(exampleCommand("demo"), {
      TMPDIR: stage.directory,
    });
    await demo.said("sleeping");
    demo.signal("SIGTERM");
    assert.equal(await demo.ended(), 1, demo.errors);
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "demo: a runtime that does not start is told, and no file is left",
  onStage(async (stage) => {
    const missing = JSON.stringify(["/nowhere/runtime"]);
    await Promise.all(["--server", "--clients"].map(async (option) => {
      const demo = stage.start(
        [...exampleCommand("demo"), option, missing],
        { TMPDIR: stage.directory },
      );
      assert.equal(await demo.ended(), 1, demo.errors);
      assert.match(demo.errors, /ENOENT/);
      assert.match(demo.errors, / ended with status null\n$/);
      assert.ok(!demo.errors.includes("    at "), demo.errors);
    }));
    assert.deepEqual(stage.files(), []);
  }),
);
