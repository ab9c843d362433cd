/** The cases of the conformance suite about processes and threads, over Unix sockets. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("unix"), "children")) {
  test(name, options, run);
}
