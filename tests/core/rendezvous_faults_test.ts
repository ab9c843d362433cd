/** The rendezvous in a simulated directory: faults, deaths, limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../core/error.ts";
import { NUDGE } from "../../core/rendezvous/client.ts";
import { MAX_HANDSHAKES } from "../../core/rendezvous/server.ts";
import {
  assertConnected,
  Client,
  failureOf,
  path,
  Server,
  sweep,
  timeout,
  World,
} from "./rendezvous_model.ts";

/** How many steps a client takes until it is through. */
const steps = (() => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world);
  let count = 0;
  while (client.end === undefined) {
    if (client.waits) server.settle();
    client.step();
    count++;
  }
  return count;
})();

test("a client killed between any two steps leaves nothing after the next sweep", () => {
  assert.ok(steps > 18);
  for (let step = 0; step <= steps; step++) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world);
    for (let done = 0; done < step; done++) {
      if (client.waits) server.settle();
      client.step();
    }
    client.kill();
    server.settle();
    const next = new Client(world).run();
    server.settle();
    assertConnected(next.run(), server, server.admitted.length - 1);
    sweep(world);
    assert.deepEqual(world.pairs(), [], `killed after ${step} steps`);
  }
});

test("a client killed while the server is at any step costs nothing but itself", () => {
  const effects = 10;
  for (let at = 0; at < effects; at++) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world).run();
    let count = 0;
    server.failing = () => {
      if (count++ === at) client.kill();
      return undefined;
    };
    server.settle();
    server.failing = undefined;
    const next = new Client(world).run();
    server.settle();
    assertConnected(next.run(), server, server.admitted.length - 1);
    sweep(world);
    assert.deepEqual(world.pairs(), [], `killed at the server's step ${at}`);
    assert.equal(server.machine.handshakes, 0);
  }
});

test("every effect of a client may fail: it says so, and leaves nothing", () => {
  const codes: ErrorCode[] = ["EACCES", "ENOSPC", "EMFILE", "EIO", "EROFS"];
  const last = steps - 5;
  for (let step = 0; step < last; step++) {
    for (const code of codes) {
      const world = new World();
      const server = new Server(world);
      const client = new Client(world);
      for (let done = 0; done < step; done++) client.step();
      const effect = client.machine.pollEffect().do;
      if (effect === "receive") continue;
      client.step(code);
      client.run();
      assert.equal(failureOf(client).code, code, `${effect} at step ${step}`);
      assert.deepEqual(world.pairs(), [], `${effect} at step ${step}`);
      server.settle();
    }
  }
});

test("every effect of the server may fail: that client is refused, the next is served", () => {
  for (let at = 0; at < 9; at++) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world).run();
    let count = 0;
    let what = "";
    server.failing = (effect) => {
      // What close(2) reports, it has closed.
      if (count++ !== at || effect.do === "close") return undefined;
      what = effect.do;
      return "EIO";
    };
    server.settle();
    server.failing = undefined;
    while (client.end === undefined) client.step();
    if (what === "" || what === "unlink") assertConnected(client, server);
    else {
      assert.equal(server.refused[0]?.code, "EIO", what);
      failureOf(client);
    }
    assert.deepEqual(world.pairs(), [], what);
    const next = new Client(world).run();
    server.settle();
    assertConnected(next.run(), server, server.admitted.length - 1);
  }
});

test("a client given up at any step leaves nothing", () => {
  for (let step = 0; step < steps - 5; step++) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world);
    for (let done = 0; done < step; done++) client.step();
    client.machine.cancel();
    client.run();
    assert.equal(failureOf(client).code, "ERR_SOCKEYE_CLOSED");
    assert.deepEqual(world.pairs(), []);
    server.settle();
    assert.deepEqual(server.admitted, []);
  }
});

test("a pair that a sweep took is made anew, three times", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world);
  let taken = 0;
  const take = (times: number) => {
    while (client.end === undefined && !client.waits) {
      client.step();
      if (taken < times && world.log.at(-1) === "makeFifos") {
        taken++;
        world.unlink(`${client.name}.${taken % 2 ? "s2c" : "c2s"}`);
      }
    }
  };
  take(2);
  server.settle();
  assertConnected(client.run(), server);
  const unlucky = new Client(world);
  for (; unlucky.end === undefined;) {
    unlucky.step();
    if (world.log.at(-1) === "makeFifos") world.unlink(`${unlucky.name}.s2c`);
  }
  assert.equal(failureOf(unlucky).code, "ENOENT");
  assert.deepEqual(world.pairs(), []);
});

test("a full rendezvous is waited for, until the deadline", () => {
  const world = new World();
  const server = new Server(world);
  world.at(path).content = `${"x".repeat(65_000)}\n`.padEnd(65_536, "\n");
  const client = new Client(world).run();
  const late = new Client(world).run();
  assert.equal(client.machine.pollEffect().do, "wait");
  client.step();
  assert.equal(client.end, undefined);
  server.settle();
  client.step();
  client.step();
  server.settle();
  assertConnected(client.run(), server);

  world.at(path).content = "\n".repeat(65_536);
  while (late.end === undefined) late.step();
  assert.equal(failureOf(late).code, "ETIMEDOUT");
});

test("a server that is killed is noticed within a nudge", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  const since = world.now;
  server.kill();
  while (client.end === undefined) client.step();
  assert.equal(failureOf(client).code, "ECONNREFUSED");
  assert.ok(world.now - since <= NUDGE);
  assert.deepEqual(world.pairs(), []);
});

test("a server that says nothing costs the deadline, and its nudges are empty lines", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  server.machine.setAccepting(false);
  const since = world.now;
  while (client.end === undefined) client.step();
  assert.equal(failureOf(client).code, "ETIMEDOUT");
  assert.equal(world.now - since, timeout);
  server.machine.setAccepting(true);
  server.settle();
  assert.deepEqual(server.refused.map(({ code }) => code), ["ENOENT"]);
});

test("answers of 5,000 bytes, and of nonsense, are the server's fault", () => {
  for (const text of ["x".repeat(5000) + "\n", "hello\n"]) {
    const world = new World();
    new Server(world);
    const client = new Client(world).run();
    client.ends.open.get("s2c")!.node.content = text;
    assert.equal(failureOf(client.run()).code, "ERR_SOCKEYE_PROTOCOL");
    assert.deepEqual(world.pairs(), []);
  }
});

test("without a descriptor the server says so, tries again, and gives up at the deadline", () => {
  for (const recovers of [true, false]) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world).run();
    server.failing = ({ do: what }) => what === "open" ? "EMFILE" : undefined;
    server.settle();
    assert.equal(server.exhausted[0]?.code, "EMFILE");
    assert.equal(server.machine.handshakes, 1);
    // Where one lacks a descriptor, the next is not begun.
    const next = new Client(world).run();
    server.settle();
    assert.equal(server.machine.handshakes, 1);
    assert.equal(server.exhausted.length, 1);
    world.now = server.machine.pollTimeout(world.now);
    if (recovers) server.failing = undefined;
    else world.now += timeout;
    server.settle();
    if (!recovers) {
      assert.equal(server.refused[0]?.code, "ETIMEDOUT");
      continue;
    }
    assertConnected(client.run(), server);
    assertConnected(next.run(), server, 1);
  }
});

test("while it waits for descriptors a handshake holds none", () => {
  for (const end of ["s2c", "c2s", "c2sAnchor"]) {
    const world = new World();
    const server = new Server(world);
    const client = new Client(world).run();
    const { node } = client.ends.open.get("s2c")!;
    server.failing = (effect) =>
      effect.do === "open" && effect.end === end ? "ENFILE" : undefined;
    server.settle();
    // The client's anchor is the one writer.
    assert.equal(node.writers, 1, end);
    server.failing = undefined;
    world.now = server.machine.pollTimeout(world.now);
    server.settle();
    assertConnected(client.run(), server);
  }
});

test("a client that fills its own s2c holds one place, for one period", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  client.ends.open.get("s2c")!.node.content = "x".repeat(65_536);
  server.settle();
  assert.equal(server.machine.handshakes, 1);
  const next = new Client(world).run();
  server.settle();
  assertConnected(next.run(), server);
  world.now += timeout;
  server.settle();
  assert.equal(server.refused[0]?.code, "ETIMEDOUT");
  assert.equal(server.machine.handshakes, 0);
});

test("handshakes at once have a limit, and the rest waits in the rendezvous", () => {
  const world = new World();
  const server = new Server(world);
  const clients = Array.from(
    { length: MAX_HANDSHAKES + 10 },
    () => new Client(world).run(),
  );
  server.failing = ({ do: what }) => what === "write" ? "EAGAIN" : undefined;
  server.settle();
  assert.equal(server.machine.handshakes, MAX_HANDSHAKES);
  assert.equal(server.machine.wantsBytes, false);
  server.failing = undefined;
  world.now = server.machine.pollTimeout(world.now);
  server.settle();
  for (const [index, client] of clients.entries()) {
    assertConnected(client.run(), server, index);
  }
});

test("while nothing is accepted no record is taken up", () => {
  const world = new World();
  const server = new Server(world);
  server.machine.setAccepting(false);
  const client = new Client(world).run();
  server.settle();
  assert.equal(server.machine.wantsBytes, false);
  assert.equal(client.waits, true);
  server.machine.setAccepting(true);
  server.settle();
  assertConnected(client.run(), server);
});

test("a server that closes refuses whom it has not admitted", () => {
  const world = new World();
  const server = new Server(world);
  const client = new Client(world).run();
  server.failing = ({ do: what }) => what === "write" ? "EAGAIN" : undefined;
  server.settle();
  server.failing = undefined;
  server.machine.close();
  server.settle();
  assert.equal(server.machine.handshakes, 0);
  assert.equal(failureOf(client.run()).code, "ECONNREFUSED");
});
