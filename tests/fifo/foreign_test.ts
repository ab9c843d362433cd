/**
 * Foreign peers over FIFOs, each written from the protocol alone: a client in
 * ten lines of Python, one in shell, a server in Python.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { fifoPrelude } from "../../conformance/programs/fifo.ts";
import { needs } from "../examples/peers.ts";
import {
  bytesOf,
  echo,
  inPlace,
  readAll,
  until,
  withPrograms,
} from "./fixtures.ts";

/** The whole of a client: what it sends is its second argument. */
const pythonClient = `
import os, secrets, sys
path, text = sys.argv[1:]
pair = "%s.%d.%s" % (path, os.getpid(), secrets.token_hex(16))
for end in ".c2s", ".s2c": os.mkfifo(pair + end, 0o600)
s2c = open(os.open(pair + ".s2c", os.O_RDONLY | os.O_NONBLOCK), "rb", 0)
anchor = os.open(pair + ".c2s", os.O_RDONLY | os.O_NONBLOCK)
c2s = open(pair + ".c2s", "wb", 0)
open(path, "wb", 0).write(b"\\nsockeye/1 connect %s %s\\n" % tuple(x.encode() for x in pair.split(".")[-2:]))
os.set_blocking(s2c.fileno(), True); WAIT
assert s2c.readline() == b"sockeye/1 ok\\n"; os.close(anchor)
c2s.write(text.encode()); c2s.close()
print(s2c.read().decode(), flush=True)
`.replace(
  // Reading gives an end until the server has come.
  "WAIT",
  "__import__('select').select([s2c], [], [])",
);

/**
 * The same in shell. Opened with `<>` nothing waits for anybody; the client has
 * its anchors by it.
 */
const shellClient = `
set -e
nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')
pair=$1.$$.$nonce
mkfifo -m 600 $pair.c2s $pair.s2c
exec 3<>$pair.s2c 4<>$pair.c2s
exec 5<$pair.s2c 6>$pair.c2s
printf '\\nsockeye/1 connect %d %s\\n' $$ $nonce >$1
read -r answer <&5
test "$answer" = "sockeye/1 ok"
exec 3<&- 4<&-
printf '%s' "$2" >&6
exec 6>&-
cat <&5
echo
`;

test(
  "a Python client of ten lines talks to our server",
  needs("python3"),
  () =>
    inPlace(({ path, address, names }) =>
      withPrograms(async (start) => {
        const { server, refused } = await echo(address);
        for (const text of ["hello", "x".repeat(100_000)]) {
          const client = start("python3", "-c", pythonClient, path, text);
          assert.equal(await client.line(), text);
        }
        assert.deepEqual(refused, []);
        assert.deepEqual(names(), ["app"]);
        await server.close();
      })
    ),
);

test("a shell client of printf, cat and mkfifo talks to our server", () =>
  inPlace(({ path, address, names }) =>
    withPrograms(async (start) => {
      const { server, refused } = await echo(address);
      for (const text of ["hello", "x".repeat(100_000)]) {
        const client = start("sh", "-c", shellClient, "sh", path, text);
        assert.equal(await client.line(), text, client.errors);
      }
      assert.deepEqual(refused, []);
      assert.deepEqual(names(), ["app"]);
      await server.close();
    })
  ));

test(
  "our client talks to a Python server, which may refuse it",
  needs("python3"),
  () =>
    inPlace(({ path, address, names }) =>
      withPrograms(async (start) => {
        const program = `${fifoPrelude}
rendezvous = Rendezvous(sys.argv[1])
say("up")
for _ in range(3):
    r, w = rendezvous.accept()
    write_all(w, rest(r)); os.close(w); os.close(r)
rendezvous.close()
say("over")
`;
        const server = start("python3", "-c", program, path);
        assert.equal(await server.line(), "up");
        for (const text of ["hello", "", "x".repeat(200_000)]) {
          const client = await connect(address);
          const writing = client.write(bytesOf(text)).then(() =>
            client.closeWrite()
          );
          assert.equal(await readAll(client), text);
          await writing;
          await client.close();
        }
        assert.equal(await server.line(), "over");
        assert.deepEqual(names(), []);
      })
    ),
);

const refusals: Record<string, [answer: string, code: string]> = {
  "a word of errno": ["sockeye/1 error EACCES", "EACCES"],
  "a word of its own": ["sockeye/1 error EVERYTHING", "ERR_SOCKEYE_PROTOCOL"],
  "another version": ["sockeye/2 ok", "ERR_SOCKEYE_PROTOCOL"],
  "nonsense": ["hello", "ERR_SOCKEYE_PROTOCOL"],
};

for (const [what, [answer, code]] of Object.entries(refusals)) {
  test(
    `a Python server that refuses with ${what}`,
    needs("python3"),
    () =>
      inPlace(({ path, address, names }) =>
        withPrograms(async (start) => {
          const program = `${fifoPrelude}
write = os.write
os.write = lambda w, _: write(w, b"${answer}\\n")
rendezvous = Rendezvous(sys.argv[1])
say("up")
rendezvous.accept()
sys.stdin.readline()
rendezvous.close()
say("over")
`;
          const server = start("python3", "-c", program, path);
          assert.equal(await server.line(), "up");
          await assert.rejects(connect(address), (error: Error) => {
            assert.equal((error as { code?: unknown }).code, code);
            assert.match(
              error.message,
              /^Cannot connect to fifo:.*server|peer/,
            );
            return true;
          });
          assert.deepEqual(names(), ["app"]);
          server.say("go");
          assert.equal(await server.line(), "over");
        })
      ),
  );
}

test(
  "what the server writes and the client leaves unread goes when both have gone",
  needs("python3"),
  () =>
    inPlace(({ path, address, names }) =>
      withPrograms(async (start) => {
        const { server } = await echo(address);
        const program = `${fifoPrelude}
r, w = connect(sys.argv[1])
os.write(w, b"x" * 4096)
select.select([r], [], [])
say("leaving")
`;
        const client = start("python3", "-c", program, path);
        assert.equal(await client.line(), "leaving");
        await client.exited;
        await until(() => names().length === 1, "the pair to go");
        const { drained, aborted } = await server.close({ grace: 5000 });
        assert.deepEqual({ drained, aborted }, { drained: 0, aborted: 0 });
      })
    ),
);
