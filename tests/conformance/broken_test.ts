/** Adapters that cannot do what they are asked for: each case says so, and the next one runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conformanceCases,
  SockeyeError,
  type Subject,
} from "../../conformance/mod.ts";
import { sockeye } from "./sockeye.ts";

for (const verb of ["connect", "listen"] as const) {
  test(`conformance: a subject whose ${verb} fails is judged case by case`, async () => {
    const broken: Subject = {
      ...sockeye("mem"),
      [verb]: () => Promise.reject(new SockeyeError("EIO", "It is broken")),
    };
    let failed = 0;
    for (const { id, run } of conformanceCases("mem")) {
      const { verdict } = await run(broken);
      assert.notEqual(verdict, "hangs", id);
      if (verdict === "fail") failed++;
    }
    assert.ok(failed > 40, `${failed} failed`);
  });
}
