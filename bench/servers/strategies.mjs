// A server of `answers.mjs` by one of the strategies.
//
//   <runtime> strategies.mjs STRATEGY MODULE   MODULE: mod.ts or the built mod.js
import process from "node:process";
import { pathToFileURL } from "node:url";
import handlers from "./answers.mjs";

const [strategy, module] = process.argv.slice(2);
const { serve } = await import(pathToFileURL(module).href);
const answers = new URL("./answers.mjs", import.meta.url);
const server = strategy === "loop"
  ? await serve("tcp://:0", handlers)
  : await serve("tcp://:0", answers, { strategy });
const [{ host, port }] = server.addresses;
console.log(`listening tcp://${host}:${port} ${process.pid}`);
