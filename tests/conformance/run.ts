/**
 * Runs cases over one subject and prints a line of JSON before and after each:
 *
 *     run.ts SUBJECT TRANSPORT [ID…]
 *     run.ts list
 *
 * The caller watches the lines: a case that starts and does not end is one
 * that hung or took the process with it.
 */
import process from "node:process";
import { cases } from "./cases/all.ts";
import { defaultLimit, runCase } from "./harness.ts";
import { subjectNamed } from "./subjects.ts";

const [name = "sockeye", transport = "tcp", ...ids] = process.argv.slice(2);
if (name === "list") {
  for (const { id, title } of cases) print({ id, title });
  process.exit(0);
}
const subject = await subjectNamed(name, transport);

for (const item of cases) {
  if (ids.length > 0 && !ids.includes(item.id)) continue;
  print({ start: item.id, limit: item.limit ?? defaultLimit });
  const began = performance.now();
  const { id, verdict, notes, error } = await runCase(item, subject);
  const ms = Math.round(performance.now() - began);
  const { stack } = (error ?? {}) as { stack?: string };
  print({ id, verdict, ms, notes, ...(stack && { stack }) });
}
// What a control leaves behind must not keep the process from ending.
process.exit(0);

function print(line: object): void {
  process.stdout.write(JSON.stringify(line) + "\n");
}
