/**
 * What looks at servers with children from outside, and loads them: programs in
 * Python, behind the prelude of `tests/examples/peers.ts`.
 */

/** Processes, as proc(5) tells of them. */
const processes = `
import json, os, signal, time

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
export const watcher = `${processes}
parent = int(sys.argv[1])
seen, zombies = {}, {}
worst = longest = excused = samples = 0
begun = time.monotonic()
before = (begun, waited(parent))
say("watching")
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
hear()
def is_there(pid):
    state, started = look(pid) or ("", "")
    # Orphans are reaped by another process, which may take its time.
    return started == seen[pid] and not (state == "Z" and look(parent) is None)

left = [pid for pid in seen if is_there(pid)]
say(json.dumps({"seen": len(seen), "left": left,
                "zombie": round(worst * 1000), "longest": round(longest * 1000),
                "pace": (time.monotonic() - begun) / samples * 100}))
`;

/**
 * Connections, `count` in all or until a line comes, some at once, on one address
 * after the other: each learns who serves it, and has its bytes back. Meanwhile
 * children are killed, and some are only asked to end (SIGTERM), which must harm
 * nobody.
 *
 * Tells how many were answered right, how many broke with a child that was
 * killed, and whatever else happened, in words.
 */
export const load = `${processes}
count, parent, kills = map(int, sys.argv[1:4])
addresses = sys.argv[4:]
lock = threading.Lock()
begun = 0
killed, killedAt, serving = set(), [], set()
told = {"right": 0, "broken": 0, "wrong": [], "asked": 0}

def one(i):
    pid, start = None, time.monotonic()
    sent = random.Random(i).randbytes(1 + i * 977 % 50000)
    try:
        s = connect(addresses[i % len(addresses)])
    except OSError as error:
        time.sleep(0.05)
        return told["wrong"].append("%d: connect: %s" % (i, error))
    got = b""
    try:
        s.sendall(b"id\\n")
        line = b""
        while not line.endswith(b"\\n"):
            line += exactly(s, 1)
        pid = int(line)
        with lock: serving.add(pid)
        time.sleep(random.random() / 50)
        got = talk(s, sent)
        if got == sent:
            with lock: told["right"] += 1
            return
        what = "%d of %d bytes" % (len(got), len(sent))
    except (OSError, AssertionError) as error:
        what = str(error)
    finally:
        s.close()
    # Who had not said its name yet may be anyone that was killed meanwhile.
    harmed = pid in killed if pid else any(at > start for at in killedAt)
    with lock:
        if harmed and sent.startswith(got): told["broken"] += 1
        else: told["wrong"].append("%d, child %s: %s" % (i, pid, what))

def work():
    global begun
    while True:
        with lock:
            if begun >= count: return
            i = begun
            begun += 1
        one(i)

if count == 0:
    count = float("inf")
workers = [threading.Thread(target=work) for _ in range(12)]
for each in workers: each.start()
for i in range(kills):
    # Spread over the load, whatever its speed.
    while begun < count * (i + 1) / (kills + 1): time.sleep(0.002)
    alive = children(parent)
    asks = i % 4 == 3
    with lock: choice = [pid for pid in alive if not asks or pid in serving]
    if not choice: continue
    pid = random.choice(choice)
    if asks:
        told["asked"] += 1
        os.kill(pid, signal.SIGTERM)
        continue
    killed.add(pid)
    killedAt.append(time.monotonic())
    os.kill(pid, signal.SIGKILL)
if count == float("inf"):
    say("loading")
    hear()
    with lock: count = 0
for each in workers: each.join()
told["killed"] = len(killed)
told["children"] = len(serving)
say(json.dumps(told))
`;
