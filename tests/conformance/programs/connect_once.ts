/** Connects once and says how that went. */
import process from "node:process";
import { subjectNamed } from "../subjects.ts";

const [name = "", transport = "", to = ""] = process.argv.slice(2);
const subject = await subjectNamed(name, transport);
let word = "connected";
try {
  const connection = await subject.connect(to);
  connection.abort();
} catch (error) {
  word = String((error as { code?: unknown }).code);
}
process.stdout.write(`${word}\n`);
