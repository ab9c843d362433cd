/**
 * What every example needs around its subject: its arguments, the lines that
 * say that it is ready, and a graceful end.
 */
import process from "node:process";
import { parseArgs, type ParseArgsConfig } from "node:util";
import {
  type Address,
  formatAddress,
  parseAddress,
  SockeyeError,
} from "../mod.ts";

/** How long clients may go on after SIGTERM or SIGINT, ms. */
export const grace = 2000;

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
 * Runs an example. Its usage says what it takes: `ADDRESS` or `ADDRESS…`, other
 * words behind one address (`ADDRESS ROOT`, `ADDRESS FILE…`), flags `[--name]`
 * and times `[--name MS]`. Wrong usage is told with exit status 2, an error that
 * `main` did not catch with status 1.
 */
export async function program(
  usage: string,
  main: (given: Arguments) => Promise<void>,
): Promise<void> {
  let given: Arguments | undefined;
  try {
    given = readArguments(usage);
    await main(given);
  } catch (error) {
    process.exitCode = given === undefined ? 2 : 1;
    console.error(messageOf(error));
    if (given === undefined) console.error(`Usage: ${usage}`);
  }
  forgetSignals();
}

function readArguments(usage: string): Arguments {
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

/** What to tell of an error: a line, no stack. */
export function messageOf(error: unknown): string {
  if (error instanceof SockeyeError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Says that it is ready: a line for each address. */
export function sayListening(addresses: readonly Address[]): void {
  for (const each of addresses) console.log(`listening ${formatAddress(each)}`);
}

/** Waits for signals no more; some runtimes live as long as one is waited for. */
export let forgetSignals: () => void = () => {};

/**
 * Calls `stop` at the first SIGTERM or SIGINT, and `giveUp` if the example has
 * not ended when the grace is over. A second signal ends the process at once.
 */
export function whenStopped(stop: () => void, giveUp?: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onSignal = (): void => {
    forgetSignals();
    if (giveUp !== undefined) timer = setTimeout(giveUp, grace);
    stop();
  };
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, onSignal);
  forgetSignals = () => {
    for (const name of ["SIGTERM", "SIGINT"]) process.off(name, onSignal);
    clearTimeout(timer);
  };
}
