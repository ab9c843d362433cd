/**
 * The command that starts a child: this runtime, as we were started, with the
 * entry of children.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { childEntry } from "./entry.ts";

/** What starts a child that will serve with the module of this URL. */
export function commandFor(module: string): readonly string[] {
  const { protocol, href } = childEntry;
  const file = protocol === "file:" ? fileURLToPath(href) : href;
  const { execPath, versions } = process;
  if (!("deno" in versions)) return [execPath, ...runtimeOptions(), file];
  // Deno looks for a configuration beside what it runs, which is our file.
  const config = configOf(module);
  const configured = config === undefined ? [] : ["--config", config];
  // For `reusePort` of Deno.listen.
  const allowed = ["--allow-all", "--unstable-net"];
  return [execPath, "run", ...allowed, "--quiet", ...configured, file];
}

/** Those that we were started with, but not what they had us run. */
function runtimeOptions(): string[] {
  const options: string[] = [];
  for (const option of process.execArgv) {
    if (/^(-e|-p|-pe|--eval|--print|--test|--watch|--inspect)/.test(option)) {
      // Its value follows, and stands for all that follows.
      if (/^(-e|-p|-pe|--eval|--print)$/.test(option)) break;
      continue;
    }
    options.push(option);
  }
  return options;
}

function configOf(module: string): string | undefined {
  if (!module.startsWith("file:")) return undefined;
  let directory = dirname(fileURLToPath(module));
  for (;;) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(directory, name);
      if (existsSync(path)) return path;
    }
    const above = dirname(directory);
    if (above === directory) return undefined;
    directory = above;
  }
}
