/**
 * Runs cases over one subject; see `runner.ts`:
 *
 *     run.ts SUBJECT TRANSPORT [ID…]
 *     run.ts list
 */
import process from "node:process";
import { cases, casesOver } from "../../conformance/cases/all.ts";
import { runCase } from "../../conformance/harness.ts";
import { listAll, runAll } from "./runner.ts";
import { subjectNamed } from "./subjects.ts";

const [name = "sockeye", transport = "tcp", ...ids] = process.argv.slice(2);
if (name === "list") {
  listAll(cases);
  process.exit(0);
}
const subject = await subjectNamed(name, transport);
const asked = casesOver(subject.transport);
await runAll(asked, ids, (item) => runCase(item, subject));
// What a control leaves behind must not keep the process from ending.
process.exit(0);
