/** Sends where there is no way to, and prints the codes of what came of it. */
import process from "node:process";
import { bind } from "../../../mod.ts";

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "none", (error) => error.code);

const socket = await bind("udp://0.0.0.0:0");
const word = new Uint8Array(4);
const codes = {
  send: await codeOf(socket.send(word, "udp://198.51.100.1:9")),
  again: await codeOf(socket.send(word, "udp://198.51.100.1:9")),
  broadcast: await codeOf(socket.send(word, "udp://255.255.255.255:9")),
  receive: await codeOf(socket.receive({ timeout: 10 })),
};
await socket.close();
process.stdout.write(JSON.stringify(codes));
