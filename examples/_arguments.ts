/**
 * The arguments of an example.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { type Address, parseAddress } from "../mod.ts";

/** What an example is given. */
export interface Arguments {
  readonly addresses: readonly [Address, ...Address[]];
  /** What comes behind the address, where the usage names something: `ROOT`. */
  readonly words: readonly string[];
  /** Whether `--name` was given. */
  flag(name: string): boolean;
  /** The milliseconds after `--name`, or `otherwise`. */
  milliseconds(name: string, otherwise: number): number;
  /** What was chosen by `--name`, or the first that there is to choose. */
  choice<T extends string>(name: string): T;
}

/**
 * Reads the arguments as a usage says: `ADDRESS` or `ADDRESS…`, other words
 * behind one address (`ADDRESS ROOT`, `ADDRESS FILE…`), flags `[--name]`, times
 * `[--name MS]` and choices `[--name this|that]`.
 */
export function readArguments(usage: string): Arguments {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  const choices: Record<string, string[]> = {};
  for (const [, name, what] of usage.matchAll(/\[--([a-z-]+)( [^\]]+)?\]/g)) {
    options[name!] = { type: what ? "string" : "boolean" };
    if (what?.includes("|")) choices[name!] = what.trim().split("|");
  }
  const given = parseArgs({ options, allowPositionals: true });
  const many = usage.includes("ADDRESS…"), count = given.positionals.length;
  const named = usage.match(/ [A-Z]+\b…?(?!\])/g)?.slice(1) ?? [];
  const open = many || usage.endsWith("…"), least = 1 + named.length;
  if (open ? count < least : count !== least) {
    const what = ["one address", ...named].join(" and");
    throw new Error(`Expected ${many ? "addresses" : what}`);
  }
  for (const [name, value] of Object.entries(given.values)) {
    checkValue(name, String(value), choices[name]);
  }
  const words = many ? [] : given.positionals.splice(1);
  const [first, ...more] = given.positionals.map((text) => parseAddress(text));
  return {
    addresses: [first!, ...more],
    words,
    flag: (name) => given.values[name] === true,
    milliseconds: (name, otherwise) => Number(given.values[name] ?? otherwise),
    choice: <T>(name: string) => (given.values[name] ?? choices[name]![0]) as T,
  };
}

function checkValue(name: string, value: string, choices?: string[]): void {
  if (choices ? choices.includes(value) : /^(\d{1,8}|true)$/.test(value)) {
    return;
  }
  const expected = choices ? `one of ${choices.join(", ")}` : "milliseconds";
  throw new Error(`Expected ${expected} after --${name}, got ${value}`);
}
