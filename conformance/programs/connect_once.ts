/** Connects once and says how that went. */
import process from "node:process";
import { subjectOf } from "./_subject.ts";

const [module = "", transport = "", to = ""] = process.argv.slice(2);
const subject = await subjectOf(module, transport);
let word = "connected";
try {
  const connection = await subject.connect(to);
  connection.abort();
} catch (error) {
  word = String((error as { code?: unknown }).code);
}
process.stdout.write(`${word}\n`);
