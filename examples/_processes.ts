/**
 * Starts examples as processes and shows what they say.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** An example that runs. */
export interface Process {
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves with its exit status when it has ended; null if that was by a signal. */
  readonly status: Promise<number | null>;
  /** Resolves with the first `count` lines that have this part. */
  said(part: string, count: number): Promise<string[]>;
  /** Asks it to end. */
  stop(): void;
}

/** The command that runs a program on this same runtime. */
export const thisRuntime: readonly string[] = "Deno" in globalThis
  ? [process.execPath, "run", "--allow-all", "--quiet"]
  : [process.execPath];

/** Starts an example; each line that it prints is shown behind its title. */
export function start(
  title: string,
  command: readonly string[],
  example: string,
  ...args: string[]
): Process {
  // Built files start built files, sources start sources.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const url = new URL(`./${example}${extension}`, import.meta.url);
  const [program = "", ...options] = command;
  options.push(fileURLToPath(url.href), ...args);
  const child = spawn(program, options, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const looks = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const ms = performance.now().toFixed(0).padStart(5);
    console.log(`${ms} ms  ${title.padEnd(14)}  ${line}`);
    lines.push(line);
    for (const look of looks) look();
  });
  let running = true;
  child.on("exit", () => running = false);
  const status = new Promise<number | null>((resolve) => {
    child.on("close", resolve).on("error", ({ message }) => {
      console.error(message);
      resolve(null); // it did not even start
    });
  });

  function said(part: string, count: number): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.filter((line) => line.includes(part));
        if (found.length >= count) resolve(found.slice(0, count));
      };
      looks.add(look);
      look();
      status.then((code) => {
        reject(new Error(`${title} ended with status ${code}`));
      });
    });
  }

  function stop(): void {
    try {
      // After `child.kill()` Deno tells of a signal, however the child ended.
      if (running) process.kill(child.pid!, "SIGTERM");
    } catch {
      // It has just ended by itself.
    }
  }

  return { lines, status, said, stop };
}
