/** Programs on a terminal, where Deno would ask for permissions. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Program } from "../conformance/program.ts";

/**
 * Runs a command on a terminal, where Deno would ask, and prints what it says.
 * The command comes as JSON: into arguments that read `deno run`, Deno's
 * `node:child_process` puts a `-A`, whoever is to be started (2.9.5).
 */
export const onTerminal = `
import json, os, pty, select, sys, time
command = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0: os.execvp(command[0], command)
said, last = b"", time.time() + 15
while time.time() < last and select.select([terminal], [], [], 15)[0]:
    try: more = os.read(terminal, 65536)
    except OSError: break
    if not more: break
    said += more
    if b"[y/n" in said: break
os.kill(pid, 9); os.waitpid(pid, 0)
print(said.decode().replace("\\r", "").replace("\\n", "|"), flush=True)
`;

/** What a program of Deno says there with these flags, its lines joined by `|`. */
export async function saidWith(
  flags: readonly string[],
  source: string,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  const path = join(directory, "program.ts");
  writeFileSync(path, source);
  const run = [process.execPath, "run", "--quiet", "--no-lock", "--no-check"];
  const command = JSON.stringify([...run, ...flags, path]);
  const program = new Program(["python3", "-c", onTerminal, command]);
  try {
    return await program.line(30_000);
  } finally {
    await program.stop();
    rmSync(directory, { recursive: true });
  }
}
