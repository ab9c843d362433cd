/** Listens where it is told to, and says whether it got the name. */
import process from "node:process";
import { createInterface } from "node:readline";
import { subjectOf } from "./_subject.ts";
import type { Listener } from "../../api/types.ts";

const [module = "", transport = ""] = process.argv.slice(2);
const subject = await subjectOf(module, transport);
let listener: Listener | undefined;

const input = createInterface({ input: process.stdin });
input.on("line", async (line) => {
  if (line === "close") {
    await listener?.close();
    listener = undefined;
    return say("closed");
  }
  try {
    listener = await subject.listen(line);
    say("won");
  } catch (error) {
    say(String((error as { code?: unknown }).code));
  }
});
say("ready");

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}
