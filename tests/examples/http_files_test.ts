/** `examples/http_files.ts`, by Python's http.client and by bytes of our own. */
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
import { test } from "node:test";
import { connect } from "../../mod.ts";
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

function serve(stage: Stage, ...options: string[]): Promise<Server> {
  return stage.serve("http_files", "tcp://:0", layOut(stage), ...options);
}

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

/** The status, the headers by lower-case name, and the body of one request. */
async function ask(
  server: Server,
  target: string,
  headers = "",
  method = "GET",
): Promise<{ status: number; headers: Map<string, string>; body: string }> {
  const answer = await answerTo(
    server,
    `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `${headers}\r\n`,
  );
  const end = answer.indexOf("\r\n\r\n");
  const [first = "", ...lines] = answer.slice(0, end).split("\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]),
    headers: new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    })),
    body: answer.slice(end + 4),
  };
}

test(
  "http_files: which file a target means, and what is none",
  onStage(async (stage) => {
    const server = await serve(stage);
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
    for (const [target, status, body] of table) {
      const answer = await ask(server, target);
      assert.equal(answer.status, status, target);
      if (body !== undefined) assert.equal(answer.body, body, target);
      assert.ok(!answer.body.includes("secret"), target);
    }
    await endWell(server);
  }),
);

test(
  "http_files: types, lengths and dates; HEAD; what is not modified",
  onStage(async (stage) => {
    const server = await serve(stage);
    const get = await ask(server, "/digits.txt");
    const date = "Fri, 02 Jan 2026 03:04:05 GMT";
    assert.equal(get.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(get.headers.get("content-length"), "10");
    assert.equal(get.headers.get("last-modified"), date);
    const head = await ask(server, "/digits.txt", "", "HEAD");
    assert.equal(head.body, "");
    for (const name of ["content-type", "content-length", "last-modified"]) {
      assert.equal(head.headers.get(name), get.headers.get(name));
    }
    const missing = await ask(server, "/nothing", "", "HEAD");
    assert.deepEqual([missing.status, missing.body], [404, ""]);
    const since = (when: string): Promise<{ status: number; body: string }> =>
      ask(server, "/digits.txt", `If-Modified-Since: ${when}\r\n`);
    const fresh = await since(date);
    assert.deepEqual([fresh.status, fresh.body], [304, ""]);
    assert.equal((await since("Fri, 02 Jan 2026 03:04:04 GMT")).status, 200);
    assert.equal((await since("yesterday")).status, 200);
    const odd = await ask(server, "/sp%20ace%25.bin");
    assert.equal(odd.headers.get("content-type"), "application/octet-stream");
    const moved = await ask(server, "//sub?x");
    assert.equal(moved.headers.get("location"), "/sub/");
    await endWell(server);
  }),
);

test(
  "http_files: a range is that part, one that is not there is 416",
  onStage(async (stage) => {
    const server = await serve(stage);
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
    for (const [range, status, body] of table) {
      const answer = await ask(server, "/digits.txt", `Range: ${range}\r\n`);
      assert.equal(answer.status, status, range);
      if (body !== undefined) assert.equal(answer.body, body, range);
      if (status === 200) continue;
      const expected = status === 416
        ? /^bytes \*\/10$/
        : /^bytes \d+-\d+\/10$/;
      assert.match(answer.headers.get("content-range")!, expected);
    }
    const stale = "Range: bytes=0-1\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT";
    const whole = await ask(server, "/digits.txt", `${stale}\r\n`);
    assert.equal(whole.status, 200);
    await endWell(server);
  }),
);

test(
  "http_files: requests that are none, one by one, and the others go on",
  onStage(async (stage) => {
    const server = await serve(stage);
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
    for (const [text, status] of table) {
      const answer = await answerTo(server, text);
      assert.match(
        answer,
        new RegExp(`^HTTP/1.1 ${status} `),
        text.slice(0, 80),
      );
    }
    assert.match(
      await answerTo(server, "DELETE / HTTP/1.0\n\n"),
      /Allow: GET, HEAD/,
    );
    assert.equal((await ask(server, "/")).status, 200);
    await endWell(server);
  }),
);

test(
  "http_files: several requests on one connection, also when they come at once",
  onStage(async (stage) => {
    const server = await serve(stage);
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
  }),
);

test(
  "http_files: half a line, a byte now and then, or nothing: 408 for that client alone",
  onStage(async (stage) => {
    const server = await serve(stage, "--timeout", "600");
    const slow = await connect(server.addresses[0]!);
    let dripping = true;
    const drip = (async () => {
      for (const letter of "GET / HTTP/1.1\r\nHost: x\r\n".repeat(9)) {
        if (!dripping) return;
        await slow.write(new TextEncoder().encode(letter)).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    const lates = ["GET / HT", ""].map((text) => answerTo(server, text));
    // Meanwhile others are served.
    for (let i = 0; i < 5; i++) {
      assert.equal((await ask(server, "/digits.txt")).status, 200);
    }
    for (const late of lates) assert.match(await late, /^HTTP\/1\.1 408 /);
    let answer = "";
    for await (const bytes of slow) answer += new TextDecoder().decode(bytes);
    assert.match(answer, /^HTTP\/1\.1 408 /);
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
  }),
);

test(
  "http_files: 10 GiB of holes: a range at the end, and a reader that leaves",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const size = 10 * 2 ** 30;
    writeFileSync(join(stage.directory, "root", "big"), "");
    truncateSync(join(stage.directory, "root", "big"), size);
    const tail = await ask(server, "/big", `Range: bytes=${size - 5}-\r\n`);
    assert.deepEqual([tail.status, tail.body], [206, "\0".repeat(5)]);
    const python = stage.python(
      `
import http.client, re
def peak():
    status = open("/proc/%d/status" % int(sys.argv[2])).read()
    return int(re.search(r"VmHWM:\\s+(\\d+)", status).group(1))
host, port = sys.argv[1].split("//")[1].rsplit(":", 1)
client = http.client.HTTPConnection(host, int(port), timeout=20)
client.request("GET", "/big")
answer = client.getresponse()
say("length", answer.length == ${size})
before = peak()
answer.read(8 << 20)
for i in range(31):
    answer.read(8 << 20)
say("grown", peak() - before < 65536 or peak() - before)
client.close()`,
      server.addresses[0]!,
      String(server.id),
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, ["length True", "grown True"]);
    assert.equal((await ask(server, "/digits.txt")).status, 200);
    await endWell(server);
  }),
);

test(
  "http_files: at SIGTERM who waits is sent away, and an answer under way is whole",
  onStage(async (stage) => {
    const server = await serve(stage);
    const length = 32 * 2 ** 20;
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
  }),
);

test(
  "http_files: wrong usage, and a directory that is not there",
  onStage(async (stage) => {
    const wrong = stage.example("http_files", "tcp://:0");
    assert.equal(await wrong.ended(), 2);
    assert.match(wrong.errors, /Expected one address and ROOT/);
    const missing = stage.example("http_files", "tcp://:0", "nowhere");
    assert.equal(await missing.ended(), 1);
    assert.match(missing.errors, /ENOENT/);
  }),
);
