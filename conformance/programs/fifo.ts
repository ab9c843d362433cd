/** Foreign peers over FIFOs in Python, as the text of their programs. */

/**
 * A client and a server of the rendezvous, from the protocol alone:
 * `connect(path)` and `accept(rendezvous)` give a descriptor to read and one to
 * write.
 */
export const fifoPrelude: string = `
import errno, json, os, resource, secrets, select, socket, sys, threading, time
low, high = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (high, high))
threading.stack_size(256 * 1024)

def connect(path, wait=10):
    rendezvous = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    pid, nonce = os.getpid(), secrets.token_hex(16)
    c2s, s2c = ("%s.%d.%s.%s" % (path, pid, nonce, end) for end in ("c2s", "s2c"))
    os.mkfifo(c2s, 0o600); os.mkfifo(s2c, 0o600)
    r = os.open(s2c, os.O_RDONLY | os.O_NONBLOCK)
    anchor = os.open(c2s, os.O_RDONLY | os.O_NONBLOCK)
    w = os.open(c2s, os.O_WRONLY)
    answer, last = b"", time.time() + wait
    try:
        record = b"\\nsockeye/1 connect %d %s\\n" % (pid, nonce.encode())
        while True:
            try:
                os.write(rendezvous, record)
                break
            except BlockingIOError:
                if time.time() > last: raise OSError(errno.ETIMEDOUT, "full")
                time.sleep(0.01)
        while not answer.endswith(b"\\n"):
            poll = select.poll()
            poll.register(r, select.POLLIN)
            if not poll.poll(max(0, last - time.time()) * 1000):
                raise OSError(errno.ETIMEDOUT, "no answer")
            more = os.read(r, 1)
            if not more: raise OSError(errno.ECONNRESET, "the server left")
            answer += more
        if answer != b"sockeye/1 ok\\n":
            raise OSError(getattr(errno, answer.split()[-1].decode(), errno.EPROTO), answer.decode())
    except OSError:
        os.close(r); os.close(w)
        raise
    finally:
        for path in (c2s, s2c):
            try: os.unlink(path)
            except OSError: pass
        os.close(anchor); os.close(rendezvous)
    os.set_blocking(r, True)
    return r, w

class Rendezvous:
    def __init__(self, path):
        self.path, self.buffer = path, b""
        os.mkfifo(path, 0o600)
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.holder = os.open(path, os.O_WRONLY)
        os.set_blocking(self.reader, True)

    def accept(self):
        while True:
            while b"\\n" not in self.buffer: self.buffer += os.read(self.reader, 4096)
            line, self.buffer = self.buffer.split(b"\\n", 1)
            words = line.decode().split()
            if len(words) != 4 or words[:2] != ["sockeye/1", "connect"]: continue
            base = "%s.%d.%s" % (self.path, int(words[2]), words[3])
            w = os.open(base + ".s2c", os.O_WRONLY | os.O_NONBLOCK)
            r = os.open(base + ".c2s", os.O_RDONLY | os.O_NONBLOCK)
            os.unlink(base + ".s2c"); os.unlink(base + ".c2s")
            os.set_blocking(r, True); os.set_blocking(w, True)
            os.write(w, b"sockeye/1 ok\\n")
            return r, w

    def close(self):
        os.unlink(self.path)
        os.close(self.reader); os.close(self.holder)

def exactly(r, count):
    got = b""
    while len(got) < count:
        more = os.read(r, count - len(got))
        if not more: break
        got += more
    return got

def rest(r):
    got = []
    while True:
        more = os.read(r, 65536)
        if not more: return b"".join(got)
        got.append(more)

def write_all(w, data):
    data = memoryview(data)
    while data: data = data[os.write(w, data):]

def say(word):
    print(word, flush=True)
`;

/**
 * Joins FIFO connections to Unix sockets, byte for byte and end for end.
 *
 * Lines of its input: `connect FIFO SOCKET`, answered by `ok` or a code, and
 * `listen FIFO SOCKET`, answered by `ok`: each client of that FIFO is joined to
 * a connection of its own. `close FIFO` ends a `listen`.
 */
export const fifoGateway: string = `${fifoPrelude}
def join(path, r, w):
    s = socket.socket(socket.AF_UNIX); s.connect(path)
    s.setblocking(False); os.set_blocking(r, False); os.set_blocking(w, False)
    sent_end = got_end = False
    up = down = b""
    while True:
        poll = select.poll()
        events = (select.POLLIN if not got_end and w is not None and len(up) < 65536 else 0) | (select.POLLOUT if down else 0)
        poll.register(s, events)
        if r is not None: poll.register(r, select.POLLIN if len(down) < 65536 else 0)
        if w is not None: poll.register(w, select.POLLOUT if up else 0)
        ready = dict(poll.poll())
        at = ready.get(s.fileno(), 0)
        # The socket is gone in both directions: what it sent goes on, and no more.
        gone = bool(at & (select.POLLHUP | select.POLLERR))
        try:
            if (at & select.POLLIN or gone) and not got_end and w is not None:
                more = s.recv(65536)
                if more: up += more
                else: got_end = True
        except BlockingIOError: pass
        except OSError: got_end = True
        try:
            if down and at & select.POLLOUT: down = down[s.send(down):]
        except BlockingIOError: pass
        except OSError: gone = True
        if r is not None and ready.get(r, 0):
            try:
                more = os.read(r, 65536) if len(down) < 65536 else b"-"
                if more == b"": os.close(r); r = None
                elif more != b"-": down += more
            except BlockingIOError: pass
        if w is not None and ready.get(w, 0):
            try:
                if ready[w] & select.POLLERR: raise BrokenPipeError
                if up: up = up[os.write(w, up):]
            except BlockingIOError: pass
            except OSError:
                os.close(w); w = None; up = b""
                if not gone: s.shutdown(socket.SHUT_RD)
        if w is not None and got_end and not up: os.close(w); w = None
        if r is None and not down and not sent_end:
            sent_end = True
            try: s.shutdown(socket.SHUT_WR)
            except OSError: pass
        if gone and (w is None or got_end and not up) or r is None and w is None and not down: break
    for each in (r, w):
        if each is not None: os.close(each)
    s.close()

def spawn(*args):
    threading.Thread(target=join, args=args, daemon=True).start()

def serve(rendezvous, path):
    try:
        while True: spawn(path, *rendezvous.accept())
    except (OSError, ValueError): pass

listening = {}
for line in sys.stdin:
    verb, fifo, *more = line.split()
    try:
        if verb == "connect": spawn(more[0], *connect(fifo))
        elif verb == "listen":
            listening[fifo] = Rendezvous(fifo)
            threading.Thread(target=serve, args=(listening[fifo], more[0]), daemon=True).start()
        else: os.unlink(fifo)
        say("ok")
    except OSError as error: say(errno.errorcode.get(error.errno, "EIO"))
`;

/** Arguments: path, bytes as text. Sends the request and its end, prints what came back until the end. */
export const fifoRequestAndEnd: string = `${fifoPrelude}
r, w = connect(sys.argv[1])
write_all(w, sys.argv[2].encode()); os.close(w)
say(rest(r).decode())
`;

/** As `manyClients`, each a thread: path, number, whether to hold. */
export const manyFifoClients: string = `${fifoPrelude}
path, number, hold = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "hold"
counts = dict(answered=0, refused=0, wrong=0)
lock, moved, leave = threading.Lock(), [time.time()], threading.Event()
def count(what):
    with lock: counts[what] += 1; moved[0] = time.time()
def client(i):
    word = b"%05d" % i
    try:
        r, w = connect(path, 30)
        os.write(w, word)
        got = exactly(r, 5)
        count("answered" if got == word else "wrong" if got else "refused")
        if hold: leave.wait()
        os.close(w); os.close(r)
    except OSError: count("refused")
clients = [threading.Thread(target=client, args=(i,), daemon=True) for i in range(number)]
for each in clients: each.start()
def report():
    with lock: print(json.dumps(dict(counts, left=number - sum(counts.values()))), flush=True)
def settle(quiet):
    while sum(counts.values()) < number and time.time() - moved[0] < quiet: time.sleep(0.01)
settle(1 if hold else 10)
report()
if hold:
    sys.stdin.readline()
    leave.set(); moved[0] = time.time()
    settle(5)
    report()
for each in clients: each.join(5)
`;

/** Arguments: path, number. Connects and leaves at once, so many times; every other one sends a byte. */
export const manyFifoLeavers: string = `${fifoPrelude}
for i in range(int(sys.argv[2])):
    r, w = connect(sys.argv[1])
    if i % 2 == 0:
        try: os.write(w, b"x")
        except BrokenPipeError: pass
    os.close(r); os.close(w)
say("done")
`;

/** Arguments: paths. Leaves a FIFO behind at each, as servers that were killed do. */
export const staleFifos: string = `
import os, sys
for path in sys.argv[1:]: os.mkfifo(path, 0o600)
print("done", flush=True)
`;

/** Argument: path. Announces itself, and is gone before it is answered. */
export const diesAnnounced: string = `${fifoPrelude}
select.poll = lambda *_: os._exit(0)
connect(sys.argv[1])
`;

/** Argument: path. Makes its pair, says so, and does nothing more. */
export const diesUnannounced: string = `${fifoPrelude}
def stop(*_):
    say(os.getpid()); sys.stdin.readline(); os._exit(0)
os.write = stop
connect(sys.argv[1])
`;
