/** What anybody may write to a rendezvous, and pairs that are none. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { fifoPrelude } from "../../conformance/programs/fifo.ts";
import { needs } from "../examples/peers.ts";
import {
  announce,
  codeOf,
  echo,
  inPlace,
  isServed,
  programCommand,
  sleep,
  until,
  withPrograms,
} from "./fixtures.ts";

const nonce = "0123456789abcdef".repeat(2);
const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const texts: Record<string, [text: string, codes: string[]]> = {
  "garbage": ["hello\n", ["ERR_SOCKEYE_PROTOCOL"]],
  "bytes of no script": ["\u00ff\u0000\u0001\n", ["ERR_SOCKEYE_PROTOCOL"]],
  "half a record": ["\nsockeye/1 connect 12", ["ERR_SOCKEYE_PROTOCOL"]],
  "nothing but newlines": ["\n".repeat(4000), []],
  "an overlong line": [`${"x".repeat(4096)}`, ["ERR_SOCKEYE_PROTOCOL"]],
  "a path for a process id": [
    `\nsockeye/1 connect ../../1 ${nonce}\n`,
    ["ERR_SOCKEYE_PROTOCOL"],
  ],
  "an unknown version": [
    `\nsockeye/9 connect 1 ${nonce}\n`,
    // Nobody is there to be told.
    ["ENOENT"],
  ],
  "a client that is not there": [
    `\nsockeye/1 connect 1 ${nonce}\n`,
    ["ENOENT"],
  ],
};

for (const [what, [text, codes]] of Object.entries(texts)) {
  test(`${what} in the rendezvous: refused, and the next client is served`, () =>
    inPlace(async ({ path, address, names }) => {
      const { server, refused } = await echo(address);
      announce(path, text);
      await isServed(address);
      assert.deepEqual(refused.map(({ code }) => code), codes);
      assert.deepEqual(names(), ["app"]);
      await server.close();
    }));
}

test("1 MiB without a newline is one refusal; clients are served after it", () =>
  inPlace(async ({ path, address }) => {
    const { server, refused } = await echo(address);
    const descriptor = openSync(path, O_WRONLY | O_NONBLOCK);
    const piece = new Uint8Array(4096).fill(120);
    for (let left = 256; left > 0;) {
      try {
        writeSync(descriptor, piece);
        left--;
      } catch {
        await sleep(1); // It is full: the server reads on.
      }
    }
    closeSync(descriptor);
    await isServed(address);
    assert.deepEqual(refused.map(({ code }) => code), ["ERR_SOCKEYE_PROTOCOL"]);
    assert.match(refused[0]!.message, /more than 4096 bytes/);
    await server.close();
  }));

test("10,000 records from one writer: each refused, and clients are served among them", () =>
  inPlace(async ({ path, address, names }) => {
    const { server, refused } = await echo(address);
    const descriptor = openSync(path, O_WRONLY | O_NONBLOCK);
    const served: Promise<void>[] = [];
    for (let index = 0; index < 10_000;) {
      const other = index.toString(16).padStart(32, "0");
      try {
        writeSync(descriptor, `\nsockeye/1 connect 1 ${other}\n`);
        if (index++ % 2500 === 0) served.push(isServed(address));
      } catch {
        await sleep(1);
      }
    }
    closeSync(descriptor);
    await Promise.all(served);
    await until(() => refused.length === 10_000, "the refusals");
    assert.ok(refused.every(({ code }) => code === "ENOENT"));
    await isServed(address);
    assert.deepEqual(names(), ["app"]);
    await server.close();
  }));

test("a refusal says who, what and why", () =>
  inPlace(async ({ path, address }) => {
    const { server, refused } = await echo(address);
    announce(path, "hello\n");
    await until(() => refused.length === 1, "the refusal");
    assert.equal(
      refused[0]!.message,
      `Cannot admit a client on ${address}: ` +
        'a line in the rendezvous is no record: "hello"',
    );
    await server.close();
  }));

// Pairs. What the client holds is opened by the test itself.

interface Pair {
  readonly c2s: string;
  readonly s2c: string;
}

/** Makes a pair, has `prepare` open or change it, and announces it. */
async function announced(
  prepare: (pair: Pair) => number[],
  check: (codes: unknown[]) => void,
): Promise<void> {
  await inPlace(async ({ path, address, names }) => {
    const { server, refused } = await echo(address);
    const base = `${path}.1.${nonce}`;
    const pair = { c2s: `${base}.c2s`, s2c: `${base}.s2c` };
    execFileSync("mkfifo", ["-m", "600", pair.c2s, pair.s2c]);
    const descriptors = prepare(pair);
    announce(path, `\nsockeye/1 connect 1 ${nonce}\n`);
    await isServed(address);
    check(refused.map(({ code }) => code));
    for (const descriptor of descriptors) closeSync(descriptor);
    await isServed(address);
    await server.close({ grace: 0 });
    for (const name of names()) {
      if (name !== "app") rmSync(path.replace(/app$/, name));
    }
  });
}

const read = (path: string) => openSync(path, O_RDONLY | O_NONBLOCK);

test("a client that opened c2s alone is refused as gone", () =>
  announced(({ c2s }) => {
    const reader = read(c2s);
    return [reader, openSync(c2s, O_WRONLY | O_NONBLOCK)];
  }, (codes) => assert.deepEqual(codes, ["ENXIO"])));

test("a client that opened s2c alone has ended its direction", () =>
  announced(
    ({ s2c }) => [read(s2c)],
    (codes) => assert.deepEqual(codes, []),
  ));

const planted: Record<string, [(pair: Pair) => number[], string]> = {
  "a symbolic link for s2c": [({ s2c }) => {
    renameSync(s2c, `${s2c}.real`);
    symlinkSync(`${s2c}.real`, s2c);
    return [read(`${s2c}.real`)];
  }, "ELOOP"],
  "a symbolic link for c2s": [({ c2s, s2c }) => {
    renameSync(c2s, `${c2s}.real`);
    symlinkSync(`${c2s}.real`, c2s);
    return [read(s2c)];
  }, "ELOOP"],
  "a symbolic link to a file for s2c": [({ s2c }) => {
    rmSync(s2c);
    symlinkSync("/etc/passwd", s2c);
    return [];
  }, "ELOOP"],
  "a plain file for s2c": [({ s2c }) => {
    rmSync(s2c);
    writeFileSync(s2c, "precious", { mode: 0o600 });
    return [];
  }, "EPERM"],
  "a second name for c2s": [({ c2s, s2c }) => {
    execFileSync("ln", [c2s, `${c2s}.too`]);
    return [read(s2c)];
  }, "EPERM"],
  "a mode that lets others in": [({ c2s, s2c }) => {
    execFileSync("chmod", ["666", c2s]);
    return [read(s2c)];
  }, "EPERM"],
};

for (const [what, [prepare, code]] of Object.entries(planted)) {
  test(`${what} at a pair's name is refused with ${code}`, () =>
    announced(prepare, (codes) => assert.deepEqual(codes, [code])));
}

test(
  "a record played again is refused, whatever stands at its names",
  needs("python3"),
  () =>
    inPlace(({ path, address, names }) =>
      withPrograms(async (start) => {
        const { server, refused } = await echo(address);
        const replay = `${fifoPrelude}
secrets.token_hex = lambda _: "${nonce}"
r, w = connect(sys.argv[1])
say("open")
try: connect(sys.argv[1], 0.5)
except OSError as error: say(errno.errorcode[error.errno])
os.write(w, b"still here"); say(exactly(r, 10).decode())
os.close(w)
`;
        const client = start("python3", "-c", replay, path);
        assert.equal(await client.line(), "open");
        assert.equal(await client.line(), "ETIMEDOUT");
        assert.equal(await client.line(), "still here");
        assert.equal(refused.length, 1);
        assert.match(refused[0]!.message, /announced itself twice/);
        await isServed(address);
        assert.deepEqual(names(), ["app"]);
        await server.close();
      })
    ),
);

// What the client meets.

test("a client meets what was planted at its own names", () =>
  inPlace(({ path, directory, address, names }) =>
    withPrograms(async (start) => {
      const { server, refused } = await echo(address);
      for (const direction of ["c2s", "s2c"]) {
        // The fourth effect makes the pair, the next opens it.
        const client = start(...programCommand("step_client"), path, "4");
        assert.equal(await client.line(), "stopped open");
        const name = names().find((each) => each.endsWith(direction))!;
        const at = `${directory}/${name}`;
        renameSync(at, `${directory}/real`);
        symlinkSync(`${directory}/real`, at);
        client.say("go");
        assert.equal(await client.line(), "ELOOP");
        rmSync(`${directory}/real`);
        assert.deepEqual(names(), ["app"]);
      }
      assert.deepEqual(refused, []);
      await server.close();
    })
  ));

const noRendezvous: Record<string, [(path: string) => void, string]> = {
  "nothing": [() => {}, "ENOENT"],
  "a FIFO that nobody holds": [
    (path) => void execFileSync("mkfifo", [path]),
    "ECONNREFUSED",
  ],
  "a plain file": [(path) => writeFileSync(path, "precious"), "ECONNREFUSED"],
  "a symbolic link": [
    (path) => symlinkSync("/dev/null", path),
    "ECONNREFUSED",
  ],
};

for (const [what, [prepare, code]] of Object.entries(noRendezvous)) {
  test(`connecting to ${what} is ${code}`, () =>
    inPlace(async ({ path, address, names }) => {
      prepare(path);
      const before = names();
      assert.equal(await codeOf(connect(address)), code);
      assert.deepEqual(names(), before);
      rmSync(path, { force: true });
    }));
}

test("a client whose server never answers gives up at its deadline, and leaves nothing", () =>
  inPlace(async ({ path, address, names }) => {
    execFileSync("mkfifo", [path]);
    const reader = read(path);
    const began = performance.now();
    const connecting = connect(address, { handshakeTimeout: 300 });
    assert.equal(await codeOf(connecting), "ETIMEDOUT");
    assert.ok(performance.now() - began >= 299);
    assert.deepEqual(names(), ["app"]);

    // One that goes away is noticed long before.
    const refused = connect(address);
    await until(() => names().length === 3, "the pair");
    closeSync(reader);
    assert.equal(await codeOf(refused), "ECONNREFUSED");
    assert.deepEqual(names(), ["app"]);
    rmSync(path);
  }));

test("a connect that is given up leaves nothing", () =>
  inPlace(async ({ path, address, names }) => {
    execFileSync("mkfifo", [path]);
    const reader = read(path);
    for (const ms of [0, 1, 2, 5, 10, 50]) {
      const timeout = codeOf(connect(address, { timeout: ms }));
      assert.equal(await timeout, "ETIMEDOUT");
      const signal = new AbortController();
      const aborted = codeOf(connect(address, { signal: signal.signal }));
      await sleep(ms);
      signal.abort(Object.assign(new Error("enough"), { code: "ENOUGH" }));
      assert.equal(await aborted, "ENOUGH");
    }
    await until(() => names().length === 1, "the pairs to go");
    closeSync(reader);
    rmSync(path);
  }));
