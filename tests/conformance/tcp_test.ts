/** The conformance suite over TCP. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("tcp"), "others")) {
  test(name, options, run);
}
