/**
 * A server with children, as a program of its own: it can be killed, limited
 * and signalled.
 *
 *     server.ts '{"strategy":"prefork"}' ADDRESS…
 *
 * Standard input takes lines: `stats` has the statistics told, `busy 10` keeps
 * the loop busy for 10 ms of each 20, `end` stops hearing. The exit status is 1
 * if a connection was aborted at the end, 3 if the server gave up.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import {
  type ChildrenOptions,
  formatAddress,
  serve,
  type Server,
} from "../../../mod.ts";

interface Given extends ChildrenOptions {
  /** The handler's module, beside this folder. */
  readonly module?: string;
}

const say = (word: string, data: unknown): void =>
  console.log(`${word} ${JSON.stringify(data)}`);

function spin(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function obey(server: Server, line: string): void {
  const [word, number] = line.split(" ");
  if (word === "stats") say("stats", server.stats);
  if (word === "busy") {
    setInterval(() => spin(Number(number)), Number(number) + 10).unref();
  }
}

const [json = "{}", ...addresses] = process.argv.slice(2);
const { module = "handlers", ...options } = JSON.parse(json) as Given;
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));

const server = await serve(
  addresses,
  new URL(`../${module}${extension}`, import.meta.url),
  {
    ...options,
    onError: (error) => console.error(String(error)),
  },
);
for (const at of server.addresses) {
  console.log(`listening ${formatAddress(at)}`);
}
const input = createInterface(process.stdin);
input.on("line", (line) => obey(server, line));
console.log(`parent ${process.pid}`);

const closed = await server.closed;
input.close();
process.stdin.pause();
say("stats", server.stats);
say("closed", { ...closed, error: closed.error?.message });
if (closed.aborted > 0) process.exitCode = 1;
if (closed.error !== undefined) process.exitCode = 3;
