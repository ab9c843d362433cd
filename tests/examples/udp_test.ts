/** `examples/echo_udp.ts` and `examples/client_udp.ts`, and foreign peers of each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "./peers.ts";
import { onStage, type Program, type Server, type Stage } from "./programs.ts";

const serve = (stage: Stage): Promise<Server> =>
  stage.serve("echo_udp", "udp://:0");

const portOf = (address: string): string => new URL(address).port;

/** Stops it; gives what it counted. */
async function counted(server: Server): Promise<string> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.errors, "");
  return server.lines.at(-1)!;
}

/** What Python programs of these tests begin with. */
const udp = `
def at(address):
    host, port = address[len("udp://"):].rsplit(":", 1)
    return host, int(port)

def bound():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(20)
    return s

def serve():
    s = bound()
    say("listening", "udp://127.0.0.1:%d" % s.getsockname()[1])
    return s
`;

async function addressOf(python: Program): Promise<string> {
  return (await python.said("listening")).slice("listening ".length);
}

test(
  "echo_udp, client_udp: lines come back, one by one, those of no bytes too",
  onStage(async (stage) => {
    const server = await serve(stage);
    const inputs = ["", "one\n", "one\n\nthree", "line\n".repeat(300)];
    await Promise.all(inputs.map(async (input) => {
      const client = stage.example("client_udp", server.addresses[0]!);
      client.end(input);
      assert.equal(await client.ended(), 0, client.errors);
      const whole = input === "" || input.endsWith("\n") ? input : `${input}\n`;
      assert.equal(client.output.toString(), whole);
    }));
    assert.match(
      await counted(server),
      /^closed: (30[4-9]|31\d) received, (30[4-9]|31\d) sent, 0 dropped$/,
    );
  }),
);

test(
  "echo_udp: nc and socat are answered",
  needs("nc", "socat"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const port = portOf(server.addresses[0]!);
    for (
      const command of [
        ["nc", "-u", "127.0.0.1", port],
        ["socat", "-", `UDP:127.0.0.1:${port}`],
      ]
    ) {
      const client = stage.start(command);
      for (const line of ["first", "second"]) {
        client.write(`${command[0]} ${line}\n`);
        await client.said(`${command[0]} ${line}`);
      }
      await client.stop();
    }
    assert.equal(
      await counted(server),
      "closed: 4 received, 4 sent, 0 dropped",
    );
  }),
);

test(
  "echo_udp: Python's datagrams of every size come back whole, and in order",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `${udp}
s = bound()
for size in [0, 1, 2, 511, 512, 1472, 1473, 9000, 65506, 65507]:
    sent = random.Random(size).randbytes(size)
    s.sendto(sent, at(sys.argv[1]))
    got, who = s.recvfrom(70000)
    say(size, got == sent and who == at(sys.argv[1]))
for i in range(100):
    s.sendto(b"%d" % i, at(sys.argv[1]))
say("order", [int(s.recv(100)) for i in range(100)] == list(range(100)))`,
      server.addresses[0]!,
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.equal(python.lines.length, 11);
    for (const line of python.lines) assert.match(line, / True$/);
  }),
);

test(
  "echo_udp: clients that leave at once, and garbage, cost nobody anything",
  needs("python3"),
  onStage(async (stage) => {
    const server = await serve(stage);
    const python = stage.python(
      `${udp}
for i in range(200):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(random.Random(i).randbytes(i * 7), at(sys.argv[1]))
    s.close()
s = bound()
s.settimeout(0.5)
for i in range(20): # the burst may fill the kernel's queue
    try:
        s.sendto(b"still here", at(sys.argv[1]))
        # an answer to one that had this port before may come first
        while s.recv(2000) != b"still here":
            pass
        say("answered")
        break
    except TimeoutError:
        pass`,
      server.addresses[0]!,
    );
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines, ["answered"]);
    await counted(server);
  }),
);

test(
  "client_udp: asks again where datagrams are lost, and hears nobody but its server",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(
      `${udp}
s, other = serve(), bound()
for word in [b"one", b"two"]:
    first, who = s.recvfrom(100)
    other.sendto(b"not " + word, who) # a stranger's answer
    other.sendto(word, who)
    again, who = s.recvfrom(100) # the first was lost
    s.sendto(b"something else", who)
    s.sendto(again, who)
    say(first == again == word)`,
    );
    const client = stage.example(
      "client_udp",
      await addressOf(python),
      "--timeout",
      "300",
    );
    client.end("one\ntwo\n");
    assert.equal(await client.ended(), 0, client.errors);
    assert.equal(client.output.toString(), "one\ntwo\n");
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines.slice(1), ["True", "True"]);
  }),
);

test(
  "client_udp: one line, and status 1, where nobody answers",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`${udp}
s = serve()
hear()
say(len([s.recv(100) for i in range(3)]))
s.close()
say("closed")
hear()`);
    const at = await addressOf(python);
    for (const word of ["silent", "closed"]) {
      const client = stage.example("client_udp", at, "--timeout", "200");
      client.end("hello\n");
      assert.equal(await client.ended(), 1);
      assert.match(client.errors, /^(ETIMEDOUT|ECONNREFUSED): [^\n]*\n$/);
      assert.equal(client.output.length, 0);
      python.write("go on\n");
      if (word === "silent") await python.said("closed");
    }
    assert.ok(python.lines.includes("3"), "three attempts");
    const long = stage.example("client_udp", "udp://:9");
    long.end(`${"x".repeat(65_508)}\n`);
    assert.equal(await long.ended(), 1);
    assert.match(long.errors, /^EMSGSIZE: Cannot send 65508 bytes [^\n]*\n$/);
  }),
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `echo_udp, client_udp: ${signal} ends each with status 0`,
    onStage(async (stage) => {
      const server = await serve(stage);
      const client = stage.example("client_udp", server.addresses[0]!);
      client.write("one\n");
      await client.said("one");
      for (const program of [client, server]) {
        program.signal(signal);
        assert.equal(await program.ended(), 0, program.errors);
        assert.equal(program.errors, "");
      }
    }),
  );
}

test(
  "echo_udp: an address in use, and one of streams, are status 1 and one line",
  onStage(async (stage) => {
    const server = await serve(stage);
    const cases = [
      [server.addresses[0]!, "EADDRINUSE"],
      ["tcp://:0", "ERR_SOCKEYE_UNSUPPORTED"],
      ["udp://no.such.invalid:0", "ENOTFOUND"],
    ];
    await Promise.all(cases.map(async ([address, code]) => {
      const program = stage.example("echo_udp", address!);
      assert.equal(await program.ended(), 1);
      assert.match(program.errors, new RegExp(`^${code}: [^\n]*\n$`));
      assert.equal(program.output.length, 0);
    }));
  }),
);
