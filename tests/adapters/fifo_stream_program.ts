/**
 * A program that uses a connection over FIFOs and closes it, and says so; what
 * ends it then is that nothing is left to do. With `idle`, it closes nothing
 * that nobody waits for: a connection whose reading is stopped.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { pairs } from "./fifo_pairs.ts";

const [client, server] = pairs(1)[0]!;
const bytes = new Uint8Array(300_000);
server.handle.startRead();
client.handle.startRead();
await client.send(bytes);
await server.until("all", () => server.receivedLength === bytes.length);
server.handle.stopRead();
// A transmit that waits is given up.
while (client.offer(bytes.subarray(0, 65536)));
if (process.argv[2] === "reader first") await server.end();
await client.end();
await server.end();
assert.ok(client.over && server.over);
console.log("done");
