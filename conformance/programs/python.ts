/** Foreign peers in Python, as the text of their programs. */

const open = `
import json, select, socket, sys, time
def where(at):
    return at["path"] if "path" in at else (at["host"], at["port"])
def kind(at):
    return socket.AF_UNIX if "path" in at else socket.AF_INET
at = json.loads(sys.argv[1])
`;

/**
 * Arguments: address, bytes as text. Sends the request and the end together
 * (over TCP in one packet, by TCP_CORK), prints what came back until the end.
 */
export const requestAndEnd: string = `${open}
s = socket.socket(kind(at)); s.connect(where(at))
if "port" in at: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
s.sendall(sys.argv[2].encode()); s.shutdown(socket.SHUT_WR)
got = b""
while True:
    more = s.recv(65536)
    if not more: break
    got += more
print(got.decode(), flush=True)
`;

/**
 * Arguments: address, number, whether to hold. So many clients at once, each
 * sends five bytes of its own and checks the answer. Prints counts once
 * nothing moves any more; then, told to by a line, lets those that were
 * answered go and waits for the rest. Prints the counts again.
 */
export const manyClients: string = `${open}
import errno, resource
low, high = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (high, high))
number, hold = int(sys.argv[2]), sys.argv[3] == "hold"
poll = select.epoll()
clients, waiting = {}, list(range(number))
answered = refused = wrong = 0
held = []
def go(i):
    global refused
    s = socket.socket(kind(at)); s.setblocking(False)
    e = s.connect_ex(where(at))
    if e == errno.EAGAIN:
        s.close(); return False
    if e not in (0, errno.EINPROGRESS):
        s.close(); refused += 1; return True
    clients[s.fileno()] = [s, b"%05d" % i, b"", False]
    poll.register(s, select.EPOLLIN | select.EPOLLOUT)
    return True
def over(fd):
    s = clients.pop(fd)[0]; poll.unregister(fd); s.close()
def turn():
    global answered, refused, wrong
    moved = False
    while waiting and go(waiting[0]): waiting.pop(0); moved = True
    for fd, mask in poll.poll(0.02):
        c = clients[fd]
        try:
            if not c[3]:
                if mask & select.EPOLLOUT:
                    c[0].send(c[1]); c[3] = True; moved = True
                    poll.modify(fd, select.EPOLLIN)
                    continue
            more = c[0].recv(16)
        except BlockingIOError:
            continue
        except OSError:
            more = b""
        moved = True
        c[2] += more
        if not more:
            refused += 1; over(fd)
        elif len(c[2]) >= 5:
            if c[2] == c[1]: answered += 1
            else: wrong += 1
            if hold:
                poll.unregister(fd); held.append(clients.pop(fd)[0])
            else: over(fd)
    return moved
def report():
    print(json.dumps(dict(answered=answered, refused=refused, wrong=wrong, left=len(clients) + len(waiting))), flush=True)
last = time.time()
while (clients or waiting) and time.time() - last < (1 if hold else 10):
    if turn(): last = time.time()
report()
if hold:
    sys.stdin.readline()
    hold = False
    for s in held: s.close()
    last = time.time()
    while (clients or waiting) and time.time() - last < 5:
        if turn(): last = time.time()
    report()
`;

/** Arguments: paths. Leaves a socket file behind at each. */
export const staleFiles: string = `
import socket, sys
for path in sys.argv[1:]: socket.socket(socket.AF_UNIX).bind(path)
print("done", flush=True)
`;

/** Listens with the shortest queue, fills it, prints the port, never accepts. */
export const fullListener: string = `
import socket, sys, time
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(0)
full = []
for i in range(8):
    s = socket.socket(); s.setblocking(False); s.connect_ex(l.getsockname()); full.append(s)
time.sleep(0.2)
print(l.getsockname()[1], flush=True)
sys.stdin.readline()
`;

/** Arguments: address, number. Connects and resets at once, so many times; every other one sends a byte. */
export const manyResets: string = `${open}
import struct
for i in range(int(sys.argv[2])):
    s = socket.socket(kind(at)); s.connect(where(at))
    if i % 2 == 0: s.send(b"x")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
print("done", flush=True)
`;

/**
 * Arguments: address, number. So many connections, 16 at a time: each asks who
 * serves it, and has bytes of its own sent back. Prints how many were right, by
 * how many they were served, and what went wrong.
 */
export const greeters: string = `${open}
import threading
todo = list(range(int(sys.argv[2])))
right, wrong, served, lock = 0, [], set(), threading.Lock()
def one(i):
    s = socket.socket(kind(at)); s.settimeout(30); s.connect(where(at))
    sent = b"%05d" % i * 100
    s.sendall(b"id\\n" + sent); s.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        more = s.recv(65536)
        if not more: break
        got += more
    s.close()
    who, _, back = got.partition(b"\\n")
    assert back == sent, "%d of %d bytes" % (len(back), len(sent))
    return who
def work():
    global right
    while True:
        with lock:
            if not todo: return
            i = todo.pop()
        try: who = one(i)
        except Exception as error:
            with lock: wrong.append(str(error))
            continue
        with lock: right += 1; served.add(who)
threads = [threading.Thread(target=work) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps({"right": right, "wrong": wrong, "served": len(served)}), flush=True)
`;
