/**
 * The conformance suite through the relay that threads are served by; but part F,
 * whose children accept by themselves.
 */
import { test } from "node:test";
import { subject } from "./relayed.ts";
import { suite } from "./suite.ts";

for (const transport of ["tcp", "unix"] as const) {
  for (const { name, options, run } of suite(subject(transport))) {
    if (!name.startsWith("F")) test(`relayed: ${name}`, options, run);
  }
}
