/**
 * The conformance suite through the relay that threads are served by; but not
 * B9, the descriptor limit, which is met before anything is relayed, nor part F,
 * whose children accept by themselves.
 */
import { test } from "node:test";
import { subject } from "./relayed.ts";
import { suite } from "./suite.ts";

for (const transport of ["tcp", "unix"] as const) {
  for (const { name, options, run } of suite(subject(transport))) {
    if (!/^(B9 |F)/.test(name)) test(`relayed: ${name}`, options, run);
  }
}
