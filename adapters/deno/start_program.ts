/**
 * Starting a program with a socket as its standard input and output, by
 * `Deno.Command`: for whatever `node:child_process` is to start, Deno (2.9.5)
 * rewrites arguments in which it finds its own name (`deno run` becomes
 * `deno run -A`), and asks for the environment.
 *
 * That `stdin` and its like may be the number of a descriptor is not written
 * down; it is what `node:child_process` uses there.
 *
 * @module
 */
import type {
  Ended,
  ProgramStart,
  StartedProgram,
} from "../_shared/programs/start.ts";
import { translateError } from "./errors.ts";

/** See `StartProgram`. */
export function startProgram(
  start: ProgramStart,
  ended: Ended,
): StartedProgram {
  const { file, args, cwd, env, socket, log } = start;
  const stdio = socket as unknown as "inherit";
  const command = new Deno.Command(file, {
    args: [...args],
    ...(cwd !== undefined && { cwd }),
    env: { ...env },
    clearEnv: true,
    detached: true,
    stdin: stdio,
    stdout: stdio,
    stderr: (log ?? "inherit") as "inherit",
  });
  const child = spawn(command);
  void child.status.then(({ code, signal }) => {
    ended({ status: signal === null ? code : null, signal });
  });
  return {
    pid: child.pid,
    signal(name): void {
      try {
        child.kill(name);
      } catch {
        // It has ended, and that is told soon.
      }
    },
  };
}

function spawn(command: Deno.Command): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (error) {
    throw translateError(error);
  }
}
