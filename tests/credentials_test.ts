/** Who is calling: over real sockets, within one process and against raw clients. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server as NetServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  capabilities,
  connect,
  listen,
  type ListenOptions,
  serve,
  type Server,
  type SockeyeError,
} from "../mod.ts";
import {
  failure,
  inDirectory,
  makeDirectory,
  me,
  proofName,
  RawClient,
  until,
} from "./credentials_peers.ts";

const identify = true;
const ready = `sockeye/1 ready ${process.pid}\n`;

/** An echo server that wants to know who calls, and what it was told. */
class Echo {
  readonly refusals: SockeyeError[] = [];
  server!: Server;

  static async start(path: string, options: ListenOptions = {}): Promise<Echo> {
    const echo = new Echo();
    echo.server = await serve(`unix:${path}`, {
      data: (channel, bytes) => void channel.send(bytes),
    }, {
      ...options,
      identify,
      onError: (error) => echo.refusals.push(error as SockeyeError),
    });
    return echo;
  }

  /** Waits for the next refusal. */
  async refusal(): Promise<SockeyeError> {
    await until(() => "a refusal", () => this.refusals.length > 0);
    return this.refusals.shift()!;
  }

  async end(): Promise<void> {
    assert.deepEqual(this.refusals, []);
    await this.server.close({ grace: 0 });
  }
}

async function withEcho(
  body: (path: string, echo: Echo) => Promise<void>,
  options: ListenOptions = {},
): Promise<void> {
  await inDirectory(async (directory) => {
    const path = join(directory, "s");
    const echo = await Echo.start(path, options);
    await body(path, echo);
    assert.deepEqual(readdirSync(`${path}.auth`), [], "no proof is left");
    await echo.end();
  });
}

/** A client of good will gets its answer. */
async function assertServes(path: string): Promise<void> {
  const connection = await connect(`unix:${path}`, { identify });
  await connection.write(new TextEncoder().encode("hello"));
  assert.equal(new TextDecoder().decode((await connection.read())!), "hello");
  await connection.close();
}

test("credentials: the server knows the user and the process before the first byte", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const listener = await listen(`unix:${path}`, { identify });
    assert.equal(lstatSync(`${path}.auth`).mode & 0o7777, 0o700);
    const accepting = listener.accept();
    const client = await connect(`unix:${path}`, { identify });
    const server = await accepting;
    assert.deepEqual(server.credentials, {
      uid: me,
      claimedPid: process.pid,
      how: "proof",
    });
    assert.equal(client.credentials, undefined);
    assert.deepEqual(client.remoteAddress, { transport: "unix", path });
    assert.deepEqual(server.localAddress, client.remoteAddress);
    assert.equal(server.bytesRead, 0);
    assert.equal(client.bytesRead, 0);
    client.abort();
    server.abort();
    await listener.close();
  }));

test("credentials: both directions, half-close and a MiB pass as ever", () =>
  withEcho(async (path) => {
    const sent = Buffer.alloc(1 << 20, "0123456789abcdef!");
    const connection = await connect(`unix:${path}`, { identify });
    void connection.write(sent).then(() => connection.closeWrite());
    const got: Uint8Array[] = [];
    for await (const bytes of connection) got.push(bytes);
    assert.ok(Buffer.concat(got).equals(sent));
    await connection.close();
  }));

test("credentials: what a client sends behind its ready line is the user's, first and whole", () =>
  withEcho(async (path) => {
    for (const early of ["x", "sockeye/1 ready 1\n", "y".repeat(100_000)]) {
      const client = new RawClient(path);
      mkdirSync(proofName(path, await client.nonce()), { mode: 0o700 });
      client.socket.end(`${ready}${early}`);
      await until(() => "the end", () => client.over);
      const [, ok, ...rest] = client.said.split("\n");
      assert.equal(ok, `sockeye/1 ok ${me}`);
      assert.equal(rest.join("\n"), early);
    }
  }));

test("credentials: a client that sends in single bytes is understood", () =>
  withEcho(async (path) => {
    const client = new RawClient(path);
    client.socket.setNoDelay(true);
    mkdirSync(proofName(path, await client.nonce()), { mode: 0o700 });
    for (const character of `${ready}split`) {
      await new Promise((sent) => client.socket.write(character, sent));
    }
    await client.hear("split");
    await client.end();
  }));

test("credentials: a proof that is none is refused on both sides, and removed", () =>
  withEcho(async (path, echo) => {
    const aside = `${path}.aside`;
    const table: [RegExp, (proof: string) => void | Promise<void>][] = [
      [/no proof/, () => {}],
      [/symbolic link/, (proof) => symlinkSync("/", proof)],
      [/is a file/, (proof) => writeFileSync(proof, "", { mode: 0o700 })],
      [/mode 0755/, (proof) => {
        mkdirSync(proof);
        chmodSync(proof, 0o755);
      }],
      [/has 2 names/, async (proof) => {
        await bindSocket(aside);
        chmodSync(aside, 0o700);
        linkSync(aside, proof);
      }],
      [/not a fresh one/, async (proof) => {
        await bindSocket(aside);
        chmodSync(aside, 0o700);
        utimesSync(aside, Date.now() / 1000, Date.now() / 1000 - 11);
        renameSync(aside, proof);
      }],
      [/not a fresh one/, (proof) => {
        mkdirSync(proof, { mode: 0o700 });
        utimesSync(proof, 0, 0);
      }],
    ];
    for (const [message, prepare] of table) {
      const client = new RawClient(path);
      await prepare(proofName(path, await client.nonce()));
      client.socket.write(ready);
      await client.hear("sockeye/1 error EACCES\n");
      await until(() => "the end", () => client.over);
      const error = await echo.refusal();
      assert.equal(error.code, "EACCES");
      assert.match(error.message, /^Cannot admit a client on unix:/);
      assert.match(error.message, message);
      rmSync(aside, { force: true });
    }
    assert.equal(echo.server.stats.refused, table.length);
    assert.equal(echo.server.stats.accepted, 0);
    await assertServes(path);
  }));

/** Leaves a socket that nobody listens at. */
async function bindSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.b`, resolve));
  linkSync(`${path}.b`, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  rmSync(`${path}.b`, { force: true });
}

test("credentials: a socket of mode 0700 is taken for a proof, too", () =>
  withEcho(async (path) => {
    const client = new RawClient(path);
    const proof = proofName(path, await client.nonce());
    // Its path is longer than one that can be bound.
    await bindSocket(`${path}.p`);
    chmodSync(`${path}.p`, 0o700);
    renameSync(`${path}.p`, proof);
    client.socket.write(`${ready}hello`);
    await client.hear(`sockeye/1 ok ${me}\nhello`);
    await client.end();
  }));

test("credentials: what is no answer is refused by its name", () =>
  withEcho(async (path, echo) => {
    const table: [string | Uint8Array, RegExp][] = [
      ["hello\n", /no handshake: "hello"/],
      ["sockeye/9 ready 1\n", /speaks "sockeye\/9"/],
      ["sockeye/1 ready me\n", /expected/],
      [new Uint8Array(1 << 20).fill(0x61), /more than 128/],
      [new Uint8Array(1 << 20), /not printable|more than 128/],
    ];
    for (const [said, message] of table) {
      const client = new RawClient(path);
      await client.nonce();
      client.socket.write(said);
      await client.hear("sockeye/1 error ERR_SOCKEYE_PROTOCOL\n");
      const error = await echo.refusal();
      assert.equal(error.code, "ERR_SOCKEYE_PROTOCOL");
      assert.match(error.message, message);
      await client.end();
    }
    await assertServes(path);
  }));

test("credentials: who says nothing is refused at the deadline, and nobody waits for it", () =>
  withEcho(async (path, echo) => {
    const silent = Array.from({ length: 20 }, () => new RawClient(path));
    await Promise.all(silent.map((client) => client.nonce()));
    await assertServes(path);
    assert.equal(echo.server.stats.refused, 0, "they are still there");
    for (const client of silent) {
      await client.hear("sockeye/1 error ETIMEDOUT\n");
      await client.end();
      const error = await echo.refusal();
      assert.equal(error.code, "ETIMEDOUT");
      assert.match(error.message, /the peer said nothing/);
    }
    await assertServes(path);
  }, { handshakeTimeout: 2000 }));

test("credentials: a client that leaves, or only looks, costs nothing", () =>
  withEcho(async (path, echo) => {
    for (let i = 0; i < 20; i++) await new RawClient(path).end();
    const half = new RawClient(path);
    mkdirSync(proofName(path, await half.nonce()), { mode: 0o700 });
    half.socket.write("sockeye/1 rea");
    await half.hear("identify");
    half.socket.end();
    const error = await echo.refusal();
    assert.match(error.code, /^ECONN(ABORTED|RESET)$/);
    await half.end();
    await assertServes(path);
  }));

test("credentials: a client of ours that does not identify is refused, and reads why", () =>
  withEcho(async (path, echo) => {
    const connection = await connect(`unix:${path}`);
    await connection.write(new TextEncoder().encode("GET /\n"));
    let said = "";
    try {
      for await (const bytes of connection) {
        said += new TextDecoder().decode(bytes);
      }
    } catch {
      // Some runtimes tell of what the server left unread.
    }
    assert.match(said, /^sockeye\/1 identify [0-9a-f]{32}\n/);
    assert.ok(said.endsWith("sockeye/1 error ERR_SOCKEYE_PROTOCOL\n"));
    assert.equal((await echo.refusal()).code, "ERR_SOCKEYE_PROTOCOL");
    await connection.close();
  }));

test("credentials: a server that does not ask is left, at the deadline or at its first word", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const listener = await listen(`unix:${path}`);
    const silent = await failure(
      connect(`unix:${path}`, { identify, handshakeTimeout: 200 }),
    );
    assert.equal(silent.code, "ETIMEDOUT");
    assert.match(silent.message, /^Cannot connect to unix:.*the peer said no/);
    (await listener.accept()).abort();
    const talking = failure(connect(`unix:${path}`, { identify }));
    const connection = await listener.accept();
    await connection.write(new TextEncoder().encode("220 welcome\n"));
    assert.equal((await talking).code, "ERR_SOCKEYE_PROTOCOL");
    assert.match((await talking).message, /no handshake: "220 welcome"/);
    connection.abort();
    await listener.close();
  }));

test("credentials: a client of ours trusts no nonce, no other directory, no other socket", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const nonce = "0".repeat(32);
    const says = async (line: string, prepare = () => {}): Promise<string> => {
      const server = createServer((socket) => {
        socket.on("error", () => {}).resume();
        prepare();
        socket.end(`${line}\n`);
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const error = await failure(connect(`unix:${path}`, { identify }));
      await closeServer(server);
      return `${error.code} ${error.message}`;
    };
    const auth = `${path}.auth`;
    assert.match(await says("sockeye/1 identify ../../x"), /not 32 hex/);
    assert.match(await says("sockeye/2 identify x"), /sockeye\/2/);
    assert.match(await says("sockeye/1 error EAGAIN"), /^EAGAIN/);
    assert.match(await says(`sockeye/1 identify ${nonce}`), /^ENOENT .*auth/);
    mkdirSync(`${path}.other`);
    symlinkSync(`${path}.other`, auth);
    assert.match(await says(`sockeye/1 identify ${nonce}`), /no directory of/);
    assert.deepEqual(readdirSync(`${path}.other`), []);
    rmSync(auth);
    mkdirSync(auth);
    // It has made its proof, hears no answer, and takes it back.
    assert.match(await says(`sockeye/1 identify ${nonce}`), /^ECONN/);
    assert.deepEqual(readdirSync(auth), []);
    let other: NetServer | undefined;
    const said = await says(`sockeye/1 identify ${nonce}`, () => {
      renameSync(path, `${path}.moved`);
      other = createServer().listen(path);
    });
    assert.match(said, /another server took its place/);
    await closeServer(other!);
    for (const name of ["auth", "other", "moved"]) {
      rmSync(`${path}.${name}`, { recursive: true, force: true });
    }
  }));

function closeServer(server: NetServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

test("credentials: a relay between two servers is refused", () =>
  withEcho(async (path, echo) => {
    const relayPath = `${path}.relay`;
    mkdirSync(`${relayPath}.auth`, { mode: 0o1733 });
    const relay = createServer((client) => {
      const server = new RawClient(path).socket;
      for (const [from, to] of [[client, server], [server, client]] as const) {
        from.on("error", () => {});
        from.on("data", (bytes) => to.write(bytes));
        from.on("close", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => relay.listen(relayPath, resolve));
    const error = await failure(connect(`unix:${relayPath}`, { identify }));
    assert.equal(error.code, "EACCES");
    assert.match(error.message, /the server refused it/);
    assert.match((await echo.refusal()).message, /no proof/);
    assert.deepEqual(readdirSync(`${relayPath}.auth`), []);
    await closeServer(relay);
    rmSync(`${relayPath}.auth`, { recursive: true });
  }));

test("credentials: 50 clients at once, and 50 that say nothing", () =>
  withEcho(async (path, echo) => {
    const silent = Array.from({ length: 50 }, () => new RawClient(path));
    await Promise.all(Array.from({ length: 50 }, () => assertServes(path)));
    await Promise.all(silent.map((client) => client.end()));
    await until(
      () => "the silent ones to go",
      () => echo.server.stats.open === 0,
    );
    assert.equal(echo.server.stats.accepted, 50);
  }));

test("credentials: a listener that is paused holds connections back", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const listener = await listen(`unix:${path}`, { identify });
    const clients = Array.from(
      { length: 5 },
      () => connect(`unix:${path}`, { identify }),
    );
    for (let i = 0; i < 5; i++) {
      const connection = await listener.accept();
      assert.equal(connection.credentials?.uid, me);
      connection.abort();
    }
    for (const client of await Promise.all(clients)) client.abort();
    assert.equal(listener.tryAccept(), undefined);
    await listener.close();
  }));

test("credentials: closing the listener ends the handshakes", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const echo = await Echo.start(path);
    const client = new RawClient(path);
    await client.nonce();
    await echo.end();
    await client.hear("sockeye/1 error ERR_SOCKEYE_CLOSED\n");
    await client.end();
    assert.equal(echo.server.stats.refused, 0);
  }));

test("credentials: a connect that is given up leaves nothing", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const listener = await listen(`unix:${path}`);
    mkdirSync(`${path}.auth`);
    const controller = new AbortController();
    const connecting = failure(
      connect(`unix:${path}`, { identify, signal: controller.signal }),
    );
    const server = await listener.accept();
    await server.write(
      new TextEncoder().encode(`sockeye/1 identify ${"a".repeat(32)}\n`),
    );
    await server.read();
    assert.equal(readdirSync(`${path}.auth`).length, 1);
    controller.abort("enough");
    assert.equal(await connecting, "enough");
    assert.equal(await server.read().catch(() => null), null);
    assert.deepEqual(readdirSync(`${path}.auth`), []);
    rmSync(`${path}.auth`, { recursive: true });
    server.abort();
    await listener.close();
  }));

test("credentials: a place that others could meddle with is refused, and nothing is left", () =>
  inDirectory(async (directory) => {
    const shared = makeDirectory(join(directory, "shared"), 0o777);
    const refused = await failure(listen(`unix:${shared}/s`, { identify }));
    assert.equal(refused.code, "EACCES");
    assert.match(refused.message, /writable by others and not sticky/);
    assert.deepEqual(readdirSync(shared), []);
    // A server without it listens there, and our client does not trust it.
    const listener = await listen(`unix:${shared}/s`);
    const mistrusted = await failure(connect(`unix:${shared}/s`, { identify }));
    assert.equal(mistrusted.code, "EACCES");
    await listener.close();
    chmodSync(shared, 0o1777);
    const path = join(shared, "s");
    symlinkSync(directory, `${path}.auth`);
    const linked = await failure(listen(`unix:${path}`, { identify }));
    assert.match(linked.message, /is no directory/);
    assert.deepEqual(readdirSync(shared), ["s.auth"]);
    rmSync(shared, { recursive: true });
  }));

test("credentials: in a set-group-id directory all works, and shows no group", () =>
  inDirectory(async (directory) => {
    const path = join(makeDirectory(join(directory, "d"), 0o2755), "s");
    const echo = await Echo.start(path, { mode: 0o666 });
    assert.equal(lstatSync(`${path}.auth`).mode & 0o7777, 0o1733);
    await assertServes(path);
    await echo.end();
    rmSync(join(path, ".."), { recursive: true });
  }));

test("credentials: a path by symbolic links, and a relative one, lead to the same place", () =>
  withEcho(async (path) => {
    symlinkSync(path, `${path}.link`);
    symlinkSync(join(path, ".."), `${path}.d`);
    await assertServes(`${path}.link`);
    await assertServes(`${path}.d/s`);
    const before = process.cwd();
    process.chdir(join(path, ".."));
    try {
      await assertServes("s");
    } finally {
      process.chdir(before);
    }
    rmSync(`${path}.link`);
    rmSync(`${path}.d`);
  }));

test("credentials: expectServer is checked with identify and without", () =>
  withEcho(async (path, echo) => {
    for (const options of [{ identify }, {}]) {
      const error = await failure(
        connect(`unix:${path}`, { ...options, expectServer: me + 1 }),
      );
      assert.equal(error.code, "EACCES");
      assert.match(error.message, /belongs to user/);
      const connection = await connect(`unix:${path}`, {
        ...options,
        expectServer: me,
      });
      await connection.close();
    }
    assert.equal(echo.server.stats.accepted, 1);
    const missing = await failure(
      connect(`unix:${path}.no`, { expectServer: me }),
    );
    assert.equal(missing.code, "ENOENT");
  }));

test("credentials: where nobody can show who calls, that is said", async () => {
  for (const at of ["tcp://:0", "unix:@sockeye-credentials", "mem:who"]) {
    assert.equal(
      (await failure(listen(at, { identify }))).code,
      "ERR_SOCKEYE_UNSUPPORTED",
    );
    assert.equal(
      (await failure(listen(at, { allowUsers: [me] }))).code,
      "EINVAL",
    );
    assert.equal(
      (await failure(serve(at, {}, { identify }))).code,
      "ERR_SOCKEYE_UNSUPPORTED",
    );
  }
  for (const at of ["tcp://:9", "unix:@sockeye-credentials", "mem:who"]) {
    assert.equal(
      (await failure(connect(at, { identify }))).code,
      "ERR_SOCKEYE_UNSUPPORTED",
    );
    assert.equal(
      (await failure(connect(at, { expectServer: 0 }))).code,
      "EINVAL",
    );
  }
  const { features } = await capabilities();
  assert.equal(features.identify.support, "emulated");
});

test("credentials: two starts on one name, and an old server's close", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "s");
    const first = await Echo.start(path);
    assert.equal((await failure(Echo.start(path))).code, "EADDRINUSE");
    await assertServes(path);
    assert.equal(first.server.stats.refused, 0);
    rmSync(path);
    const second = await Echo.start(path);
    await first.end();
    assert.ok(existsSync(`${path}.auth`), "it is the second's by now");
    await assertServes(path);
    await second.end();
  }));
