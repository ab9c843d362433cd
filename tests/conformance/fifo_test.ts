/** The conformance suite over FIFOs. */
import { test } from "node:test";
import { sockeye } from "./sockeye.ts";
import { suite } from "./suite.ts";

for (const { name, options, run } of suite(sockeye("fifo"))) {
  test(name, options, run);
}
