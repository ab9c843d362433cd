/**
 * Foreign peers: OpenBSD's netcat, socat, Python's sockets, and the load
 * generator in C. A test names those that it needs, and is skipped by that name
 * where they are not installed.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

const present: Record<string, () => boolean> = {
  // Of the netcats only OpenBSD's knows -N and -U.
  nc: () => {
    const { stdout, stderr } = spawnSync("nc", ["-h"], { encoding: "utf8" });
    return `${stdout}${stderr}`.includes("OpenBSD");
  },
  socat: () => isOnPath("socat"),
  python3: () => isOnPath("python3"),
  cc: () => isOnPath("cc"),
};

function isOnPath(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Options of a test that needs these peers. */
export function needs(
  ...names: ("nc" | "socat" | "python3" | "cc")[]
): { skip: string | false } {
  const missing = names.filter((name) => !present[name]!());
  return { skip: missing.length > 0 && `needs ${missing.join(" and ")}` };
}

/** A client that half-closes at the end of its input: `nc -N`. */
export function nc(address: string): string[] {
  if (address.startsWith("unix:")) return ["nc", "-N", "-U", address.slice(5)];
  const { hostname, port } = new URL(address);
  return ["nc", "-N", hostname, port];
}

/** A client that half-closes at the end of its input: socat. */
export function socat(address: string): string[] {
  const to = address.startsWith("unix:")
    ? `UNIX-CONNECT:${address.slice(5)}`
    : `TCP:${address.slice("tcp://".length)}`;
  // By default it waits half a second for an answer after its own end.
  return ["socat", "-t", "20", "-", to];
}

/** What Python programs of tests begin with. */
export const prelude = `
import hashlib, random, select, socket, struct, sys, threading

def connect(address):
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(address[5:])
        return s
    host, port = address[len("tcp://"):].rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s

def listen():
    s = socket.create_server(("127.0.0.1", 0))
    s.settimeout(20)
    say("listening", "tcp://127.0.0.1:%d" % s.getsockname()[1])
    return s

def accept(s):
    connection = s.accept()[0]
    connection.settimeout(20)
    return connection

def exactly(s, count):
    got = b""
    while len(got) < count:
        more = s.recv(count - len(got))
        assert more, "the end came after %d of %d bytes" % (len(got), count)
        got += more
    return got

def rest(s):
    got = []
    while True:
        more = s.recv(65536)
        if not more:
            return b"".join(got)
        got.append(more)

def talk(s, sent):
    "Sends while it reads, ends its direction, gives the whole answer."
    def send():
        s.sendall(sent)
        s.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    got = rest(s)
    sender.join()
    s.close()
    return got

def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()

def say(*words):
    print(*words, flush=True)

def hear():
    return sys.stdin.readline().strip()
`;
