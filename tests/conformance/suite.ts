/** All cases, and how they become tests: one flat test for each. */
import assert from "node:assert/strict";
import { needs } from "../examples/peers.ts";
import { casesOver } from "./cases/all.ts";
import { runCase } from "./harness.ts";
import type { Case, Subject } from "./harness.ts";

/** One test, to be registered by the file that is to have it counted. */
export interface SuiteTest {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly options: { skip?: string | false };
  readonly run: () => Promise<void>;
}

/** Every case over one subject. */
export function suite(subject: Subject): SuiteTest[] {
  // Over FIFOs every foreign peer is one.
  const foreign = (item: Case) =>
    subject.transport === "fifo" ||
    (item.needsPython === true && subject.transport !== "mem");
  return casesOver(subject.transport).map((item) => ({
    name: `${item.id} ${subject.transport} ${item.title}`,
    options: foreign(item) ? needs("python3") : {},
    async run() {
      const { verdict, error, notes } = await runCase(item, subject);
      if (verdict === "pass" || verdict === "gap") return;
      throw error instanceof Error ? error : assert.fail(notes.join("\n"));
    },
  }));
}
