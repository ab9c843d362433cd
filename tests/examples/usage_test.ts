/** What every example says about its arguments and its addresses. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { needs } from "./peers.ts";
import { commandOf, onStage } from "./programs.ts";

const servers = [
  "echo",
  "echo_sequential",
  "star_poll",
  "reverse_epoll",
  "print_service",
];
const manyAddresses = ["echo", "star_poll"];

/** Wrong arguments; those of `echo` none of them takes. */
const wrong: Record<string, string[][]> = {
  echo: [[], ["--nonsense", "tcp://:0"], ["tcp://:65536"], ["unix:"], ["echo"]],
  echo_sequential: [[], ["tcp://:0", "tcp://:0"]],
  star_poll: [["tcp://:0", "--idle-exit"], ["tcp://:0", "--idle-exit", "soon"]],
  reverse_epoll: [["tcp://:0", "tcp://:0"], ["tcp://:0", "--edge=yes"]],
  client: [[], ["tcp://:1", "tcp://:1"]],
  exec: [[], ["tcp://:0"], ["tcp://:0", "--nonsense", "cat"]],
  echo_udp: [[], ["udp://:0", "udp://:0"], ["udp://:65536"], ["--x"]],
  client_udp: [[], ["udp://:1", "--timeout"], ["udp://:1", "--timeout=-1"]],
  print_service: [[], ["tcp://:0", "tcp://:0"], ["tcp://:0", "--everybody=1"]],
  print_job: [[], ["tcp://:1"], ["--x", "tcp://:1", "file"]],
  star_client: [["tcp://:1", "--sleep", "-1"], ["tcp://:1", "--sleep=1.5"]],
};

for (const [name, cases] of Object.entries(wrong)) {
  test(
    `${name}: wrong usage is status 2, and the usage on standard error`,
    onStage(async (stage) => {
      await Promise.all(cases.map(async (args) => {
        const program = stage.example(name, ...args);
        const status = await program.ended();
        const said = `${args.join(" ")}: ${program.errors}`;
        assert.equal(status, 2, said);
        const lines = program.errors.trimEnd().split("\n");
        assert.ok(lines.at(-1)!.startsWith(`Usage: ${name}.ts ADDRESS`), said);
        assert.ok(lines.length > 1 && lines[0]!.length > 10, said);
        assert.ok(!program.errors.includes("    at "), said);
        assert.equal(program.output.length, 0);
      }));
      assert.deepEqual(stage.files(), []);
    }),
  );
}

test(
  "a server that closes by itself is status 1, and says why",
  onStage(async (stage) => {
    const program = stage.start([
      ...commandOf("../examples/gives_up"),
      stage.unix(),
    ]);
    assert.equal(await program.ended(), 1, program.errors);
    const why = /\d children in a row failed, .* status 3/;
    assert.match(program.errors, why);
    assert.deepEqual(stage.files(), []);
  }),
);

test("every example can be read in one sitting, and none exits by force", () => {
  // Built tests lie one directory deeper.
  const above = import.meta.url.endsWith(".ts") ? "../.." : "../../..";
  const url = new URL(`${above}/examples/`, import.meta.url);
  const sources = readdirSync(fileURLToPath(url.href), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts"));
  assert.ok(sources.length >= 8);
  for (const name of sources) {
    const text = readFileSync(fileURLToPath(new URL(name, url).href), "utf8");
    assert.ok(text.split("\n").length <= 100, `${name} is too long`);
    assert.ok(!text.includes("process.exit("), `${name} exits by force`);
  }
});

for (const name of servers) {
  test(
    `${name}: an address in use is status 1 and one line`,
    needs("python3"),
    onStage(async (stage) => {
      const python = stage.python(
        `
taken = listen()
named = socket.socket(socket.AF_UNIX)
named.bind(sys.argv[1][5:])
named.listen()
say("ready")
hear()`,
        stage.unix(),
      );
      await python.said("ready");
      const tcp = (await python.said("listening")).slice("listening ".length);
      const unix = `unix:${stage.directory}/${stage.files()[0]}`;
      await Promise.all([tcp, unix].map(async (address) => {
        const free = manyAddresses.includes(name) ? [stage.unix()] : [];
        const program = stage.example(name, ...free, address);
        assert.equal(await program.ended(), 1, program.errors);
        assert.match(program.errors, /^EADDRINUSE: [^\n]*\n$/);
        assert.ok(program.errors.includes(address), program.errors);
        assert.equal(program.output.length, 0);
      }));
      assert.equal(stage.files().length, 1, "only what was there before");
    }),
  );
}

for (const name of servers) {
  test(
    `${name}: says where it listens, a line for each address`,
    onStage(async (stage) => {
      const first = stage.unix();
      const given = manyAddresses.includes(name)
        ? [first, "tcp://:0", stage.unix(), "tcp://127.0.0.1:0"]
        : [first];
      const server = await stage.serve(name, ...given);
      assert.equal(server.lines.length, given.length);
      given.forEach((address, index) => {
        const said = server.addresses[index]!;
        if (address.startsWith("unix:")) assert.equal(said, address);
        else assert.match(said, /^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/);
      });
      assert.equal(new Set(server.addresses).size, given.length);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      assert.deepEqual(stage.files(), []);
    }),
  );
}
