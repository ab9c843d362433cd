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
}

/**
 * Reads the arguments as a usage says: `ADDRESS` or `ADDRESS…`, other words
 * behind one address (`ADDRESS ROOT`, `ADDRESS FILE…`), flags `[--name]` and
 * times `[--name MS]`.
 */
export function readArguments(usage: string): Arguments {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [, name, ms] of usage.matchAll(/\[--([a-z-]+)( MS)?\]/g)) {
    options[name!] = { type: ms ? "string" : "boolean" };
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
    if (value === true || /^\d{1,8}$/.test(String(value))) continue;
    throw new Error(`Expected milliseconds after --${name}, got ${value}`);
  }
  const words = many ? [] : given.positionals.splice(1);
  const [first, ...more] = given.positionals.map((text) => parseAddress(text));
  return {
    addresses: [first!, ...more],
    words,
    flag: (name) => given.values[name] === true,
    milliseconds: (name, otherwise) => Number(given.values[name] ?? otherwise),
  };
}
