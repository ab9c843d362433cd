/** `examples/shared_counter.ts`: what threads share, and processes do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { onStage } from "./programs.ts";

test(
  "shared_counter: threads with a mutex lose nothing, processes have a copy each",
  onStage(async (stage) => {
    const args = ["--workers", "3", "--times", "50000"];
    const program = stage.example("shared_counter", ...args);
    assert.equal(await program.ended(), 0, program.errors);
    const [locked, atomic, lossy, processes] = program.lines;
    assert.equal(locked, "threads, mutex: 150000 of 150000");
    assert.equal(atomic, "threads, Atomics.add: 150000 of 150000");
    // How many are lost is chance (at worst all but two); none is made up.
    const count = Number(/nothing: (\d+) of/.exec(lossy!)?.[1]);
    assert.ok(count >= 2 && count <= 150_000, lossy);
    assert.equal(
      processes,
      "processes: 50000 50000 50000, the parent's is 0",
    );
  }),
);

test(
  "shared_counter: wrong usage",
  onStage(async (stage) => {
    for (const args of [["--workers", "x"], ["--times", "0"], ["--nothing"]]) {
      const program = stage.example("shared_counter", ...args);
      assert.equal(await program.ended(), 2);
      assert.notEqual(program.errors, "");
    }
  }),
);
