/** `examples/chat.ts`: a room and its guests, on several runtimes at once. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { needs } from "./peers.ts";
import {
  exampleCommand,
  onStage,
  type Program,
  type Server,
  type Stage,
} from "./programs.ts";

/** Opens a room, on the runtime that runs the test. */
function open(stage: Stage, ...options: string[]): Promise<Server> {
  return stage.serve("chat", "udp://:0", "host", "--serve", ...options);
}

/** Sends a guest to a room; it has come when the room says so. */
async function enter(
  stage: Stage,
  room: Server,
  name: string,
  command: readonly string[] = exampleCommand("chat"),
  ...options: string[]
): Promise<Program> {
  const at = room.addresses[0]!;
  const guest = stage.start([...command, at, name, ...options]);
  await guest.said(`* ${name} has come`);
  return guest;
}

/** Commands that run a chat on this runtime, on Deno and on Bun. */
function commands(): string[][] {
  const above = import.meta.url.endsWith(".ts") ? "../.." : "../../..";
  const root = fileURLToPath(new URL(`${above}/`, import.meta.url).href);
  const bin = (name: string): string =>
    resolve(root, "node_modules/.bin", name);
  const source = resolve(root, "examples/chat.ts");
  const deno = "deno" in process.versions ? process.execPath : bin("deno");
  return [
    exampleCommand("chat"),
    [deno, "run", "--allow-all", "--quiet", source],
    [bin("bun"), source],
  ];
}

/** What somebody saw of what another said. */
function heardOf(program: Program, name: string): string[] {
  const head = `${name}: `;
  return program.lines.filter((line) => line.startsWith(head))
    .map((line) => line.slice(head.length));
}

/** Leaves, with all that this is. */
async function leave(...guests: Program[]): Promise<void> {
  for (const guest of guests) {
    guest.write("/quit\n");
    assert.equal(await guest.ended(), 0, guest.errors);
    assert.equal(guest.errors, "");
  }
}

async function close(room: Server): Promise<void> {
  room.signal("SIGTERM");
  assert.equal(await room.ended(), 0, room.errors);
  assert.equal(room.errors, "");
}

test(
  "chat: five guests on three runtimes, 200 lines each at once, all seen by all in order",
  onStage(async (stage) => {
    const room = await open(stage);
    const names = ["anna", "bob", "carol", "dave", "eve"];
    const ways = commands();
    const guests = await Promise.all(
      names.map((name, i) => enter(stage, room, name, ways[i % ways.length])),
    );
    const lines = (name: string): string[] =>
      Array.from({ length: 200 }, (_, i) => `${name}'s line ${i}, wörtlich`);
    guests.forEach((guest, i) =>
      guest.write(`${lines(names[i]!).join("\n")}\n`)
    );
    for (const seer of [room, ...guests]) {
      for (const name of names) {
        if (seer === guests[names.indexOf(name)]) continue;
        const all = (): boolean => heardOf(seer, name).length >= 200;
        await seer.until(`200 lines of ${name}`, all);
        assert.deepEqual(heardOf(seer, name), lines(name));
      }
    }
    guests.forEach((guest, i) =>
      assert.deepEqual(heardOf(guest, names[i]!), [])
    );
    await leave(...guests);
    await room.said("has left", 5);
    await close(room);
  }),
);

/** How it was: hear one, say one, in turn. Datagrams are lines. */
const alternating = `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
say("listening", s.getsockname()[1])
while True:
    line, other = s.recvfrom(1000)
    say(line.decode())
    s.sendto(hear().encode(), other)`;

test(
  "chat: five lines of one are seen at once while the other is silent, and were not in strict alternation",
  needs("python3"),
  onStage(async (stage) => {
    const lines = ["1", "2", "3", "4", "5"].map((n) => `line ${n} of five`);

    const silent = stage.python(alternating);
    const port = (await silent.said("listening")).slice("listening ".length);
    const eager = stage.python(
      `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", int(sys.argv[1])))
for line in sys.argv[2:]:
    s.send(line.encode())
for _ in sys.argv[2:]:
    say("answer", s.recv(1000).decode())`,
      port,
      ...lines,
    );
    for (let seen = 1; seen < 5; seen++) {
      await silent.said("of five", seen);
      silent.write(`word ${seen}\n`);
      await eager.said(`answer word ${seen}`);
      // All five had been sent: each waited for a word of the other.
      assert.ok(silent.lines.length - 1 <= seen + 1);
    }
    await silent.said("of five", 5);

    const room = await open(stage);
    const listener = await enter(stage, room, "silent");
    const talker = await enter(stage, room, "eager");
    talker.write(`${lines.join("\n")}\n`);
    await listener.said("of five", 5);
    await room.said("of five", 5);
    assert.deepEqual(heardOf(listener, "eager"), lines);
    assert.deepEqual(heardOf(room, "eager"), lines);
    await leave(talker, listener);
    await close(room);
  }),
);

test(
  "chat: names, /who, and what the host says",
  onStage(async (stage) => {
    const room = await open(stage);
    const anna = await enter(stage, room, "anna");
    const other = stage.example("chat", room.addresses[0]!, "anna");
    await other.said("* anna2 has come");
    await anna.said("* anna2 has come");
    anna.write("/who\n");
    await anna.said("* here: host, anna, anna2");
    other.write("/name bob the builder\n");
    await anna.said("* bobthebuilder was anna2");
    other.write("/name host\nhello\n");
    await anna.said("* host2 was bobthebuilder");
    await anna.said("host2: hello");
    room.write("/who\nwelcome\n/unknown\n");
    await room.said("* here: host, anna, host2");
    for (const guest of [anna, other]) {
      await guest.said("host: welcome");
      await guest.said("host: /unknown");
    }
    await leave(other);
    await anna.said("* host2 has left");
    await leave(anna);
    await close(room);
  }),
);

test(
  "chat: by pipe: what was piped in is said, and its end leaves",
  onStage(async (stage) => {
    const room = await open(stage);
    const listener = await enter(stage, room, "listener");
    const lines = Array.from({ length: 1000 }, (_, i) => `${i}`);
    const piped = [...exampleCommand("chat"), room.addresses[0]!, "pipe"];
    await stage.through(piped, lines.join("\n"));
    await listener.said("* pipe has left");
    assert.deepEqual(heardOf(listener, "pipe"), lines);
    room.end(); // which a server does not mind
    listener.write("/who\n");
    await listener.said("* here: host, listener");
    await leave(listener);
    await close(room);
  }),
);

test(
  "chat: by hand, in a terminal",
  needs("python3"),
  onStage(async (stage) => {
    const room = await open(stage);
    const typed = stage.python(
      `
import json, os, pty, subprocess
ours, theirs = pty.openpty()
chat = subprocess.Popen(json.loads(sys.argv[1]), stdin=theirs, stdout=theirs,
    stderr=theirs, start_new_session=True)
os.close(theirs)
seen = b""
def see(part):
    global seen
    while part not in seen:
        seen += os.read(ours, 1000)
    say("saw", part.decode())
see(b"* anna has come")
os.write(ours, b"hello, is anybody there?\\n")
see(b"there?\\r\\n")
say("typed")
see(b"host: yes")
os.write(ours, b"half a li\\x7fne\\n") # with a correction
os.write(ours, b"\\x04")
say("status", chat.wait())`,
      JSON.stringify([...exampleCommand("chat"), room.addresses[0]!, "anna"]),
    );
    await room.said("anna: hello, is anybody there?");
    room.write("yes\n");
    await room.said("anna: half a lne");
    await room.said("* anna has left");
    assert.equal(await typed.ended(), 0, typed.errors);
    assert.equal(typed.lines.at(-1), "status 0");
    await close(room);
  }),
);

test(
  "chat: who is killed is dropped in the background, who is only silent stays",
  onStage(async (stage) => {
    const turn = ["--turn", "150"];
    const room = await open(stage, ...turn);
    const way = exampleCommand("chat");
    const quiet = await enter(stage, room, "quiet", way, ...turn);
    const killed = await enter(stage, room, "killed", way, ...turn);
    killed.signal("SIGKILL");
    await quiet.said("* killed is silent, and gone");
    await room.said("* killed is silent, and gone");
    quiet.write("/who\n");
    await quiet.said("* here: host, quiet");
    assert.ok(!room.lines.some((line) => line.startsWith("* quiet is silent")));
    await leave(quiet);
    await close(room);
  }),
);

test(
  "chat: who sleeps holds the others back, and loses nothing",
  onStage(async (stage) => {
    // Three of these are more than the test may take.
    const room = await open(stage, "--turn", "30000");
    const sleeper = await enter(stage, room, "sleeper");
    const talker = await enter(stage, room, "talker");
    const lines = Array.from({ length: 5000 }, (_, i) => `${i}`);
    sleeper.signal("SIGSTOP");
    talker.write(`${lines.join("\n")}\n/quit\n`);
    await room.said("talker: 999");
    await sleep(300); // in which it could have heard all
    assert.ok(heardOf(room, "talker").length < 2000);
    sleeper.signal("SIGCONT");
    assert.equal(await talker.ended(), 0, talker.errors);
    await sleeper.said("* talker has left");
    await room.said("* talker has left");
    assert.deepEqual(heardOf(sleeper, "talker"), lines);
    assert.deepEqual(heardOf(room, "talker"), lines);
    await leave(sleeper);
    await close(room);
  }),
);

test(
  "chat: without a room a guest ends with status 1 and one line",
  onStage(async (stage) => {
    const room = await open(stage);
    await close(room);
    const way = ["chat", room.addresses[0]!, "anna", "--turn", "100"] as const;
    const guest = stage.example(...way);
    assert.equal(await guest.ended(), 1);
    assert.match(guest.errors, /^(ECONNREFUSED: [^\n]*|The room is silent)\n$/);

    const taken = await open(stage);
    const second = stage.example("chat", taken.addresses[0]!, "x", "--serve");
    assert.equal(await second.ended(), 1);
    assert.match(second.errors, /^EADDRINUSE: [^\n]*\n$/);
    await close(taken);
    for (const args of [[], ["udp://:1"], ["udp://:1", "a", "b"], ["x", "a"]]) {
      const wrong = stage.example("chat", ...args);
      assert.equal(await wrong.ended(), 2);
      assert.match(wrong.errors, /\nUsage: chat.ts ADDRESS NAME /);
    }
  }),
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `chat: ${signal} closes a room, and its guests know and end`,
    onStage(async (stage) => {
      const room = await open(stage);
      const guests = [
        await enter(stage, room, "anna"),
        await enter(stage, room, "bob"),
      ];
      room.signal(signal);
      assert.equal(await room.ended(), 0, room.errors);
      for (const guest of guests) {
        assert.equal(await guest.ended(), 0, guest.errors);
        assert.equal(guest.lines.at(-1), "* the room is closed");
      }
    }),
  );

  test(
    `chat: ${signal} lets a guest leave`,
    onStage(async (stage) => {
      const room = await open(stage);
      const guest = await enter(stage, room, "anna");
      guest.signal(signal);
      assert.equal(await guest.ended(), 0, guest.errors);
      await room.said("* anna has left");
      await close(room);
    }),
  );
}

test(
  "chat: garbage and foreign guests cost nobody anything",
  needs("python3"),
  onStage(async (stage) => {
    const room = await open(stage);
    const anna = await enter(stage, room, "anna");
    const python = stage.python(
      `
host, port = sys.argv[1][len("udp://"):].rsplit(":", 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.connect((host, int(port)))
dice = random.Random(7)
for length in [0, 1, 3, 1472, 65507]:
    s.send(dice.randbytes(length))
for text in ["chat", "chat x", "chat x 2 0\\nnot the first", "chat x 0 0",
             "chat x 999999999 0\\n/quit", "chat x 1 0", "hello\\n" * 100]:
    s.send(text.encode())
# No library is needed to take part.
s.send(b"chat py 1 0\\n/name py\\nhello from python\\nbell \\x07 \\x1b[2J\\xff")
while True:
    head, *lines = s.recv(2000).decode().split("\\n")
    word, session, number, acknowledged = head.split()
    if session != "py":
        continue
    if int(number) > 0:
        s.send(b"chat py 0 %s" % number.encode())
        for line in lines:
            say(line)
        if "anna: hello, python" in lines:
            s.send(b"chat py 2 %s\\n/quit" % number.encode())
            break`,
      room.addresses[0]!,
    );
    await anna.said("py: hello from python");
    await anna.said("py: bell · ·[2J\ufffd");
    anna.write("hello, python\n");
    await python.said("anna: hello, python");
    assert.equal(await python.ended(), 0, python.errors);
    await anna.said("* py has left");

    const long = "x".repeat(100_000);
    anna.write(long); // no line yet
    await room.until("it in pieces", () => {
      return heardOf(room, "anna").join("").length >= 90_000;
    });
    anna.write("\n/quit\n");
    assert.equal(await anna.ended(), 0, anna.errors);
    await room.said("* anna has left");
    assert.equal(heardOf(room, "anna").slice(1).join(""), long);
    await close(room);
  }),
);
