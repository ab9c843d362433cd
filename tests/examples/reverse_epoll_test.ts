/** `examples/reverse_epoll.ts`, level- and edge-triggered, by foreign clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nc, needs, socat } from "./peers.ts";
import { onStage, type Server, type Stage } from "./programs.ts";

async function endWell(stage: Stage, server: Server): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.errors, "");
  assert.deepEqual(stage.files(), []);
}

/** What it has to answer. */
const answerOf = `
def answer(sent):
    *lines, begun = sent.split(b"\\n")
    return b"".join(l[::-1] + b"\\n" for l in lines) + begun[::-1]
`;

for (const edge of [[], ["--edge"]]) {
  const name = ["reverse_epoll", ...edge].join(" ");

  for (const [peer, command] of Object.entries({ nc, socat })) {
    test(
      `${name}: reverses what ${peer} sends, a last line without newline too`,
      needs(peer as "nc" | "socat"),
      onStage(async (stage) => {
        const at = peer === "nc" ? "tcp://:0" : stage.unix();
        const server = await stage.serve("reverse_epoll", at, ...edge);
        const conversations = {
          "": "",
          "\n\n": "\n\n",
          "one\ntwo\nthree\n": "eno\nowt\neerht\n",
          "one\n\ntwo": "eno\n\nowt",
          [`${"x".repeat(30_000)}y\nend`]: `y${"x".repeat(30_000)}\ndne`,
        };
        await Promise.all(
          Object.entries(conversations).map(async ([sent, expected]) => {
            const got = await stage.through(
              command(server.addresses[0]!),
              sent,
            );
            assert.equal(got.toString(), expected);
          }),
        );
        await endWell(stage, server);
      }),
    );
  }

  test(
    `${name}: a line in pieces is one line`,
    needs("python3"),
    onStage(async (stage) => {
      const server = await stage.serve("reverse_epoll", "tcp://:0", ...edge);
      const python = stage.python(
        `
s, other = connect(sys.argv[1]), connect(sys.argv[1])
for piece in [b"hel", b"l", b"o wor", b"ld", b"\\nand", b" more\\n", b"be", b"gun"]:
    s.sendall(piece)
    # Once another is answered, this piece has been read.
    other.sendall(b"12\\n")
    assert exactly(other, 3) == b"21\\n"
say(exactly(s, 21))
s.shutdown(socket.SHUT_WR)
say(rest(s))`,
        server.addresses[0]!,
      );
      assert.equal(await python.ended(), 0, python.errors);
      assert.deepEqual(python.lines, [
        String.raw`b'dlrow olleh\nerom dna\n'`,
        "b'nugeb'",
      ]);
      await endWell(stage, server);
    }),
  );

  test(
    `${name}: more clients at once than MAX_EVENTS are all served, again and again`,
    needs("python3"),
    onStage(async (stage) => {
      const server = await stage.serve("reverse_epoll", stage.unix(), ...edge);
      server.signal("SIGSTOP"); // until all wait for it
      const python = stage.python(
        `${answerOf}
dice = random.Random(10)
clients = [connect(sys.argv[1]) for _ in range(64)]
for turn in range(5):
    sent = [b"".join(b"%d %d %d\\n" % (turn, i, n) for n in range(dice.randrange(1, 400)))
            for i in range(len(clients))]
    # All are ready before the first is looked at.
    for s, lines in zip(clients, sent):
        s.sendall(lines)
    say("sent", turn)
    for s, lines in zip(clients, sent):
        assert exactly(s, len(lines)) == answer(lines)
for s in clients[::2]:
    s.close()
for s in clients[1::2]:
    assert talk(s, b"the end") == b"dne eht"
say("served")`,
        server.addresses[0]!,
      );
      await python.said("sent");
      server.signal("SIGCONT");
      assert.equal(await python.ended(), 0, python.errors);
      assert.equal(python.lines.at(-1), "served");
      await endWell(stage, server);
    }),
  );

  test(
    `${name}: a client that does not read is held back, and loses nothing`,
    needs("python3"),
    onStage(async (stage) => {
      const server = await stage.serve("reverse_epoll", stage.unix(), ...edge);
      const python = stage.python(
        `${answerOf}
dice = random.Random(11)
text = b"".join(b"%x\\n" % dice.getrandbits(dice.randrange(1, 4000)) for _ in range(2000))
s, other = connect(sys.argv[1]), connect(sys.argv[1])
s.setblocking(False)
sent = 0
while sent < 16 * len(text) and select.select([], [s], [], 0.3)[1]:
    sent += s.send((text[sent % len(text):] + text)[:65536])
say("held back", sent < 16 * len(text))
say("another", talk(other, b"12345"))
s.settimeout(20)
received = talk(s, b"")
say("exact", received == answer((16 * text)[:sent]))`,
        server.addresses[0]!,
      );
      assert.equal(await python.ended(), 0, python.errors);
      assert.deepEqual(python.lines, [
        "held back True",
        "another b'54321'",
        "exact True",
      ]);
      await endWell(stage, server);
    }),
  );

  test(
    `${name}: a line is cut off at 64 KiB; clients that reset cost only themselves`,
    needs("python3"),
    onStage(async (stage) => {
      const server = await stage.serve("reverse_epoll", "tcp://:0", ...edge);
      const python = stage.python(
        `
s = connect(sys.argv[1])
sent = random.Random(12).randbytes(100_000).replace(b"\\n", b"n")
for i in range(30):
    lost = connect(sys.argv[1])
    lost.sendall(b"lost\\n" * i)
    if i % 2:
        exactly(lost, 1)
    reset(lost)
say("cut", talk(s, sent) == sent[:65536][::-1] + b"\\n" + sent[65536:][::-1])`,
        server.addresses[0]!,
      );
      assert.equal(await python.ended(), 0, python.errors);
      assert.deepEqual(python.lines, ["cut True"]);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      // Each that was lost is told in a line, no more.
      assert.match(server.errors, /^(E[A-Z]+: .*\n)*$/);
    }),
  );
}
