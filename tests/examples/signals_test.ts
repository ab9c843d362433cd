/** The graceful end of the servers: SIGTERM and SIGINT. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "./peers.ts";
import { onStage, type Program, type Server, type Stage } from "./programs.ts";

/** Each server, what a client says first and afterwards, and the answers. */
const servers = {
  echo: ["one", "one", "three", "three"],
  echo_sequential: ["one", "one", "three", "three"],
  star_poll: ["one", "***", "three", "*****"],
  reverse_epoll: ["one\n", "eno\n", "three\n", "eerht\n"],
  "reverse_epoll --edge": ["one\n", "eno\n", "three\n", "eerht\n"],
};

/** Plays the same with each server at once. */
async function withEach(
  stage: Stage,
  play: (server: Server, talk: readonly string[]) => Promise<void>,
): Promise<void> {
  await Promise.all(
    Object.entries(servers).map(async ([command, talk]) => {
      const [name = "", ...options] = command.split(" ");
      await play(await stage.serve(name, stage.unix(), ...options), talk);
    }),
  );
}

/** Says the first, and is answered; at the word it says the second. */
function client(stage: Stage, at: string, talk: readonly string[]): Program {
  return stage.python(
    `
s = connect(sys.argv[1])
s.sendall(sys.argv[2].encode())
say("first", exactly(s, len(sys.argv[3])).decode().strip())
hear()
s.sendall(sys.argv[4].encode())
s.shutdown(socket.SHUT_WR)
say("then", rest(s).decode().strip())`,
    at,
    ...talk,
  );
}

/** Says the first, and is answered; then it sleeps. */
function sleeper(stage: Stage, at: string, talk: readonly string[]): Program {
  return stage.python(
    `
s = connect(sys.argv[1])
s.sendall(sys.argv[2].encode())
say("first", exactly(s, len(sys.argv[3])).decode().strip())
s.settimeout(None)
try:
    say("woken", s.recv(1))
except ConnectionResetError:
    say("woken by a reset")`,
    at,
    ...talk,
  );
}

/** The server has begun to end: its name is given back. */
async function isStopping(stage: Stage, server: Server): Promise<void> {
  const name = server.addresses[0]!.split("/").at(-1)!;
  while (server.running && stage.files().includes(name)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// SIGTERM without clients: see usage_test.ts.
test(
  "SIGINT ends a server without clients",
  onStage(async (stage) => {
    await withEach(stage, async (server) => {
      server.signal("SIGINT");
      assert.equal(await server.ended(), 0, server.errors);
      assert.equal(server.errors, "");
    });
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "SIGTERM and SIGINT let a client finish its conversation",
  needs("python3"),
  onStage(async (stage) => {
    let count = 0;
    await withEach(stage, async (server, talk) => {
      const peer = client(stage, server.addresses[0]!, talk);
      await peer.said("first");
      server.signal(count++ % 2 === 0 ? "SIGTERM" : "SIGINT");
      await isStopping(stage, server);
      peer.write("go on\n");
      assert.equal(await peer.ended(), 0, peer.errors);
      const answers = [`first ${talk[1]}`, `then ${talk[3]}`];
      assert.deepEqual(peer.lines, answers.map((line) => line.trim()));
      assert.equal(await server.ended(), 0, server.errors);
      assert.equal(server.errors, "");
    });
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "SIGTERM ends a server although a client sleeps",
  needs("python3"),
  onStage(async (stage) => {
    await withEach(stage, async (server, talk) => {
      const peer = sleeper(stage, server.addresses[0]!, talk);
      await peer.said("first");
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0, server.errors);
      await peer.said("woken");
      assert.ok(!server.errors.includes("    at "), server.errors);
    });
    assert.deepEqual(stage.files(), []);
  }),
);

test(
  "a second signal ends a server at once",
  needs("python3"),
  onStage(async (stage) => {
    await withEach(stage, async (server, talk) => {
      const peer = sleeper(stage, server.addresses[0]!, talk);
      await peer.said("first");
      server.signal("SIGTERM");
      await isStopping(stage, server);
      server.signal("SIGINT");
      assert.equal(await server.ended(), "SIGINT", server.errors);
      await peer.said("woken");
    });
    assert.deepEqual(stage.files(), []);
  }),
);
