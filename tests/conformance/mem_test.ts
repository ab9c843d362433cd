/** The conformance suite in memory. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("mem"))) {
  test(name, options, run);
}
