/** Servers and their children as processes, seen from outside. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { needs } from "./examples/peers.ts";
import type { Program } from "./examples/programs.ts";

/** Processes whose parent this is, by the proc(5) file system; zombies are marked. */
export function childrenOf(parent: number): { pid: number; zombie: boolean }[] {
  const found: { pid: number; zombie: boolean }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      // What stands in parentheses may contain anything.
      const [state, above] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      if (Number(above) !== parent) continue;
      found.push({ pid: Number(name), zombie: state === "Z" });
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** The process id of the server itself: on Deno a wrapper may stand before it. */
export function idOf(server: Program): number {
  return Number(server.lines.find((line) => line.startsWith("parent "))!
    .slice("parent ".length));
}

/** Waits until something holds, for at most 20 s. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const late = performance.now() + 20_000;
  while (!await holds()) {
    assert.ok(performance.now() < late, `not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether a process is there, as a zombie or not. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Options of tests that look at processes from outside. */
export const linux = process.platform === "linux"
  ? needs("python3")
  : { skip: "needs /proc" };

/** Watches for zombies of a process; calling it ends that, and gives the age of the oldest, ms. */
export function watchZombies(parent: number): () => number {
  const since = new Map<number, number>();
  let longest = 0;
  const watch = setInterval(() => {
    const now = performance.now();
    const zombies = childrenOf(parent).filter(({ zombie }) => zombie);
    for (const pid of [...since.keys()]) {
      if (!zombies.some((each) => each.pid === pid)) since.delete(pid);
    }
    for (const { pid } of zombies) {
      if (!since.has(pid)) since.set(pid, now);
      longest = Math.max(longest, now - since.get(pid)!);
    }
  }, 10);
  return () => {
    clearInterval(watch);
    return longest;
  };
}

/** Goes on when it is told to: says what came then, or that it was broken off. */
export const finishing = `
hear()
try:
    s.sendall(b"two")
    s.shutdown(socket.SHUT_WR)
    say("then", rest(s).decode())
except OSError:
    say("broken")`;

/** Talks, and then goes on as `finishing` says. */
export const finisher = `
s = connect(sys.argv[1])
s.sendall(b"one")
say("first", exactly(s, 3).decode())
${finishing}`;
