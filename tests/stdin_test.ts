/**
 * Standard input of every kind, with real processes. What is written to it is
 * written by Python, whose end of it stays open unless it says otherwise.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "./examples/peers.ts";
import {
  commandOf,
  onStage,
  type Program,
  type Stage,
} from "./examples/programs.ts";

const MiB = 1 << 20;

/** What is taken at most while nobody reads: Bun gives up to 512 KiB at a time. */
const mostHeld = 65536 + 512 * 1024;

/** Inputs that can be written to while they are read. */
const kinds = ["pipe", "socket", "terminal"] as const;

type Kind = typeof kinds[number];

/** Starts a reader whose input Python writes, one step after the other. */
function feed(
  stage: Stage,
  kind: Kind,
  play: string,
  ...steps: string[]
): Program {
  const command = commandOf("../stdin_reader");
  const args = [kind, JSON.stringify(steps), ...command, play];
  return stage.python(feeder, ...args);
}

/** Steps: `write …`, `hear …` (of what the reader says), `eof`, `fill …` bytes. */
const feeder = `
import json, os, pty, signal, subprocess
kind, steps, command = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
if kind == "pipe":
    theirs, ours = os.pipe()
elif kind == "terminal":
    ours, theirs = pty.openpty()
else:
    one, two = socket.socketpair()
    ours, theirs = one.detach(), two.detach()
reader = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE,
    start_new_session=True)
os.close(theirs)

def relay(part=None):
    for line in reader.stdout:
        say(line.decode().rstrip())
        if part is not None and part in line.decode():
            return

def fill(count):
    block, sha = random.Random(1).randbytes(1 << 20), hashlib.sha256()
    for _ in range(count >> 20):
        sha.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(ours, view):]
    say("sent", sha.hexdigest())

for step in steps:
    word, _, rest = step.partition(" ")
    if word == "write":
        os.write(ours, rest.encode())
    elif word == "hear":
        relay(rest)
    elif word == "kill":
        reader.send_signal(signal.Signals[rest])
    elif word == "fill":
        filler = threading.Thread(target=fill, args=(int(rest),), daemon=True)
        filler.start()
    elif word == "filled":
        filler.join()
    elif kind == "terminal":
        os.write(ours, b"\\x04")
    else:
        os.close(ours)
relay()
say("status", reader.wait())`;

/** What the reader said, and Python about it. */
async function saidBy(program: Program): Promise<string[]> {
  assert.equal(await program.ended(), 0, program.errors);
  assert.equal(program.errors, "");
  return program.lines;
}

function whole(text: string | Uint8Array): string[] {
  const hash = createHash("sha256").update(text).digest("hex");
  return [`${text.length} bytes ${hash}`, "then null,null, true", "closed end"];
}

for (const kind of kinds) {
  test(
    `stdin, a ${kind}: all bytes in order, then the end, again and again`,
    needs("python3"),
    onStage(async (stage) => {
      const lines = ["write one\n", "write two\n", "eof"];
      const reader = feed(stage, kind, "all", ...lines);
      const said = await saidBy(reader);
      assert.deepEqual(said, [...whole("one\ntwo\n"), "status 0"]);
    }),
  );

  test(
    `stdin, a ${kind}: an end that was there before the call`,
    needs("python3"),
    onStage(async (stage) => {
      const said = await saidBy(feed(stage, kind, "all", "eof"));
      assert.deepEqual(said, [...whole(""), "status 0"]);
      const after = await saidBy(
        feed(stage, kind, "after", "write x\n", "eof"),
      );
      assert.deepEqual(after, [...whole(""), "status 0"]);
    }),
  );

  test(
    `stdin, a ${kind}: closed, it lets the process end, although the writer stays`,
    needs("python3"),
    onStage(async (stage) => {
      const read = await saidBy(feed(stage, kind, "one", "write one\n"));
      assert.deepEqual(read, ['got "one\\n"', "closed close", "status 0"]);
      const unread = await saidBy(feed(stage, kind, "close"));
      assert.deepEqual(unread, ["closed close", "status 0"]);
    }),
  );

  test(
    `stdin, a ${kind}: closed, it lets the process end, although more is written`,
    needs("python3"),
    onStage(async (stage) => {
      const steps = ["write one\n", "hear closed", "write two\n", "write 3\n"];
      const said = await saidBy(feed(stage, kind, "later", ...steps));
      assert.deepEqual(said, ["closed close", "the end", "status 0"]);
    }),
  );

  test(
    `stdin, a ${kind}: select and a Poller wait for it beside a socket, idle as it is`,
    needs("python3"),
    onStage(async (stage) => {
      const steps = ["hear waiting", "write now\n"];
      assert.deepEqual(await saidBy(feed(stage, kind, "wait", ...steps)), [
        "waiting",
        "input true, client false",
        "got now",
        "then client",
        "watched false",
        "status 0",
      ]);
    }),
  );

  test(
    `stdin, a ${kind}: a signal ends the process that waits for it`,
    needs("python3"),
    onStage(async (stage) => {
      const steps = ["hear waiting", "kill SIGTERM"];
      const said = await saidBy(feed(stage, kind, "wait", ...steps));
      assert.deepEqual(said, ["waiting", "status -15"]);
    }),
  );
}

for (const kind of ["pipe", "socket"] as const) {
  test(
    `stdin, a ${kind}: 100 MiB that nobody reads are not taken, and none is lost`,
    needs("python3"),
    onStage(async (stage) => {
      const steps = [`fill ${100 * MiB}`, "hear holds", "filled", "eof"];
      const said = await saidBy(feed(stage, kind, "unread", ...steps));
      const [, held, grown] = /^holds (\d+), grown (-?\d+) MiB$/.exec(
        said[0]!,
      )!;
      assert.ok(Number(held) <= mostHeld, said[0]);
      assert.ok(Number(grown) < 20, said[0]);
      const sent = said.find((line) => line.startsWith("sent "))!.slice(5);
      assert.ok(said.includes(`${100 * MiB} bytes ${sent}`), said.join("\n"));
      assert.equal(said.at(-1), "status 0");
    }),
  );

  test(
    `stdin, a ${kind}: stopped and started again and again, it loses nothing`,
    needs("python3"),
    onStage(async (stage) => {
      const steps = [`fill ${32 * MiB}`, "filled", "eof"];
      const said = await saidBy(feed(stage, kind, "slow", ...steps));
      const sent = said[0]!.slice("sent ".length);
      assert.deepEqual(said.slice(1), [
        `${32 * MiB} bytes ${sent}`,
        "status 0",
      ]);
    }),
  );
}

test(
  "stdin, a file: whole, however it is read, and not taken while nobody does",
  onStage(async (stage) => {
    const path = join(stage.directory, "file");
    const bytes = Buffer.alloc(100 * MiB, randomBytes(65_537));
    writeFileSync(path, bytes);
    const [told, then, closed] = whole(bytes);
    assert.deepEqual(await read(stage, `< ${path}`, "slow"), [told]);
    const said = await read(stage, `< ${path}`, "unread");
    const [, held, grown] = /^holds (\d+), grown (-?\d+) MiB$/.exec(said[0]!)!;
    assert.ok(Number(held) <= mostHeld, said[0]);
    assert.ok(Number(grown) < 20, said[0]);
    assert.deepEqual(said.slice(1), [told, then, closed]);
    const one = await read(stage, `< ${path}`, "one");
    assert.equal(one.at(-1), "closed close");
  }),
);

test(
  "stdin, nothing: an empty file, /dev/null and a closed descriptor are ends",
  onStage(async (stage) => {
    const path = join(stage.directory, "empty");
    writeFileSync(path, "");
    for (const from of [`< ${path}`, "< /dev/null", "<&-"]) {
      assert.deepEqual(await read(stage, from, "all"), whole(""), from);
      assert.deepEqual(await read(stage, from, "close"), ["closed close"]);
    }
    assert.deepEqual(await read(stage, "< /dev/null", "after"), whole(""));
  }),
);

test(
  "stdin, not to be read: an error with its name",
  onStage(async (stage) => {
    assert.deepEqual(await read(stage, "0> /dev/null", "fail"), [
      "is told true",
      "EBADF: Cannot read from standard input: it is closed, or no descriptor at all",
      "closed error EBADF",
    ]);
  }),
);

test(
  "stdin, endless: closed after the first chunk, it lets the process end",
  onStage(async (stage) => {
    const said = await read(stage, "< /dev/zero", "one");
    assert.equal(said.at(-1), "closed close");
  }),
);

/** Starts a reader with a redirection of the shell's. */
function start(stage: Stage, from: string, play: string): Program {
  const command = commandOf("../stdin_reader");
  return stage.start(["sh", "-c", `exec "$@" ${from}`, "sh", ...command, play]);
}

async function read(
  stage: Stage,
  from: string,
  play: string,
): Promise<string[]> {
  return await saidBy(start(stage, from, play));
}
