/**
 * An echo server that is started with few descriptors to have.
 *
 * Prints its address, then answers each line of its input with its counts.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { subjectOf } from "./_subject.ts";

const [module = "", transport = "", at = ""] = process.argv.slice(2);
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

const [address] = server.addresses;
process.stdout.write(`${JSON.stringify(address)}\n`);
const input = createInterface({ input: process.stdin });
input.on("line", () => process.stdout.write(`${JSON.stringify(counts)}\n`));
