/**
 * A process that starts servers when it is told to, by lines on its standard
 * input: `start PATH`, answered by `taken` or a code; `finish` and `abandon`,
 * answered by `done`. It ends with its input.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import type { SockeyeError } from "../core/error.ts";
import { abandon, finish, start } from "./disk_name_binder.ts";

type Name = Awaited<ReturnType<typeof start>["name"]>;

let name: Name | undefined;

async function obey(line: string): Promise<string> {
  const [verb = "", path = ""] = line.split(" ");
  if (verb === "start") {
    try {
      name = await start(path).name;
      return "taken";
    } catch (error) {
      return (error as SockeyeError).code;
    }
  }
  if (name !== undefined) await (verb === "finish" ? finish : abandon)(name);
  name = undefined;
  return "done";
}

process.stdout.write(`ready\n`);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await obey(line)}\n`);
}
