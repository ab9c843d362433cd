/** A program in Python that watches the children of a process from outside. */

/** What it tells at its end. */
export interface Watched {
  /** Children seen. */
  readonly seen: number;
  /** Process ids of those that are there still. */
  readonly left: readonly number[];
  /** How long a zombie lasted at the most, ms, without and with the machine's own delays. */
  readonly zombie: number;
  readonly longest: number;
  /** How much slower than meant the watcher was, which the machine did. */
  readonly pace: number;
}

/** What Python programs know of processes, by proc(5). */
export const processes: string = `
import json, os, select, signal, sys, time

def tell(*words):
    print(*words, flush=True)

def children(parent):
    "Process ids of those that this process started and has not reaped."
    found = []
    try:
        for thread in os.listdir("/proc/%d/task" % parent):
            with open("/proc/%d/task/%s/children" % (parent, thread)) as f:
                found += map(int, f.read().split())
    except OSError:
        pass
    return found

def look(pid):
    "State and time of start; None for one that is not there."
    try:
        with open("/proc/%d/stat" % pid, encoding="latin1") as f:
            words = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return words[0], words[19]

def threads(pid):
    try:
        return len(os.listdir("/proc/%d/task" % pid))
    except OSError:
        return 0

def waited(pid):
    "How long its main thread has waited for a processor so far, s."
    try:
        with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as f:
            return int(f.read().split()[1]) / 1e9
    except OSError:
        return 0

def spawning(pid):
    "Whether it waits for a process that it starts to get so far as execve(2)."
    try:
        with open("/proc/%d/wchan" % pid) as f:
            where = f.read()
    except OSError:
        return False
    # By libuv, by Rust's standard library, by vfork(2).
    return any(name in where for name in ("pipe_read", "skb_wait", "vfork"))
`;

/**
 * Samples a server's children every 10 ms until a line comes; then tells how
 * many it saw, how long a zombie lasted, and who is there still.
 *
 * A zombie counts from when its last thread has ended: nobody can reap it
 * before. `zombie` leaves out what the machine kept the server from it: while
 * its main thread waited for a processor, or for a process that it had started
 * to get one. `longest` does not. `pace` is 1 where a sample was taken each 10 ms,
 * and more on a machine that is too busy for that.
 */
export const watcher: string = `${processes}
parent = int(sys.argv[1])
seen, zombies = {}, {}
worst = longest = excused = samples = 0
begun = time.monotonic()
before = (begun, waited(parent))
tell("watching")
while not select.select([sys.stdin], [], [], 0.01)[0]:
    samples += 1
    now, delay, alive = time.monotonic(), waited(parent), set()
    excused += now - before[0] if spawning(parent) else delay - before[1]
    before = (now, delay)
    for pid in children(parent):
        alive.add(pid)
        found = look(pid)
        if found is None: continue
        state, started = found
        seen[pid] = started
        if state != "Z" or threads(pid) > 1: continue
        since, excuse = zombies.setdefault(pid, (now, excused))
        longest = max(longest, now - since)
        worst = max(worst, now - since - (excused - excuse))
    for pid in set(zombies) - alive: del zombies[pid]
sys.stdin.readline()
def is_there(pid):
    state, started = look(pid) or ("", "")
    # Orphans are reaped by another process, which may take its time.
    return started == seen[pid] and not (state == "Z" and look(parent) is None)

left = [pid for pid in seen if is_there(pid)]
tell(json.dumps({"seen": len(seen), "left": left,
                "zombie": round(worst * 1000), "longest": round(longest * 1000),
                "pace": (time.monotonic() - begun) / samples * 100}))
`;

/**
 * How long a zombie may last as seen by a watcher, ms. A machine with ten times
 * as much to do as it can, where samples come late too, shows no more than that
 * there is an end.
 */
export function zombieLimit({ pace }: Watched): number {
  return pace < 1.3 ? 100 : 2000;
}
