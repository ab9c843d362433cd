/**
 * What looks at servers with children from outside, and loads them: programs in
 * Python, behind the prelude of `tests/examples/peers.ts`.
 */
import { processes } from "../../../conformance/programs/watcher.ts";

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
    asks = i % 4 == 3
    # Those that were killed before are listed until their parent reaps them.
    alive = [pid for pid in children(parent) if pid not in killed]
    with lock: choice = [pid for pid in alive if not asks or pid in serving]
    if not choice: continue
    pid = random.choice(choice)
    try:
        if asks:
            os.kill(pid, signal.SIGTERM)
            told["asked"] += 1
            continue
        # First, since its connection may break before the call has returned.
        killed.add(pid)
        killedAt.append(time.monotonic())
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        # It has ended by itself since it was listed, and harmed nobody.
        killed.discard(pid)
if count == float("inf"):
    say("loading")
    hear()
    with lock: count = 0
for each in workers: each.join()
told["killed"] = len(killed)
told["children"] = len(serving)
say(json.dumps(told))
`;
