/** The examples over FIFOs: the address is all that changes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fifoPrelude } from "../../conformance/programs/fifo.ts";
import { needs } from "./peers.ts";
import { onStage } from "./programs.ts";

test(
  "echo and client over a FIFO: piped input comes back, several clients at once",
  onStage(async (stage) => {
    const address = `fifo:${join(stage.directory, "echo")}`;
    const server = await stage.serve("echo", address);
    assert.deepEqual(server.addresses, [address]);
    const inputs = ["", "one\n", "one\ntwo", "line\n".repeat(60_000)];
    await Promise.all(inputs.map(async (input) => {
      const client = stage.example("client", address);
      client.end(input);
      assert.equal(await client.ended(), 0, client.errors);
      assert.equal(client.output.toString(), input);
      assert.equal(client.errors, "");
    }));
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.errors, "");
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "echo over a FIFO answers a Python client, and outlives one that is killed",
  needs("python3"),
  onStage(async (stage) => {
    const path = join(stage.directory, "echo");
    const server = await stage.serve("echo", `fifo:${path}`);
    const killed = stage.start([
      "python3",
      "-c",
      `${fifoPrelude}
r, w = connect(sys.argv[1])
write_all(w, b"x" * 1000); say("sent")
sys.stdin.readline()`,
      path,
    ]);
    await killed.said("sent");
    await killed.stop();
    const client = stage.start([
      "python3",
      "-c",
      `${fifoPrelude}
r, w = connect(sys.argv[1])
sent = os.urandom(1 << 20)
threading.Thread(target=lambda: (write_all(w, sent), os.close(w))).start()
say(rest(r) == sent)`,
      path,
    ]);
    await client.said("True");
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.errors, "");
    assert.deepEqual(stage.files(), []);
  }),
);
