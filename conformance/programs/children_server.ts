/**
 * A server with children, as a process: it can be signalled and killed.
 *
 * Prints its address; and when it has closed, how. Its exit status is 1 if a
 * connection was aborted then.
 */
import process from "node:process";
import { subjectOf } from "./_subject.ts";
import type { ChildrenOptions } from "../../api/children/types.ts";

const [module = "", transport = "", at = "", options = ""] = process.argv
  .slice(2);
const subject = await subjectOf(module, transport);
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const server = await subject.serveModule!(
  at,
  new URL(`./served${extension}`, import.meta.url),
  JSON.parse(options) as ChildrenOptions,
);

const print = (what: unknown): void =>
  void process.stdout.write(`${JSON.stringify(what)}\n`);
const { pid } = process;
print({ address: server.addresses[0], pid });
const { drained, aborted } = await server.closed;
const { started, reaped } = server.stats.children!;
print({ drained, aborted, started, reaped });
if (aborted > 0) process.exitCode = 1;
