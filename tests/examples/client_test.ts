/** `examples/client.ts`, with servers of our own and foreign ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "./peers.ts";
import { onStage, type Program } from "./programs.ts";

/** Where a Python program listens. */
async function addressOf(python: Program): Promise<string> {
  return (await python.said("listening")).slice("listening ".length);
}

test(
  "client: piped input comes back, over both transports",
  onStage(async (stage) => {
    const server = await stage.serve("echo", "tcp://:0", stage.unix());
    const inputs = ["", "one\n", "one\ntwo", "line\n".repeat(60_000)];
    await Promise.all(inputs.map(async (input, i) => {
      const client = stage.example("client", server.addresses[i % 2]!);
      client.end(input);
      assert.equal(await client.ended(), 0, client.errors);
      assert.equal(client.output.toString(), input);
      assert.equal(client.errors, "");
    }));
  }),
);

test(
  "client: prints each answer while its input goes on",
  onStage(async (stage) => {
    const server = await stage.serve("reverse_epoll", stage.unix());
    const client = stage.example("client", server.addresses[0]!);
    for (const [line, answer] of [["one", "eno"], ["two", "owt"]]) {
      client.write(`${line}\n`);
      await client.said(answer!);
    }
    client.end("begun");
    assert.equal(await client.ended(), 0, client.errors);
    assert.equal(client.output.toString(), "eno\nowt\nnugeb");
  }),
);

test(
  "client: ends its direction at the end of its input, and prints an answer that is longer",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = accept(listen())
asked = rest(s) # up to the end of the input, not before
s.sendall(asked + b"x" * (1 << 20) + b"end")
s.close()`);
    const client = stage.example("client", await addressOf(python));
    client.end("one\ntwo\n");
    assert.equal(await client.ended(), 0, client.errors);
    assert.equal(
      client.output.toString(),
      `one\ntwo\n${"x".repeat(1 << 20)}end`,
    );
    assert.equal(await python.ended(), 0, python.errors);
  }),
);

test(
  "client: ends with a server that ends first, although its input goes on",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = accept(listen())
say(exactly(s, 4))
s.sendall(b"bye\\n")
s.shutdown(socket.SHUT_WR)
say("then", rest(s))`);
    const client = stage.example("client", await addressOf(python));
    client.write("one\n");
    assert.equal(await client.ended(), 0, client.errors);
    assert.equal(client.output.toString(), "bye\n");
    assert.equal(await python.ended(), 0, python.errors);
    assert.deepEqual(python.lines.slice(1), [String.raw`b'one\n'`, "then b''"]);
  }),
);

test(
  "client: one line, and status 1, where the server resets or is not there",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
listener = listen()
s = accept(listener)
s.sendall(b"bye\\n")
exactly(s, 4)
reset(s)
listener.close()
say("closed")`);
    const at = await addressOf(python);
    const client = stage.example("client", at);
    await client.said("bye");
    client.write("one\n");
    assert.equal(await client.ended(), 1);
    assert.match(client.errors, /^ECONNRESET: .*\n$/);
    await python.said("closed");

    const absent = stage.unix();
    for (const [to, code] of [[at, "ECONNREFUSED"], [absent, "ENOENT"]]) {
      const refused = stage.example("client", to!);
      assert.equal(await refused.ended(), 1);
      assert.match(refused.errors, new RegExp(`^${code}: .*\n$`));
      assert.ok(refused.errors.includes(to!), refused.errors);
    }
  }),
);

test(
  "client: what it cannot send to a server that has closed is no crash",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = accept(listen())
s.close()`);
    const client = stage.example("client", await addressOf(python));
    client.end("line\n".repeat(200_000));
    const status = await client.ended();
    assert.ok(status === 0 || status === 1, String(status));
    assert.match(client.errors, /^(E[A-Z]+: .*\n)?$/);
    assert.equal(client.output.length, 0);
  }),
);

test(
  "client: whoever reads its output leaves, and it ends with one line",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = accept(listen())
try:
    while True:
        s.sendall(b"x" * 65536)
except OSError:
    say("gone")`);
    const client = stage.example("client", await addressOf(python));
    await client.until("output", () => client.output.length > 0);
    client.closeOutput();
    assert.equal(await client.ended(), 1);
    assert.match(client.errors, /^[^\n]+\n$/);
    await python.said("gone");
  }),
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `client: ${signal} ends its direction; it prints what is answered, and has status 0`,
    needs("python3"),
    onStage(async (stage) => {
      const python = stage.python(`
s = accept(listen())
asked = exactly(s, 5)
s.sendall(b"go\\n")
asked += rest(s)
say("ended")
hear()
s.sendall(asked[::-1])
s.close()`);
      const client = stage.example("client", await addressOf(python));
      client.write("\none\n");
      await client.said("go");
      client.signal(signal);
      await python.said("ended");
      client.write("more input is not sent\n");
      python.write("go on\n");
      assert.equal(await client.ended(), 0, client.errors);
      assert.equal(client.output.toString(), "go\n\neno\n");
      assert.equal(client.errors, "");
    }),
  );
}

test(
  "client: SIGTERM ends it although the server sleeps",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = accept(listen())
s.sendall(b"go\\n")
hear()`);
    const client = stage.example("client", await addressOf(python));
    await client.said("go");
    client.signal("SIGTERM");
    assert.equal(await client.ended(), 0, client.errors);
    assert.equal(client.errors, "");
  }),
);
