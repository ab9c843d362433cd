// The same echo server by this library, in the push style with lent bytes.
//
//   <runtime> ours.mjs ADDRESS MODULE     MODULE: mod.ts or the built mod.js
import process from "node:process";
import { pathToFileURL } from "node:url";

const [address = "tcp://127.0.0.1:0", module = "mod.ts"] = process.argv
  .slice(2);
const { serve } = await import(pathToFileURL(module).href);
const handlers = {
  data(channel, bytes) {
    channel.send(bytes);
  },
};
const server = await serve(address, handlers, { borrow: true });
const at = server.addresses[0];
const name = at.transport === "unix" ? address : `tcp://${at.host}:${at.port}`;
console.log(`listening ${name} ${process.pid}`);
