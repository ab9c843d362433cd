/** `examples/echo_sequential.ts`: the contrast, by foreign clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "./peers.ts";
import { onStage } from "./programs.ts";

/** Four clients; the first sends nothing at first, the others are told by it. */
const queue = `
def awake(s):
    "The server had every opportunity to serve others: it answers this one."
    for _ in range(100):
        s.sendall(b"awake")
        assert exactly(s, 5) == b"awake"

def served(others):
    return len(select.select(others, [], [], 0)[0])

sleeper, *others = [connect(sys.argv[1]) for _ in range(4)]
for i, s in enumerate(others):
    s.sendall(b"other %d" % i)
awake(sleeper)
say("beside the sleeper:", served(others))
if sys.argv[2] == "reset":
    reset(sleeper)
else:
    sleeper.close()
while others:
    s, *others = others
    got = exactly(s, 7).decode()
    awake(s)
    # Before this one ends, for then the next is served.
    beside = served(others)
    s.shutdown(socket.SHUT_WR)
    say(got, "beside it:", beside, "then:", rest(s))
    s.close()
`;

for (const [transport, leaving] of [["tcp", "reset"], ["unix", "close"]]) {
  test(
    `echo_sequential over ${transport}: a sleeper blocks the others until it leaves by ${leaving}`,
    needs("python3"),
    onStage(async (stage) => {
      const address = transport === "tcp" ? "tcp://:0" : stage.unix();
      const server = await stage.serve("echo_sequential", address);
      const python = stage.python(queue, server.addresses[0]!, leaving!);
      assert.equal(await python.ended(), 0, python.errors);
      assert.deepEqual(python.lines, [
        "beside the sleeper: 0",
        "other 0 beside it: 0 then: b''",
        "other 1 beside it: 0 then: b''",
        "other 2 beside it: 0 then: b''",
      ]);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      const lost = server.errors.trimEnd().split("\n").filter(Boolean);
      assert.equal(lost.length, leaving === "reset" ? 1 : 0, server.errors);
      assert.deepEqual(stage.files(), []);
    }),
  );
}
