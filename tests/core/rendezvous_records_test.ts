/** Records of the rendezvous: every chunking, every bound. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeError } from "../../core/error.ts";
import {
  formatAnnouncement,
  formatAnswer,
  LineReader,
  MAX_LINE,
  parseAnnouncement,
  parseAnswer,
} from "../../core/rendezvous/records.ts";
import { ascii } from "./rendezvous_model.ts";

const nonce = "0123456789abcdef0123456789abcdef";

function linesOf(chunks: readonly Uint8Array[]): string[] {
  const reader = new LineReader();
  const lines: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let line; (line = reader.next()) !== undefined;) {
      lines.push(line.overlong ? "(overlong)" : line.text);
    }
  }
  assert.ok(reader.drained);
  return lines;
}

test("a record is what the protocol says, letter by letter", () => {
  assert.equal(
    formatAnnouncement(77, nonce),
    `\nsockeye/1 connect 77 ${nonce}\n`,
  );
  assert.equal(formatAnswer(), "sockeye/1 ok\n");
  assert.equal(formatAnswer("EACCES"), "sockeye/1 error EACCES\n");
  assert.deepEqual(parseAnnouncement(`sockeye/1 connect 77 ${nonce}`), {
    pid: 77,
    nonce,
  });
});

test("lines are the same whole, byte by byte, and cut at any place", () => {
  const text = `half${formatAnnouncement(1, nonce)}\n\n` +
    `${"x".repeat(MAX_LINE + 9)}${formatAnnouncement(2, nonce)}bö\nrest`;
  const bytes = ascii(text);
  const whole = linesOf([bytes]);
  assert.deepEqual(whole, [
    "half",
    `sockeye/1 connect 1 ${nonce}`,
    "(overlong)",
    `sockeye/1 connect 2 ${nonce}`,
    "bÃ¶",
  ]);
  assert.deepEqual(
    linesOf([...bytes].map((byte) => Uint8Array.of(byte))),
    whole,
  );
  for (let at = 0; at <= bytes.length; at += at < 120 ? 1 : 97) {
    assert.deepEqual(linesOf([bytes.slice(0, at), bytes.slice(at)]), whole);
  }
});

test("a line of the greatest length passes, one byte more does not", () => {
  const fits = "y".repeat(MAX_LINE - 1);
  assert.deepEqual(linesOf([ascii(`${fits}\n${fits}y\nz\n`)]), [
    fits,
    "(overlong)",
    "z",
  ]);
});

test("1 MiB without a newline holds no memory, and the next line is read", () => {
  const reader = new LineReader();
  for (let round = 0; round < 256; round++) {
    reader.push(new Uint8Array(4096).fill(120));
    assert.equal(reader.next(), undefined);
    assert.ok(reader.drained, "it keeps what it has refused");
  }
  reader.push(ascii("\nnext\n"));
  assert.equal(reader.next()?.overlong, true);
  assert.equal(reader.next()?.text, "next");
});

test("what follows a line is given back in order", () => {
  const reader = new LineReader();
  reader.push(ascii("sockeye/1 ok\nhel"));
  reader.push(ascii("lo\n"));
  assert.equal(reader.next()?.text, "sockeye/1 ok");
  const rest = reader.rest().map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(rest.join(""), "hello\n");
  assert.ok(reader.drained);
});

const bad: Record<string, string> = {
  "a word": "hello",
  "no nonce": "sockeye/1 connect 77",
  "a short nonce": `sockeye/1 connect 77 ${nonce.slice(1)}`,
  "a long nonce": `sockeye/1 connect 77 ${nonce}0`,
  "a nonce in capitals": `sockeye/1 connect 77 ${nonce.toUpperCase()}`,
  "a nonce that is a path": `sockeye/1 connect 77 ../../../../etc/passwd${
    nonce.slice(22)
  }`,
  "a process id that is a path": `sockeye/1 connect ../7 ${nonce}`,
  "process 0": `sockeye/1 connect 0 ${nonce}`,
  "a negative process id": `sockeye/1 connect -7 ${nonce}`,
  "a leading zero": `sockeye/1 connect 07 ${nonce}`,
  "a process id of 64 bits": `sockeye/1 connect 4294967296 ${nonce}`,
  "two spaces": `sockeye/1  connect 77 ${nonce}`,
  "a carriage return": `sockeye/1 connect 77 ${nonce}\r`,
  "a NUL": `sockeye/1 connect 77 ${nonce}\0`,
  "something behind": `sockeye/1 connect 77 ${nonce} more`,
  "something before": ` sockeye/1 connect 77 ${nonce}`,
  "a path in its stead": "sockeye/1 connect /tmp/mine",
};

for (const [what, line] of Object.entries(bad)) {
  test(`no record: ${what}`, () => {
    assert.throws(
      () => parseAnnouncement(line),
      (error) =>
        error instanceof SockeyeError &&
        error.code === "ERR_SOCKEYE_PROTOCOL" &&
        /^[\x20-\x7e…]*$/.test(error.message),
    );
  });
}

test("an unknown version is refused by name", () => {
  const { pid, refusal } = parseAnnouncement(`sockeye/2 connect 77 ${nonce}`);
  assert.equal(pid, 77);
  assert.equal(refusal?.code, "ERR_SOCKEYE_PROTOCOL");
  assert.match(refusal?.message ?? "", /"sockeye\/2".*only sockeye\/1/);
  assert.throws(
    () => parseAnnouncement("sockeye/2.1 join us"),
    /"sockeye\/2\.1".*only sockeye\/1/,
  );
});

const answers: Record<string, string> = {
  "sockeye/1 error EACCES": "EACCES",
  "sockeye/1 error ECONNREFUSED": "ECONNREFUSED",
  "sockeye/1 error EWHATEVER": "ERR_SOCKEYE_PROTOCOL",
  "sockeye/1 error": "ERR_SOCKEYE_PROTOCOL",
  "sockeye/1 okay": "ERR_SOCKEYE_PROTOCOL",
  "sockeye/2 ok": "ERR_SOCKEYE_PROTOCOL",
  "hello": "ERR_SOCKEYE_PROTOCOL",
};

for (const [line, code] of Object.entries(answers)) {
  test(`an answer: ${line}`, () => {
    parseAnswer("sockeye/1 ok");
    assert.throws(
      () => parseAnswer(line),
      (error) => error instanceof SockeyeError && error.code === code,
    );
  });
}
