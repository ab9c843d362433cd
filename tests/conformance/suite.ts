/** How the cases become tests: one flat test for each. */
import assert from "node:assert/strict";
import { conformanceCases, type Subject } from "../../conformance/mod.ts";
import { needs } from "../examples/peers.ts";

/** One test, to be registered by the file that is to have it counted. */
export interface SuiteTest {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly options: { skip?: string | false; timeout?: number };
  readonly run: () => Promise<void>;
}

/** The cases about processes and threads, which take long, or the others. */
export type Part = "children" | "others";

/** Every case over one subject, or those of one part. */
export function suite(subject: Subject, part?: Part): SuiteTest[] {
  const { transport } = subject;
  const cases = conformanceCases(transport).filter(({ id }) =>
    part === undefined || (part === "children") === id.startsWith("F")
  );
  return cases.map((item) => ({
    name: `${item.id} ${transport} ${item.sentence}`,
    options: {
      ...(item.needsPython && needs("python3")),
      // Each has a limit of its own; Bun's is shorter than some.
      timeout: 200_000,
    },
    async run() {
      const { verdict, error, notes } = await item.run(subject);
      if (verdict === "pass" || verdict === "gap") return;
      throw error instanceof Error ? error : assert.fail(notes.join("\n"));
    },
  }));
}
