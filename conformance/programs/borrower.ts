/**
 * Keeps what `data` was only lent, and says how many of those bytes still
 * stood a moment later; run with `SOCKEYE_DEBUG` set.
 */
import process from "node:process";
import { bytesOf } from "../harness.ts";
import { subjectOf } from "./_subject.ts";

const [module = "", transport = "", at = ""] = process.argv.slice(2);
const subject = await subjectOf(module, transport);
const sent = bytesOf("borrowed bytes are not yours to keep");
const kept: Uint8Array[] = [];
let length = 0;
let all = () => {};
const arrived = new Promise<void>((resolve) => all = resolve);

const server = await subject.serve(at, {
  data(channel, bytes) {
    kept.push(bytes);
    length += bytes.length;
    if (length >= sent.length) all();
    channel.send(bytes);
  },
}, { borrow: true });
const [address] = server.addresses;
if (address === undefined) throw new Error("The server has no address");
const client = await subject.connect(address);
await client.write(sent);
await arrived;
const echoed = await client.read();

let standing = 0;
let index = 0;
for (const byte of kept.flatMap((chunk) => [...chunk])) {
  if (byte === sent[index++]) standing++;
}
const intact = echoed?.every((byte, place) => byte === sent[place]);
await client.close();
await server.close({ grace: 1000 });
process.stdout.write(
  `${JSON.stringify({ standing, length, intact })}\n`,
);
