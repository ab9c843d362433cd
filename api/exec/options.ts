/**
 * The command and the options of `serveExec`, checked and completed.
 *
 * @module
 */
import type { Environment, ProgramRequest } from "../../core/programs.ts";
import { SockeyeError } from "../../core/error.ts";
import type { PoolPolicy } from "../children/options.ts";
import {
  defaultGrace,
  defaultMaxChildren,
  defaultStartTimeout,
} from "../children/options.ts";
import type { ExecOptions } from "./types.ts";
import { count, flag, invalid, whole } from "../options.ts";

/** @throws {SockeyeError} `EINVAL` for what the system could not take. */
export function programRequestOf(
  command: unknown,
  options: ExecOptions,
): ProgramRequest {
  return {
    command: checkedCommand(command),
    cwd: path(options, "cwd"),
    env: environmentOf(options.env),
    log: path(options, "log"),
  };
}

/**
 * Programs that are started before others are reaped. Whoever starts one has to
 * wait for it to get so far as execve(2), 2 ms or more: when fifty clients came
 * at once, and their programs ended soon, zombies lasted up to 119 ms.
 */
const startsAtOnce = 8;

/** @throws {SockeyeError} `EINVAL` for a value out of its range. */
export function execPolicyOf(options: ExecOptions): PoolPolicy {
  const most = whole(options, "maxChildren", 1, defaultMaxChildren);
  const connections = whole(options, "maxConnections", 1, Infinity);
  const places = Math.min(most, connections);
  return {
    places,
    limits: {
      exclusive: true,
      min: 0,
      max: places,
      maxStarting: startsAtOnce,
      // A program cannot be started before its connection is there.
      spare: 0,
      maxConnectionsPerChild: 1,
      maxAge: Infinity,
      idleTimeout: Infinity,
      startTimeout: defaultStartTimeout,
    },
    signals: flag(options, "signals", true),
    grace: count(options, "grace", 0, defaultGrace),
  };
}

function checkedCommand(command: unknown): ProgramRequest["command"] {
  if (Array.isArray(command) && command.every(isText) && command[0]) {
    const [name, ...args] = command as string[];
    return [name!, ...args];
  }
  throw new SockeyeError(
    "EINVAL",
    `Cannot serve by ${shown(command)}: expected a list of texts without ` +
      "NUL, the first of them the name of a program",
  );
}

function shown(command: unknown): string {
  return JSON.stringify(command) ?? String(command);
}

function environmentOf(env: unknown): Environment | undefined {
  if (env === undefined) return undefined;
  if (typeof env !== "object" || env === null) {
    throw invalid("env", env, "an object");
  }
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (!isText(name) || name === "" || name.includes("=")) {
      throw invalid(
        "env",
        name,
        'names that are not empty, without "=" or NUL',
      );
    }
    if (!isText(value)) {
      throw invalid(`env.${name}`, value, "a text without NUL");
    }
    checked[name] = value;
  }
  return checked;
}

/** A path, or the URL of a file. */
function path(
  options: ExecOptions,
  name: "cwd" | "log",
): string | undefined {
  const given: unknown = options[name];
  if (given === undefined) return undefined;
  const text = isText(given) ? given : pathOf(given);
  if (text === undefined || text === "") {
    throw invalid(name, given, "a path, or the URL of a file");
  }
  return text;
}

function pathOf(given: unknown): string | undefined {
  const { href } = (given ?? {}) as { href?: unknown };
  if (!isText(href)) return undefined;
  const found = /^file:\/\/(?:localhost)?(\/[^?#]*)/.exec(href);
  try {
    const decoded = found === null ? undefined : decodeURIComponent(found[1]!);
    return isText(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** What can be an argument or a variable: the system ends them by a NUL. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}
