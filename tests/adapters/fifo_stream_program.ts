/**
 * A program that uses a connection over FIFOs and closes it, and says so; what
 * ends it then is that nothing is left to do. With `reader first` the side goes
 * first that a transmit waits for.
 */
import assert from "node:assert/strict";
import process from "node:process";
import type { Stream } from "./drive.ts";
import { pairs } from "./fifo_pairs.ts";

const [client, server] = pairs(1)[0]!;
const bytes = new Uint8Array(1_000_000).map((_, at) => at * 31 + (at >> 8));

async function transfer(from: Stream, to: Stream): Promise<void> {
  to.handle.startRead();
  await from.send(bytes);
  await to.until("all", () => to.receivedLength === bytes.length);
  assert.ok(to.received.every((byte, at) => byte === bytes[at]));
}

await Promise.all([transfer(client, server), transfer(server, client)]);
server.handle.stopRead();
while (client.offer(bytes.subarray(0, 65536)));
if (process.argv[2] === "reader first") {
  await server.end();
  await client.event("closed");
  assert.equal(client.error.value?.code, "EPIPE");
}
await client.end();
await server.end();
console.log("done");
