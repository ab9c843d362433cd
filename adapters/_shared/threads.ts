/**
 * Threads by `node:worker_threads`, alike on Node, Deno and Bun.
 *
 * What was found (Node 20.20 and 24.21, Deno 2.9.5, Bun 1.4.4), and is relied on:
 *
 * - `terminate()` ends a thread that spins, or that waits in `Atomics.wait`,
 *   within 5 ms; what it throws, rejects, and its `process.exit` end the thread
 *   alone.
 * - A thread with nothing left but its port ends when that is closed.
 * - What it had posted before its end is told before `exit`. `close` of our port
 *   may come before that or, on Deno, never.
 * - `process.argv[1]` and `import.meta.main` are those of the thread's own entry:
 *   `isMain` is false in the module that it serves with.
 * - A thread has the permissions of its process. Deno wants to read the entry.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { fileURLToPath, URL } from "node:url";
import type { Threads } from "../../core/children.ts";
import type { Capability } from "../../core/runtime.ts";
import type { Grants } from "./grants.ts";
import { startedFrom, threadEntry } from "./children/entry.ts";
import { onSignals } from "./children/signals.ts";
import { StartedThread } from "./threads/started.ts";

/** Threads of this process. */
export const threads: Threads = {
  start: (_module, events) => new StartedThread(startable(threadEntry), events),
  // Memory that is shared stays shared.
  copy: (data) => structuredClone(data),
  parallelism: () => availableParallelism(),
  onSignals,
};

/** Deno takes a program of a thread from a file, or from the URL itself. */
function startable(program: URL): URL {
  if (program.protocol === "file:") return program;
  const source = `import ${JSON.stringify(program.href)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

/** What `capabilities()` says of threads. */
export function workers(grants: Grants): Capability {
  const { protocol, href } = threadEntry;
  if (protocol === "file:" && !grants.mayRead(fileURLToPath(href))) {
    return {
      support: "none",
      reason: "Deno starts threads with --allow-read only",
    };
  }
  return startedFrom(threadEntry, grants, {
    support: "emulated",
    reason: "A socket cannot change threads: the main thread accepts and " +
      "relays the bytes, but with reusePort",
  });
}
