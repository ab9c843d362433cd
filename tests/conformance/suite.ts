/** How the cases become tests: one flat test for each. */
import assert from "node:assert/strict";
import { conformanceCases, type Subject } from "../../conformance/mod.ts";
import { needs } from "../examples/peers.ts";

/** One test, to be registered by the file that is to have it counted. */
export interface SuiteTest {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly options: { skip?: string | false };
  readonly run: () => Promise<void>;
}

/** Every case over one subject. */
export function suite(subject: Subject): SuiteTest[] {
  const { transport } = subject;
  return conformanceCases(transport).map((item) => ({
    name: `${item.id} ${transport} ${item.sentence}`,
    options: item.needsPython ? needs("python3") : {},
    async run() {
      const { verdict, error, notes } = await item.run(subject);
      if (verdict === "pass" || verdict === "gap") return;
      throw error instanceof Error ? error : assert.fail(notes.join("\n"));
    },
  }));
}
