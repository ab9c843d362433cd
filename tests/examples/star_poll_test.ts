/** `examples/star_poll.ts` and its client, by foreign peers as well. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nc, needs, socat } from "./peers.ts";
import { onStage, type Server, type Stage } from "./programs.ts";

function serve(stage: Stage, ...options: string[]): Promise<Server> {
  return stage.serve("star_poll", "tcp://:0", stage.unix(), ...options);
}

/** Ends the server; the last that it says are its counts. */
async function endsWith(
  stage: Stage,
  server: Server,
  counts: string,
): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.lines.at(-1), counts);
  assert.equal(server.errors, "");
  assert.deepEqual(stage.files(), []);
}

/** The numbers of clients of whom the server said this, in that order. */
function clientsThat(server: Server, what: string): number[] {
  return server.lines.filter((line) => line.includes(what))
    .map((line) => Number(/^client (\d+) /.exec(line)?.[1]));
}

test(
  "star_poll: clients of its own get five asterisks, and it ends when idle",
  onStage(async (stage) => {
    const server = await serve(stage, "--idle-exit", "300");
    const sleeper = stage.example(
      "star_client",
      server.addresses[0]!,
      ...["--sleep", "60000"],
    );
    await sleeper.said("sleeping");
    const clients = [0, 1, 0, 1].map((transport) =>
      stage.example("star_client", server.addresses[transport]!)
    );
    for (const client of clients) {
      assert.equal(await client.ended(), 0, client.errors);
      assert.equal(client.output.toString(), "got *****\n");
    }
    assert.ok(server.running && sleeper.running);
    sleeper.signal("SIGTERM");
    assert.equal(await sleeper.ended(), 0, sleeper.errors);
    assert.match(sleeper.lines.at(-1)!, /^slept \d+ ms$/);
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.lines.at(-1), "5 connections, 20 bytes, 0 errors");
    assert.equal(clientsThat(server, " connected over tcp").length, 3);
    assert.equal(clientsThat(server, " connected over unix").length, 2);
    assert.equal(clientsThat(server, " has ended").length, 5);
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "star_poll: ends when idle although nobody ever came",
  onStage(async (stage) => {
    const server = await serve(stage, "--idle-exit", "20");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.lines.at(-1), "0 connections, 0 bytes, 0 errors");
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "star_poll: does not end while a client sleeps, however short the idle time",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage, "--idle-exit", "100");
    const python = stage.python(
      `
import time
s = connect(sys.argv[1])
time.sleep(0.5) # five times the idle time
say(talk(s, b"12345"))`,
      server.addresses[1]!,
    );
    await python.said("b'*****'");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.lines.at(-1), "1 connections, 5 bytes, 0 errors");
  }),
);

for (const [name, command] of Object.entries({ nc, socat })) {
  test(
    `star_poll: exact by ${name}, at the edges of its buffer too`,
    needs(name as "nc" | "socat"),
    onStage(async (stage) => {
      const server = await serve(stage);
      const lengths = [0, 1, 511, 512, 513, 1024, 70_000, 300_000];
      await Promise.all(lengths.map(async (length, i) => {
        const to = command(server.addresses[i % 2]!);
        const got = await stage.through(to, "x".repeat(length));
        assert.equal(got.toString(), "*".repeat(length));
      }));
      const sum = lengths.reduce((a, b) => a + b);
      await endsWith(
        stage,
        server,
        `${lengths.length} connections, ${sum} bytes, 0 errors`,
      );
    }),
  );
}

test(
  "star_poll: a client that is killed, and one that resets, cost only themselves",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const client = `
s = connect(sys.argv[1])
s.sendall(b"abc")
say(exactly(s, 3))
hear()
s.sendall(b"de")
s.shutdown(socket.SHUT_WR)
say("rest", rest(s))`;
    const [first, killed, last] = [0, 1, 1].map((i) =>
      stage.python(client, server.addresses[i]!)
    );
    for (const each of [first!, killed!, last!]) await each.said("b'***'");
    killed!.signal("SIGKILL");
    await server.said(" has ended");

    const resetting = stage.python(
      `
s = connect(sys.argv[1])
s.sendall(b"abc")
say(exactly(s, 3))
reset(s)`,
      server.addresses[0]!,
    );
    await server.said(" is lost: ECONNRESET");
    assert.equal(await resetting.ended(), 0, resetting.errors);

    for (const each of [first!, last!]) {
      each.write("go on\n");
      await each.said("rest b'**'");
    }
    assert.equal(await first!.ended(), 0, first!.errors);
    assert.equal(await last!.ended(), 0, last!.errors);
    await server.said(" has ended", 3);
    await endsWith(stage, server, "4 connections, 16 bytes, 1 errors");
  }),
);

test(
  "star_poll: 50 clients come and go in a wild order, each is counted exactly",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `
dice = random.Random(50)
here, total = [], 0
for turn in range(600):
    # 50 come first; then whoever speaks, leaves or comes is left to the dice.
    if turn < 50 or len(here) < 50 and dice.random() < 0.3:
        here.append(connect(dice.choice(sys.argv[1:3])))
        continue
    s = dice.choice(here)
    count = dice.choice([1, 2, 5, 511, 512, 513, 2000])
    s.sendall(b"x" * count)
    total += count
    if dice.random() < 0.7:
        got = exactly(s, count)
    else: # leaves: of the first, the last, or one in between
        s.shutdown(socket.SHUT_WR)
        got = rest(s)
        s.close()
        here.remove(s)
    assert got == b"*" * count, (len(got), count)
# All at once, then all leave from both ends of the list.
for i, s in enumerate(here):
    s.sendall(b"x" * i)
for i, s in enumerate(here):
    assert exactly(s, i) == b"*" * i
    total += i
while here:
    s = here.pop(dice.choice([0, -1]))
    s.shutdown(socket.SHUT_WR)
    assert rest(s) == b""
    s.close()
say("total", total)`,
      ...server.addresses,
    );
    assert.equal(await python.ended(), 0, python.errors);
    const bytes = (await python.said("total")).slice("total ".length);
    const came = clientsThat(server, " connected ");
    await server.said(" has ended", came.length);
    const left = clientsThat(server, " has ended");
    assert.ok(came.length > 50);
    assert.deepEqual(left.toSorted((a, b) => a - b), came);
    await endsWith(
      stage,
      server,
      `${came.length} connections, ${bytes} bytes, 0 errors`,
    );
  }),
);

test(
  "star_poll: a client that does not read is held back, and loses nothing",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `
s, other = connect(sys.argv[1]), connect(sys.argv[1])
s.setblocking(False)
sent = 0
while sent < 32 << 20 and select.select([], [s], [], 0.3)[1]:
    sent += s.send(b"x" * 65536)
say("held back", sent < 32 << 20)
say("another", talk(other, b"12345"))
s.settimeout(20)
say("exact", exactly(s, sent) == b"*" * sent)
s.shutdown(socket.SHUT_WR)
say("then", rest(s))`,
      server.addresses[1]!,
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, [
      "held back True",
      "another b'*****'",
      "exact True",
      "then b''",
    ]);
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
  }),
);

test(
  "star_client: says what went wrong in one line, with status 1",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
listener = listen()
first, second = accept(listener), accept(listener)
exactly(first, 1)
first.sendall(b"*")
exactly(first, 1)
first.close()
exactly(second, 1)
reset(second)
listener.close()`);
    const at = (await python.said("listening")).slice("listening ".length);
    const clients = [0, 1].map(() => stage.example("star_client", at));
    for (const client of clients) assert.equal(await client.ended(), 1);
    const errors = clients.map((client) => client.errors).toSorted();
    assert.match(errors[0]!, /^ECONNRESET: .*\n$/);
    assert.equal(errors[1], 'The server ended after "*"\n');
    assert.equal(await python.ended(), 0, python.errors);

    const late = stage.example("star_client", at);
    assert.equal(await late.ended(), 1);
    assert.match(late.errors, /^ECONNREFUSED: .*\n$/);
  }),
);
