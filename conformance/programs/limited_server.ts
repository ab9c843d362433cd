/**
 * An echo server that has few descriptors: told how many it is to hold open, of
 * those that it was started with.
 *
 * It cannot be started with so few, since Node opens the modules of a package
 * nearly all at once. Prints its address, then answers each line of its input with its counts.
 */
import { openSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { subjectOf } from "./_subject.ts";

const [module = "", transport = "", at = "", held = "0"] = process.argv.slice(
  2,
);
const subject = await subjectOf(module, transport);
const counts = { opened: 0, answered: 0, broken: 0 };

const server = await subject.serve<{ answered: boolean }>(at, {
  open() {
    counts.opened++;
    return { answered: false };
  },
  data(channel, bytes) {
    if (!channel.context.answered) counts.answered++;
    channel.context.answered = true;
    channel.send(bytes);
  },
  closed(channel, why) {
    if (why.error !== undefined && !channel.context.answered) counts.broken++;
  },
}, { onError: () => {} });

for (let i = 0; i < Number(held); i++) openSync("/dev/null", "r");
const [address] = server.addresses;
process.stdout.write(`${JSON.stringify(address)}\n`);
const input = createInterface({ input: process.stdin });
input.on("line", () => process.stdout.write(`${JSON.stringify(counts)}\n`));
