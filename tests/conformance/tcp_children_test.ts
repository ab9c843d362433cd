/** The cases of the conformance suite about processes and threads, over TCP. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("tcp"), "children")) {
  test(name, options, run);
}
