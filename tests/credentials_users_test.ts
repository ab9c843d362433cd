/** Who is calling: programs of several users, and in another language. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type Credentials,
  type ListenOptions,
  serve,
  type Server,
  type SockeyeError,
} from "../mod.ts";
import {
  alice,
  bob,
  inDirectory,
  me,
  Peer,
  RawClient,
  until,
  withPython,
  withUsers,
  withUsersPython,
} from "./credentials_peers.ts";

/** The client of the documentation, and then one message. */
const pythonClient = `
import os, re, socket, sys
path = sys.argv[1]
${readExample()}
s.sendall(b"hello")
print(s.recv(100).decode(), flush=True)
`;

/** The lines of Python in `core/credentials.ts`. */
function readExample(): string {
  // Built tests lie one directory deeper.
  const above = import.meta.url.endsWith(".ts") ? ".." : "../..";
  const source = readFileSync(
    fileURLToPath(
      new URL(`${above}/core/credentials.ts`, import.meta.url).href,
    ),
    "utf8",
  );
  const lines = source.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const first = lines.indexOf("```py") + 1;
  return lines.slice(first, lines.indexOf("```", first)).join("\n");
}

/** An echo server of ours, who called it, and whom it refused. */
interface Hall {
  readonly server: Server;
  readonly path: string;
  readonly callers: (Credentials | undefined)[];
  readonly refusals: SockeyeError[];
}

function withHall(
  options: ListenOptions,
  body: (hall: Hall) => Promise<void>,
): Promise<void> {
  return inDirectory(async (directory) => {
    const path = join(directory, "s");
    const callers: (Credentials | undefined)[] = [];
    const refusals: SockeyeError[] = [];
    const server = await serve(`unix:${path}`, {
      open: (channel) => void callers.push(channel.credentials),
      data: (channel, bytes) => void channel.send(bytes),
    }, {
      mode: 0o666,
      ...options,
      identify: true,
      onError: (error) => refusals.push(error as SockeyeError),
    });
    try {
      await body({ server, path, callers, refusals });
      assert.deepEqual(readdirSync(`${path}.auth`), [], "no proof is left");
    } finally {
      await server.close({ grace: 0 });
    }
  });
}

/** One call by a user's program; gives its first line and its process id. */
async function call(
  uid: number,
  path: string,
  options: object = { identify: true },
): Promise<[line: string, pid: number]> {
  const peer = Peer.program(
    uid,
    "call",
    `unix:${path}`,
    JSON.stringify(options),
  );
  const line = await peer.line();
  await peer.end();
  return [line, peer.pid];
}

test(
  "credentials: the ten lines of Python in the documentation are a client",
  withPython,
  () =>
    withHall({}, async ({ path, callers }) => {
      const peer = Peer.python(me, pythonClient, path);
      assert.equal(await peer.line(), "hello");
      assert.deepEqual(callers, [{
        uid: me,
        claimedPid: peer.pid,
        how: "proof",
      }]);
      await peer.end();
    }),
);

test(
  "credentials: two users call, and are told apart",
  withUsers,
  () =>
    withHall({}, async ({ path, callers, refusals }) => {
      assert.equal(lstatSync(`${path}.auth`).mode & 0o7777, 0o1733);
      for (const uid of [alice, bob]) {
        const [line, pid] = await call(uid, path);
        assert.equal(line, "open");
        // Of setpriv and then of the program, which it becomes.
        assert.deepEqual(callers.pop(), { uid, claimedPid: pid, how: "proof" });
        if (withUsersPython.skip) continue;
        const peer = Peer.python(uid, pythonClient, path);
        assert.equal(await peer.line(), "hello");
        assert.equal(callers.pop()?.uid, uid);
        await peer.end();
      }
      assert.deepEqual(refusals, []);
    }),
);

test(
  "credentials: mode and group say who may come at all",
  withUsers,
  () =>
    withHall({ mode: 0o660, group: alice }, async ({ path, callers }) => {
      assert.equal((await call(alice, path))[0], "open");
      assert.equal(callers[0]?.uid, alice);
      assert.match((await call(bob, path))[0], /^EACCES/);
      assert.equal(callers.length, 1);
    }),
);

test(
  "credentials: allowUsers refuses the others, on both sides",
  withUsers,
  () =>
    withHall({ allowUsers: [alice] }, async ({ path, callers, ...hall }) => {
      assert.equal((await call(alice, path))[0], "open");
      const [line] = await call(bob, path);
      assert.match(line, /^EACCES: .*the server refused it: EACCES/);
      await until(() => "a refusal", () => hall.refusals.length > 0);
      assert.match(hall.refusals[0]!.message, /user 12002 may not call here/);
      assert.equal(hall.server.stats.refused, 1);
      assert.deepEqual(callers.map((caller) => caller?.uid), [alice]);
    }),
);

test(
  "credentials: the overflow user is nobody",
  withUsers,
  () =>
    withHall({}, async ({ path, refusals }) => {
      assert.match((await call(65534, path))[0], /^EACCES/);
      await until(() => "a refusal", () => refusals.length > 0);
      assert.match(refusals[0]!.message, /user 65534/);
    }),
);

test(
  "credentials: a server of one user, a client of another, who says whom it expects",
  withUsers,
  () =>
    inDirectory(async (directory) => {
      chownSync(directory, alice, alice);
      const path = join(directory, "s");
      const options = { identify: true, mode: 0o666 };
      const server = Peer.program(
        alice,
        "serve",
        `unix:${path}`,
        JSON.stringify(options),
      );
      assert.equal(await server.line(), "listening");
      for (const expectServer of [undefined, alice]) {
        const [line, pid] = await call(bob, path, {
          identify: true,
          expectServer,
        });
        assert.equal(line, "open");
        assert.equal(await server.line(), `${bob} ${pid} proof`);
      }
      for (const identify of [true, false]) {
        const [line] = await call(bob, path, { identify, expectServer: me });
        assert.match(line, /^EACCES: .*belongs to user 12001, expected 0/);
      }
      await server.end();
      assert.deepEqual(readdirSync(directory), []);
    }),
);

test(
  "credentials: a server killed in a handshake leaves nothing behind the next one's end",
  withUsers,
  () =>
    inDirectory(async (directory) => {
      chownSync(directory, alice, alice);
      const path = join(directory, "s");
      const options = JSON.stringify({ identify: true, mode: 0o666 });
      for (let round = 0; round < 3; round++) {
        const server = Peer.program(alice, "serve", `unix:${path}`, options);
        assert.equal(await server.line(), "listening");
        assert.deepEqual(readdirSync(`${path}.auth`), [], "the last one's");
        const client = new RawClient(path);
        await client.nonce();
        // Of clients that died before they were through, and of strangers.
        const left = join(`${path}.auth`, `left-${round}`);
        mkdirSync(left, { mode: 0o700 });
        chownSync(left, bob, bob);
        await server.end("SIGKILL");
        await client.end();
        assert.ok(existsSync(left) && existsSync(path), "it was killed");
      }
      const last = Peer.program(alice, "serve", `unix:${path}`, options);
      assert.equal(await last.line(), "listening");
      assert.equal((await call(bob, path))[0], "open");
      await last.end();
      assert.deepEqual(readdirSync(directory), []);
    }),
);

test(
  "credentials: a client killed before it is through leaves nothing",
  withUsers,
  () =>
    withHall({}, async ({ path, server }) => {
      for (let round = 0; round < 8; round++) {
        const options = JSON.stringify({ identify: true });
        const peer = Peer.program(bob, "call", `unix:${path}`, options);
        // Any time is right: each round kills it somewhere else.
        await sleep(20 * round);
        await peer.end("SIGKILL");
      }
      await until(() => "all to be gone", () => server.stats.open === 0);
      await until(
        () => `no proof: ${readdirSync(`${path}.auth`)}`,
        () => readdirSync(`${path}.auth`).length === 0,
      );
    }),
);

/**
 * Arguments: where to listen, whom to deceive. Hands the challenge of the one
 * to its own client, moves the client's proof to where the other looks, and
 * tells what came of it.
 */
const thief = `
import os, socket, sys
mine, other = sys.argv[1:]
os.umask(0)
os.mkdir(mine + ".auth", 0o1733)
l = socket.socket(socket.AF_UNIX); l.bind(mine); l.listen(1)
os.chmod(mine, 0o666); os.chmod(mine + ".auth", 0o1733)
print("listening", flush=True)
c = l.accept()[0]
s = socket.socket(socket.AF_UNIX); s.connect(other)
line = s.recv(200)
nonce = line.decode().split()[2]
c.sendall(line)
ready = c.recv(200)
def name(path):
    at = os.lstat(path)
    return "%s.auth/%d-%d-%s" % (path, at.st_dev, at.st_ino, nonce)
try:
    os.rename(name(mine), name(other))
    print("moved", flush=True)
except OSError as error:
    print(type(error).__name__, flush=True)
s.sendall(ready)
answer = s.recv(200)
print(answer.decode().strip(), flush=True)
c.sendall(answer); c.close(); s.close()
`;

test(
  "credentials: a server that a user calls cannot take that user's proof elsewhere",
  withUsersPython,
  () =>
    withHall({}, async ({ path, callers, refusals }) => {
      const den = `${path}.den`;
      mkdirSync(den);
      chownSync(den, alice, alice);
      const server = Peer.python(alice, thief, `${den}/s`, path);
      assert.equal(await server.line(), "listening");
      const [line] = await call(bob, `${den}/s`);
      assert.equal(await server.line(), "PermissionError");
      assert.equal(await server.line(), "sockeye/1 error EACCES");
      assert.match(line, /^EACCES: .*the server refused it/);
      await until(() => "a refusal", () => refusals.length > 0);
      assert.match(refusals[0]!.message, /no proof/);
      assert.deepEqual(callers, []);
      assert.deepEqual(readdirSync(`${den}/s.auth`), []);
      await server.end();
      rmSync(den, { recursive: true });
    }),
);

test(
  "credentials: another user's directory at the place is refused",
  withUsers,
  () =>
    inDirectory(async (directory) => {
      chmodSync(directory, 0o1777);
      const path = join(directory, "s");
      mkdirSync(`${path}.auth`);
      chownSync(`${path}.auth`, bob, bob);
      const server = Peer.program(
        alice,
        "serve",
        `unix:${path}`,
        JSON.stringify({ identify: true }),
      );
      await assert.rejects(server.line(), /belongs to user 12002/);
      await server.end();
      assert.deepEqual(readdirSync(directory), ["s.auth"]);
      rmSync(`${path}.auth`, { recursive: true });
    }),
);
