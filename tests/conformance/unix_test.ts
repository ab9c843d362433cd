/** The conformance suite over Unix sockets. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("unix"), "others")) {
  test(name, options, run);
}
