/**
 * `examples/http_files.ts` by each strategy, by Python's http.client and by bytes
 * of our own.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect, type Connection } from "../../mod.ts";
import { needs } from "./peers.ts";
import { onStage, type Server, type Stage } from "./programs.ts";

/** What is served, and one file beside it that is not. */
function layOut(stage: Stage): string {
  const root = join(stage.directory, "root");
  mkdirSync(join(root, "sub"), { recursive: true });
  const write = (name: string, text: string): void =>
    writeFileSync(join(root, name), text);
  write("index.html", "<p>index");
  write("sub/index.html", "<p>sub");
  write("digits.txt", "0123456789");
  write("sp ace%.bin", "odd");
  write("empty.css", "");
  write("../secret", "secret");
  mkdirSync(join(root, "bare"));
  symlinkSync("digits.txt", join(root, "inside"));
  symlinkSync("../secret", join(root, "outside"));
  symlinkSync("..", join(root, "up"));
  symlinkSync("loop", join(root, "loop"));
  write("private", "nobody's");
  chmodSync(join(root, "private"), 0);
  const modified = new Date("2026-01-02T03:04:05Z");
  utimesSync(join(root, "digits.txt"), modified, modified);
  return root;
}

/** Where the handler runs: one file, and the same answers. */
const strategies = ["loop", "process", "prefork", "workers"];

/** A test for each of them. */
function eachTest(
  name: string,
  play: (stage: Stage, serve: Serve) => Promise<void>,
  options: { skip?: string | false } = {},
): void {
  for (const strategy of strategies) {
    test(
      `http_files, ${strategy}: ${name}`,
      options,
      onStage((stage) =>
        play(stage, (...args) => {
          args.push("--strategy", strategy);
          return stage.serve("http_files", "tcp://:0", layOut(stage), ...args);
        })
      ),
    );
  }
}

type Serve = (...options: string[]) => Promise<Server>;

async function endWell(server: Server): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.errors, "");
}

/** All that a server answers to these bytes, until it ends the connection. */
async function answerTo(server: Server, text: string): Promise<string> {
  const client = await connect(server.addresses[0]!);
  try {
    await client.write(new TextEncoder().encode(text));
    let answer = "";
    for await (const bytes of client) {
      answer += new TextDecoder("latin1").decode(bytes);
    }
    return answer;
  } finally {
    client.abort();
  }
}

/** An answer, with the names of its headers in lower case. */
interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A client that asks on one connection as long as the server lets it. */
class Browser {
  readonly #to: string;
  #connection: Connection | undefined;
  #text = "";

  constructor(server: Server) {
    this.#to = server.addresses[0]!;
  }

  async ask(target: string, headers = "", method = "GET"): Promise<Answer> {
    const request = `${method} ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
    const connection = this.#connection ??= await connect(this.#to);
    await connection.write(new TextEncoder().encode(request));
    while (!this.#text.includes("\r\n\r\n")) await this.#more(connection);
    const end = this.#text.indexOf("\r\n\r\n");
    const [first = "", ...lines] = this.#take(end + 4).slice(0, end)
      .split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    const given = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    }));
    const bare = method === "HEAD" || status === 304;
    const length = bare ? 0 : Number(given.get("content-length"));
    while (this.#text.length < length) await this.#more(connection);
    const body = this.#take(length);
    if (given.get("connection") === "close") await this.close();
    return { status, headers: given, body };
  }

  /** Ends the connection; nothing that nobody asked for may be left. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    await connection.closeWrite();
    assert.equal(this.#text, "");
    assert.equal(await connection.read(), null);
    await connection.close();
  }

  async #more(connection: Connection): Promise<void> {
    const bytes = await connection.read();
    assert.ok(bytes !== null, `the end came behind ${this.#text}`);
    this.#text += new TextDecoder("latin1").decode(bytes);
  }

  #take(length: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

/** One request on a connection of its own. */
async function ask(
  server: Server,
  target: string,
  headers = "",
): Promise<Answer> {
  const browser = new Browser(server);
  const answer = await browser.ask(target, headers);
  await browser.close();
  return answer;
}

eachTest(
  "which file a target means, and what is none",
  async (_stage, serve) => {
    const server = await serve();
    const table: [target: string, status: number, body?: string][] = [
      ["/", 200, "<p>index"],
      ["/index.html?a=/../b", 200, "<p>index"],
      ["http://example.org/digits.txt", 200, "0123456789"],
      ["/digits.txt", 200, "0123456789"],
      ["/%64igits.txt", 200, "0123456789"],
      ["/sub/../digits.txt", 200, "0123456789"],
      ["//digits.txt", 200, "0123456789"],
      ["/inside", 200, "0123456789"],
      ["/sp%20ace%25.bin", 200, "odd"],
      ["/empty.css", 200, ""],
      ["/sub", 301],
      ["/sub/", 200, "<p>sub"],
      ["/bare/", 404],
      ["/digits.txt/", 404],
      ["/nothing", 404],
      ["/loop", 404],
      [`/${"a".repeat(300)}`, 404],
      ["/../secret", 403],
      ["/sub/../../secret", 403],
      ["/%2e%2e/secret", 403],
      ["/..%2fsecret", 403],
      ["/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 403],
      ["/outside", 403],
      ["/up/secret", 403],
      ["/up", 403],
      ["/%zz", 400],
      ["/%ff", 400],
      ["/a%00b", 400],
      ["digits.txt", 400],
      ["*", 400],
    ];
    const browser = new Browser(server);
    for (const [target, status, body] of table) {
      const answer = await browser.ask(target);
      assert.equal(answer.status, status, target);
      if (body !== undefined) assert.equal(answer.body, body, target);
      assert.ok(!answer.body.includes("secret"), target);
    }
    await browser.close();
    await endWell(server);
  },
);

eachTest(
  "types, lengths and dates; HEAD; what is not modified",
  async (_stage, serve) => {
    const server = await serve();
    const browser = new Browser(server);
    const get = await browser.ask("/digits.txt");
    const date = "Fri, 02 Jan 2026 03:04:05 GMT";
    assert.equal(get.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(get.headers.get("content-length"), "10");
    assert.equal(get.headers.get("last-modified"), date);
    const head = await browser.ask("/digits.txt", "", "HEAD");
    assert.equal(head.body, "");
    for (const name of ["content-type", "content-length", "last-modified"]) {
      assert.equal(head.headers.get(name), get.headers.get(name));
    }
    const missing = await browser.ask("/nothing", "", "HEAD");
    assert.deepEqual([missing.status, missing.body], [404, ""]);
    const since = (when: string): Promise<Answer> =>
      browser.ask("/digits.txt", `If-Modified-Since: ${when}\r\n`);
    const fresh = await since(date);
    assert.deepEqual([fresh.status, fresh.body], [304, ""]);
    assert.equal((await since("Fri, 02 Jan 2026 03:04:04 GMT")).status, 200);
    assert.equal((await since("yesterday")).status, 200);
    const odd = await browser.ask("/sp%20ace%25.bin");
    assert.equal(odd.headers.get("content-type"), "application/octet-stream");
    const moved = await browser.ask("//sub?x");
    assert.equal(moved.headers.get("location"), "/sub/");
    await browser.close();
    await endWell(server);
  },
);

eachTest(
  "a range is that part, one that is not there is 416",
  async (_stage, serve) => {
    const server = await serve();
    const table: [range: string, status: number, body?: string][] = [
      ["bytes=0-0", 206, "0"],
      ["bytes=2-4", 206, "234"],
      ["bytes=7-", 206, "789"],
      ["bytes=7-99", 206, "789"],
      ["bytes=-3", 206, "789"],
      ["bytes=-99", 206, "0123456789"],
      ["bytes=10-", 416],
      ["bytes=-0", 416],
      ["bytes=4-2", 200, "0123456789"],
      ["bytes=0-1,3-4", 200, "0123456789"],
      ["lines=1-2", 200, "0123456789"],
    ];
    const browser = new Browser(server);
    for (const [range, status, body] of table) {
      const answer = await browser.ask("/digits.txt", `Range: ${range}\r\n`);
      assert.equal(answer.status, status, range);
      if (body !== undefined) assert.equal(answer.body, body, range);
      if (status === 200) continue;
      const expected = status === 416
        ? /^bytes \*\/10$/
        : /^bytes \d+-\d+\/10$/;
      assert.match(answer.headers.get("content-range")!, expected);
    }
    const stale = "Range: bytes=0-1\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT";
    const whole = await browser.ask("/digits.txt", `${stale}\r\n`);
    assert.equal(whole.status, 200);
    await browser.close();
    await endWell(server);
  },
);

eachTest(
  "requests that are none, and the others go on",
  async (_stage, serve) => {
    const server = await serve();
    const get = "GET / HTTP/1.1\r\n";
    const table: [text: string, status: number][] = [
      ["\r\n\r\nGET / HTTP/1.0\r\n\r\n", 200],
      ["GET / HTTP/1.0\n\n", 200],
      ["GET /\r\n\r\n", 400],
      ["GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET / HTTP/2.0\r\n\r\n", 505],
      ["GET /é HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      [`${get}\r\n`, 400],
      [`${get}Host: x\r\nHost: y\r\n\r\n`, 400],
      [`${get}Host : x\r\n\r\n`, 400],
      [`${get}Host: x\r\n folded\r\n\r\n`, 400],
      [`${get}Host: x\r\nnothing\r\n\r\n`, 400],
      [`${get}Host: x\r\nA: b\0c\r\n\r\n`, 400],
      [
        `${get}Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
        400,
      ],
      [`${get}Host: x\r\nA: ${"a".repeat(8192)}\r\n\r\n`, 431],
      [`GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
      ["\0".repeat(10_000), 431],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405],
      ["OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405],
    ];
    const answers = await Promise.all(
      table.map(([text]) => answerTo(server, text)),
    );
    table.forEach(([text, status], i) => {
      const expected = new RegExp(`^HTTP/1.1 ${status} `);
      assert.match(answers[i]!, expected, text.slice(0, 80));
      if (status === 405) assert.match(answers[i]!, /\r\nAllow: GET, HEAD\r/);
    });
    assert.equal((await ask(server, "/")).status, 200);
    await endWell(server);
  },
);

eachTest(
  "several requests on one connection, also when they come at once",
  async (_stage, serve) => {
    const server = await serve();
    const one = "GET /digits.txt HTTP/1.1\r\nHost: x\r\n";
    const answer = await answerTo(
      server,
      `${one}\r\n${one}\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n` +
        `${one}Connection: close\r\n\r\n${one}\r\n`,
    );
    assert.deepEqual(
      answer.match(/(?<=HTTP\/1\.1 )\d+/g),
      ["200", "200", "404", "200"],
    );
    await endWell(server);
  },
);

eachTest(
  "half a line, a byte now and then, or nothing: 408 for that client alone",
  async (_stage, serve) => {
    const server = await serve("--timeout", "600");
    const began = performance.now();
    const slow = await connect(server.addresses[0]!);
    let dripping = true;
    const drip = (async () => {
      for (const letter of "GET / HTTP/1.1\r\nHost: x\r\n".repeat(99)) {
        if (!dripping) return;
        await slow.write(new TextEncoder().encode(letter)).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    const lates = ["GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", ""]
      .map((text) => answerTo(server, text));
    // Meanwhile others are served.
    for (let i = 0; i < 5; i++) {
      assert.equal((await ask(server, "/digits.txt")).status, 200);
    }
    for (const late of lates) assert.match(await late, /^HTTP\/1\.1 408 /);
    let answer = "";
    for await (const bytes of slow) answer += new TextDecoder().decode(bytes);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    // By itself it would have gone on for two minutes.
    assert.ok(dripping && performance.now() - began < 15_000);
    dripping = false;
    await drip;
    slow.abort();
    // One that asked before is not told that it asked nothing else.
    const idle = await answerTo(
      server,
      "GET /digits.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert.match(idle, /^HTTP\/1\.1 200 [^]*0123456789$/);
    await endWell(server);
  },
);

eachTest(
  "10 GiB of holes: a range at the end, and a reader that leaves",
  async (stage, serve) => {
    const server = await serve();
    const size = 10 * 2 ** 30;
    const big = join(stage.directory, "root", "big");
    writeFileSync(big, "");
    truncateSync(big, size);
    const tail = await ask(server, "/big", `Range: bytes=${size - 5}-\r\n`);
    assert.deepEqual([tail.status, tail.body], [206, "\0".repeat(5)]);
    const python = stage.python(
      `
import glob, http.client, re
def field(pid, name):
    "A number of proc(5); -1 for a process that has gone."
    try:
        status = open("/proc/%s/status" % pid).read()
        return int((re.search(name + r":\\s+(\\d+)", status) or [0, -1])[1])
    except OSError:
        return -1
def peaks():
    "The most memory that the server and each of its children ever had, kB."
    all = [path.split("/")[2] for path in glob.glob("/proc/[0-9]*/status")]
    ours = [p for p in all if sys.argv[2] in (p, str(field(p, "PPid")))]
    return {p: field(p, "VmHWM") for p in ours}
host, port = sys.argv[1].split("//")[1].rsplit(":", 1)
client = http.client.HTTPConnection(host, int(port), timeout=20)
client.request("GET", "/big")
answer = client.getresponse()
say("length", answer.length == ${size})
# Buffers on their way are garbage until it is collected: a constant amount.
for i in range(8):
    answer.read(8 << 20)
before = peaks()
for i in range(24):
    answer.read(8 << 20)
after = peaks()
grown = max(after[p] - before[p] for p in after if p in before)
say("grown", grown < 65536 or grown)
client.close()`,
      server.addresses[0]!,
      String(server.id),
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, ["length True", "grown True"]);
    assert.equal((await ask(server, "/digits.txt")).status, 200);
    await endWell(server);
  },
  needs("python3"),
);

eachTest(
  "at SIGTERM who waits is sent away, and an answer under way is whole",
  async (stage, serve) => {
    const server = await serve();
    // More than the kernel keeps for both ends, and no more than a slow machine
    // sends within the grace.
    const length = 12 * 2 ** 20;
    const big = join(stage.directory, "root", "big");
    writeFileSync(big, "");
    truncateSync(big, length);
    const idle = answerTo(
      server,
      "GET /digits.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    const client = await connect(server.addresses[0]!);
    await client.write(new TextEncoder().encode("GET /big HTTP/1.0\r\n\r\n"));
    let received = (await client.read())!.length;
    server.signal("SIGTERM");
    assert.match(await idle, /0123456789$/);
    for await (const bytes of client) received += bytes.length;
    await client.close();
    assert.ok(received > length, `${received} bytes`);
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.lines.at(-1), "closed: 2 drained, 0 aborted");
  },
);

test(
  "http_files, prefork: SIGHUP under load loses no request, kept connections move on",
  onStage(async (stage) => {
    const root = layOut(stage);
    const args = ["tcp://:0", root, "--strategy", "prefork"];
    const server = await stage.serve("http_files", ...args);
    let done = false;
    let moved = 0;
    const keeping = new Browser(server);
    const load = [
      async () => void await ask(server, "/digits.txt"),
      async () => {
        const { status, headers } = await keeping.ask("/digits.txt");
        assert.equal(status, 200);
        if (headers.get("connection") === "close") moved++;
      },
    ].map(async (once) => {
      while (!done) await once();
    });
    try {
      for (let i = 1; i <= 3; i++) {
        process.kill(server.id, "SIGHUP");
        while (moved < i) await Promise.race([...load, tick()]);
      }
    } finally {
      done = true;
      await Promise.all(load);
      await keeping.close();
    }
    await endWell(server);
    assert.match(server.lines.at(-2)!, / 0 lost$/);
  }),
);

test(
  "http_files: wrong usage, and a directory that is not there",
  onStage(async (stage) => {
    const wrong = stage.example("http_files", "tcp://:0");
    assert.equal(await wrong.ended(), 2);
    assert.match(wrong.errors, /Expected one address and ROOT/);
    const odd = ["tcp://:0", ".", "--strategy", "threads"];
    const unknown = stage.example("http_files", ...odd);
    assert.equal(await unknown.ended(), 2);
    assert.match(unknown.errors, /Expected one of loop, process, .* threads/);
    const missing = stage.example("http_files", "tcp://:0", "nowhere");
    assert.equal(await missing.ended(), 1);
    assert.match(missing.errors, /ENOENT/);
  }),
);
