/** The rendezvous in a simulated directory: conversations, and who may come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../core/error.ts";
import { checkRendezvousPath } from "../../core/rendezvous.ts";
import { formatAnnouncement } from "../../core/rendezvous/records.ts";
import { chances } from "./disk_model.ts";
import {
  assertConnected,
  Client,
  failureOf,
  path,
  Server,
  timeout,
  World,
} from "./rendezvous_model.ts";

test("a client and a server, step by step", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world, { pid: 77 }).run();
  assert.equal(client.machine.state, "handshaking");
  server.settle();
  client.run();
  assertConnected(client, server);
  assert.deepEqual(world.log, [
    "inspect app",
    "open rendezvous write",
    "look rendezvous",
    "makeFifos",
    "open s2c read",
    "look s2c",
    "open s2cAnchor write",
    "look s2cAnchor",
    "open c2sAnchor read",
    "look c2sAnchor",
    "open c2s write",
    "look c2s",
    "look s2c",
    `write rendezvous ${
      JSON.stringify(`\nsockeye/1 connect 77 ${client.nonce}\n`)
    }`,
    "server open c2s read",
    "server look c2s",
    "server open c2sAnchor write",
    "server close c2sAnchor",
    "server open s2c write",
    "server look s2c",
    "server unlink app.s2c",
    "server unlink app.c2s",
    'server write s2c "sockeye/1 ok\\n"',
    "server admit",
    "receive",
    "close rendezvous",
    "close s2cAnchor",
    "close c2sAnchor",
    "unlink app.s2c",
    "unlink app.c2s",
  ]);
  assert.deepEqual(world.pairs(), []);
  assert.deepEqual(server.admitted[0]?.credentials, {
    uid: 1000,
    claimedPid: 77,
    how: "proof",
  });
});

test("bytes behind the answer are the connection's", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  server.settle();
  world.write(server.admitted[0]!.s2c, "hello");
  client.run();
  assertConnected(client, server);
  const rest = client.machine.rest().map((one) =>
    new TextDecoder().decode(one)
  );
  assert.equal(rest.join(""), "hello");
});

test("any interleaving of 20 clients and the server connects them all", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = chances(seed);
    const world = new World();
    const server = new Server(world);
    const clients = Array.from({ length: 20 }, () => new Client(world));
    for (let step = 0; clients.some((each) => each.end === undefined); step++) {
      assert.ok(step < 10_000, `seed ${seed}: a deadlock`);
      const index = Math.floor(chance() * (clients.length + 1));
      const client = clients[index];
      if (client === undefined) server.turn();
      else if (client.end === undefined && !client.waits) client.step();
      world.now++;
    }
    for (const client of clients) {
      const index = server.admitted.findIndex(({ credentials }) =>
        credentials.claimedPid === client.pid
      );
      assertConnected(client, server, index);
    }
    assert.deepEqual(world.pairs(), []);
    assert.deepEqual(server.refused, []);
  }
});

test("records of 10,000 strangers, one writer: each is refused, the next client is served", () => {
  const world = new World();
  const server = new Server(world);
  for (let index = 1; index <= 10_000; index++) {
    const nonce = index.toString(16).padStart(32, "f");
    server.hears(formatAnnouncement(index, nonce));
  }
  assert.equal(server.refused.length, 10_000);
  assert.equal(server.machine.handshakes, 0);
  const client = new Client(world).run();
  server.settle();
  assertConnected(client.run(), server);
});

const garbage: Record<string, string> = {
  "a half record": "sockeye/1 conn",
  "a line": "hello\n",
  "a path": "/etc/passwd\n",
  "bytes of no script": "\xff\0\x01\n",
  "an overlong line": "x".repeat(5000),
  "an unknown version": "sockeye/9 join\n",
};

for (const [what, text] of Object.entries(garbage)) {
  test(`${what} in the rendezvous is refused, and the next client is served`, () => {
    const world = new World();
    const server = new Server(world).hears(text);
    const client = new Client(world).run();
    server.settle();
    assertConnected(client.run(), server);
    assert.equal(server.refused.length, 1);
    assert.equal(server.refused[0]?.code, "ERR_SOCKEYE_PROTOCOL");
  });
}

test("a client of another version is told so", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world);
  while (client.machine.pollEffect().do !== "write") client.step();
  client.ends.perform({
    do: "write",
    end: "rendezvous",
    text: formatAnnouncement(client.pid, client.nonce).replace("/1", "/2"),
  });
  client.machine.handleDone(world.now);
  server.settle();
  assert.equal(failureOf(client.run()).code, "EPROTO");
  assert.match(server.refused[0]?.message ?? "", /"sockeye\/2"/);
  assert.deepEqual(world.pairs(), []);
});

test("a nonce is refused for one handshake period, and not after", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  server.settle();
  client.run();
  const again = formatAnnouncement(client.pid, client.nonce);
  const replay = () => {
    const node = world.put(`${client.name}.s2c`);
    world.put(`${client.name}.c2s`);
    const reader = world.open(`${client.name}.s2c`, "read", 1000);
    server.hears(again);
    world.close(reader);
    return node;
  };
  assert.equal(replay().content, "");
  assert.equal(server.admitted.length, 1);
  assert.match(server.refused[0]?.message ?? "", /announced itself twice/);
  world.now += timeout;
  replay();
  assert.equal(server.admitted.length, 2);
});

test("a stranger who announces a pair before its owner does gains nothing", () => {
  const world = new World();
  const server = new Server(world, { mode: 0o666 });
  const client = new Client(world);
  while (client.machine.pollEffect().do !== "makeFifos") client.step();
  server.hears(formatAnnouncement(client.pid, client.nonce));
  client.step();
  server.hears(formatAnnouncement(client.pid, client.nonce));
  assert.deepEqual(server.refused.map(({ code }) => code), ["ENOENT", "ENXIO"]);
  client.run();
  server.settle();
  assertConnected(client.run(), server);
});

test("a record with another's process id names files that are not there", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  server.settle();
  client.run();
  const nonce = "e".repeat(32);
  server.hears(formatAnnouncement(client.pid, nonce));
  assert.equal(server.refused[0]?.code, "ENOENT");
  assert.equal(server.admitted.length, 1);
});

// What stands at the pair's names.

interface Planted {
  readonly code: ErrorCode;
  /** Whether the client can be told, at its s2c. */
  readonly told: boolean;
  change(world: World, client: Client): void;
}

const planted: Record<string, Planted> = {
  "a symbolic link for s2c": {
    code: "ELOOP",
    told: false,
    change: (world, client) =>
      void (world.at(`${client.name}.s2c`).kind = "link"),
  },
  "a symbolic link for c2s": {
    code: "ELOOP",
    told: true,
    change: (world, client) =>
      void (world.at(`${client.name}.c2s`).kind = "link"),
  },
  "a plain file for s2c": {
    code: "EPERM",
    told: false,
    change: (world, client) =>
      void (world.at(`${client.name}.s2c`).kind = "file"),
  },
  "a plain file for c2s": {
    code: "EPERM",
    told: true,
    change: (world, client) =>
      void (world.put(`${client.name}.c2s`, { kind: "file" })),
  },
  "a second name for s2c": {
    code: "EPERM",
    told: false,
    change: (world, client) => void (world.at(`${client.name}.s2c`).links = 2),
  },
  "another user's c2s": {
    code: "EPERM",
    told: true,
    change: (world, client) => void (world.at(`${client.name}.c2s`).uid = 7),
  },
  "mode 0666 on s2c": {
    code: "EPERM",
    told: true,
    change: (world, client) =>
      void (world.at(`${client.name}.s2c`).mode = 0o666),
  },
  "mode 0660 without a group": {
    code: "EPERM",
    told: true,
    change: (world, client) =>
      void (world.at(`${client.name}.c2s`).mode = 0o660),
  },
  "a set-user-id bit": {
    code: "EPERM",
    told: true,
    change: (world, client) =>
      void (world.at(`${client.name}.s2c`).mode = 0o4600),
  },
  "no c2s": {
    code: "ENOENT",
    told: true,
    change: (world, client) => world.unlink(`${client.name}.c2s`),
  },
  "no s2c": {
    code: "ENOENT",
    told: false,
    change: (world, client) => world.unlink(`${client.name}.s2c`),
  },
};

for (const [what, { code, told, change }] of Object.entries(planted)) {
  test(`${what} is refused with ${code}${told ? ", and told" : ""}`, () => {
    const world = new World();
    const server = new Server(world, { uid: 0, mode: 0o666 });
    const client = new Client(world).run();
    const s2c = client.ends.open.get("s2c")!.node;
    change(world, client);
    server.settle();
    assert.deepEqual(server.refused.map((error) => error.code), [code]);
    assert.deepEqual(server.admitted, []);
    assert.equal(s2c.content, told ? `sockeye/1 error ${code}\n` : "");
    while (client.end === undefined) client.step();
    assert.equal(failureOf(client).code, told ? code : "ETIMEDOUT");
  });
}

test("the client notices what was planted at its own names", () => {
  for (const effect of ["c2s", "s2c"] as const) {
    for (
      const change of [{ kind: "link" }, { kind: "file" }, {
        links: 2,
      }] as const
    ) {
      const world = new World();
      const server = new Server(world);
      const client = new Client(world);
      while (
        client.machine.pollEffect().do !== "open" ||
        !world.files.has(`${client.name}.s2c`)
      ) client.step();
      Object.assign(world.at(`${client.name}.${effect}`), change);
      const { code } = failureOf(client.run());
      assert.ok(code === "ELOOP" || code === "EPERM", code);
      assert.deepEqual(world.pairs(), []);
      server.settle();
      assert.deepEqual([server.admitted, server.refused], [[], []]);
    }
  }
});

// Who may come.

test("only whom allowUsers names, and the others are told", () => {
  const world = new World();
  const server = new Server(world, {
    uid: 0,
    mode: 0o666,
    allowUsers: [1000, 1001],
  });
  const wanted = new Client(world, { uid: 1001 }).run();
  const other = new Client(world, { uid: 1002 }).run();
  server.settle();
  assertConnected(wanted.run(), server);
  assert.equal(server.admitted[0]?.credentials.uid, 1001);
  const { code, message } = failureOf(other.run());
  assert.equal(code, "EACCES");
  assert.match(message, /refused/);
  assert.match(server.refused[0]?.message ?? "", /user 1002/);
  assert.deepEqual(world.pairs(), []);
});

test("a server of another user that is not root needs a group in common", () => {
  const world = new World();
  const server = new Server(world, { uid: 1000, mode: 0o602 });
  const { code, message } = failureOf(new Client(world, { uid: 1001 }).run());
  assert.equal(code, "EACCES");
  assert.match(message, /user 1000.*user 1001.*group/);
  server.settle();
  assert.deepEqual(world.pairs(), []);
});

test("with a group in common the pair has it, mode 0660", () => {
  const world = new World();
  const server = new Server(world, {
    mode: 0o620,
    group: 50,
    rendezvousGroup: 50,
  });
  const client = new Client(world, { uid: 1001 }).run();
  assert.equal(world.at(`${client.name}.c2s`).mode, 0o660);
  assert.equal(world.at(`${client.name}.s2c`).group, 50);
  server.settle();
  assertConnected(client.run(), server);
  assert.equal(server.admitted[0]?.credentials.uid, 1001);
});

test("mode 0660 with another group than the listener's is refused", () => {
  const world = new World();
  const server = new Server(world, {
    mode: 0o660,
    group: 51,
    rendezvousGroup: 50,
  });
  const client = new Client(world, { uid: 1001 }).run();
  server.settle();
  assert.equal(failureOf(client.run()).code, "EPERM");
});

test("the client asks who owns the rendezvous", () => {
  const world = new World();
  const server = new Server(world, { uid: 0, mode: 0o666 });
  const wrong = new Client(world, { expectServer: 1000 }).run();
  assert.equal(failureOf(wrong).code, "EACCES");
  assert.match(failureOf(wrong).message, /user 0, not 1000/);
  assert.deepEqual(world.pairs(), []);
  const right = new Client(world, { expectServer: 0 }).run();
  server.settle();
  assertConnected(right.run(), server);
});

const noRendezvous: Record<string, [ErrorCode, (world: World) => void]> = {
  "nothing": ["ENOENT", () => {}],
  "a FIFO that nobody holds": ["ECONNREFUSED", (world) => void world.put(path)],
  "a plain file": [
    "ECONNREFUSED",
    (world) => void world.put(path, { kind: "file" }),
  ],
  "a socket": [
    "ECONNREFUSED",
    (world) => void world.put(path, { kind: "socket" }),
  ],
  "a symbolic link": [
    "ECONNREFUSED",
    (world) => void world.put(path, { kind: "link" }),
  ],
  "another user's": [
    "EACCES",
    (world) => void world.put(path, { uid: 7, readers: 1 }),
  ],
};

for (const [what, [code, prepare]] of Object.entries(noRendezvous)) {
  test(`no rendezvous: ${what} gives ${code}, and nothing is made`, () => {
    const world = new World();
    prepare(world);
    assert.equal(failureOf(new Client(world).run()).code, code);
    assert.deepEqual(world.pairs(), []);
    assert.ok(!world.log.includes("makeFifos"));
  });
}

test("a path whose pairs would have too long a name is refused", () => {
  checkRendezvousPath(`/run/${"x".repeat(207)}`);
  for (const long of [`/run/${"x".repeat(208)}`, "d/".repeat(2040)]) {
    assert.throws(() => checkRendezvousPath(long), { code: "ENAMETOOLONG" });
    const world = new World();
    const client = new Client(world, { path: long });
    assert.equal(failureOf(client).code, "ENAMETOOLONG");
  }
});
