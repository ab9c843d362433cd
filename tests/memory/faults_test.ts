import assert from "node:assert/strict";
import test from "node:test";
import type { Fault } from "../../adapters/memory/faults.ts";
import { createMemoryRuntime } from "../../adapters/memory/runtime.ts";
import {
  bytes,
  codeOf,
  connected,
  dial,
  type Dialled,
  End,
  handleOf,
  open,
} from "./ends.ts";

const refused = (dialled: readonly Dialled[]): number =>
  dialled.filter(({ outcome }) => outcome !== undefined && "code" in outcome)
    .length;

test("refuse hits so many connects, by name, until it is lifted", async () => {
  const runtime = createMemoryRuntime({
    faults: [{ kind: "refuse", name: "door", count: 2 }],
  });
  await open(runtime, "door");
  await open(runtime, "other");
  const dialled = Array.from({ length: 5 }, () => dial(runtime, "door"));
  const other = dial(runtime, "other");
  await runtime.clock.run();
  assert.equal(codeOf(dialled[0]!), "ECONNREFUSED");
  assert.equal(codeOf(dialled[1]!), "ECONNREFUSED");
  assert.equal(refused(dialled), 2);
  handleOf(other);

  const lift = runtime.network.inject({ kind: "refuse" });
  const during = dial(runtime, "other");
  await runtime.clock.run();
  lift();
  const after = dial(runtime, "other");
  await runtime.clock.run();
  assert.equal(codeOf(during), "ECONNREFUSED");
  handleOf(after);
});

test("refuse hits about as many as its probability says", async () => {
  const runtime = createMemoryRuntime({
    seed: 1,
    faults: [{ kind: "refuse", probability: 0.3 }],
  });
  await open(runtime, "door");
  const dialled = Array.from({ length: 400 }, () => dial(runtime, "door"));
  await runtime.clock.run();
  const count = refused(dialled);
  assert.ok(count > 80 && count < 160, `${count} of 400`);
});

test("reset after bytes: these arrive, then both sides are told", async () => {
  const { runtime, client, server } = await connected({
    latency: 10,
    faults: [{ kind: "reset", afterBytes: 5 }],
  });
  const start = runtime.now();
  server.handle.transmit(bytes(2));
  await runtime.clock.run();
  client.handle.transmit(bytes(9));
  client.handle.transmit(bytes(9));
  await runtime.clock.run();
  assert.deepEqual(client.told, [
    ["data 2", start + 10],
    ["closed ECONNRESET", start + 30],
  ]);
  assert.deepEqual(server.told, [
    ["data 3", start + 30],
    ["closed ECONNRESET", start + 30],
  ]);
});

test("reset after bytes loses what is under way to the sender", async () => {
  const { runtime, client, server } = await connected({
    latency: 10,
    faults: [{ kind: "reset", afterBytes: 5 }],
  });
  server.handle.transmit(bytes(2));
  client.handle.transmit(bytes(3));
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed ECONNRESET"]);
  assert.deepEqual(server.words, ["data 3", "closed ECONNRESET"]);
});

test("reset at a time, which a connection that is over does not wait for", async () => {
  const faults: Fault[] = [{ kind: "reset", afterMs: 500 }];
  const { runtime, client, server } = await connected({ latency: 10, faults });
  await runtime.clock.run();
  assert.deepEqual(client.told, [["closed ECONNRESET", 520]]);
  assert.deepEqual(server.told, [["closed ECONNRESET", 520]]);

  const brief = await connected({ faults });
  brief.client.handle.close();
  brief.server.handle.close();
  await brief.runtime.clock.run();
  assert.deepEqual(brief.server.words, ["closed"]);
  assert.equal(brief.runtime.now(), 0);
});

test("the network resets by name, at once", async () => {
  const { runtime, client, server } = await connected({ latency: 10 });
  client.handle.transmit(bytes(4));
  assert.equal(runtime.network.reset("other"), 0);
  assert.equal(runtime.network.reset("door"), 1);
  client.handle.transmit(bytes(4));
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed ECONNRESET"]);
  assert.deepEqual(server.words, ["closed ECONNRESET"]);
});

for (const acceptFails of [false, true]) {
  const title = acceptFails ? "a failed accept" : "a connection that is reset";
  test(`a reset in the accept queue gives ${title}`, async () => {
    const runtime = createMemoryRuntime({
      faults: [{ kind: "resetInQueue", acceptFails, count: 1 }],
    });
    const door = await open(runtime, "door", { accepting: false });
    const dialled = dial(runtime, "door");
    const second = dial(runtime, "door");
    await runtime.clock.run();
    const client = new End(runtime, handleOf(dialled));
    await runtime.clock.run();
    assert.deepEqual(client.words, ["closed ECONNRESET"]);
    door.handle.startAccept();
    await runtime.clock.run();
    if (acceptFails) {
      assert.deepEqual(door.told, [["ECONNABORTED", 0]]);
      door.handle.startAccept();
      await runtime.clock.run();
    } else {
      const server = new End(runtime, door.accepted.shift()!);
      await runtime.clock.run();
      assert.deepEqual(server.words, ["closed ECONNRESET"]);
    }
    assert.equal(door.accepted.length, 1, "the next one is served");
    new End(runtime, handleOf(second)).handle.transmit(bytes(1));
    const server = new End(runtime, door.accepted[0]!);
    await runtime.clock.run();
    assert.deepEqual(server.words, ["data 1"]);
  });
}

test("a slow accept holds up the connection, and those behind it", async () => {
  const runtime = createMemoryRuntime({
    faults: [{ kind: "slowAccept", ms: 250, count: 1 }],
  });
  const door = await open(runtime, "door");
  const dialled = [dial(runtime, "door"), dial(runtime, "door")];
  await runtime.clock.run();
  assert.deepEqual(dialled.map(({ at }) => at), [0, 0]);
  assert.deepEqual(door.told, [["connection", 250], ["connection", 250]]);
});

test("a failed accept leaves the connection in the queue", async () => {
  const runtime = createMemoryRuntime({
    faults: [{ kind: "acceptError", code: "ENOBUFS", count: 2 }],
  });
  const door = await open(runtime, "door");
  dial(runtime, "door");
  for (const told of ["ENOBUFS", "ENOBUFS", "connection"]) {
    await runtime.clock.run();
    assert.equal(door.told.at(-1)?.[0], told);
    door.handle.startAccept();
  }
  assert.equal(door.told.length, 3);
});

test("a stall delivers nothing for a while, then everything", async () => {
  const { runtime, client, server } = await connected({
    latency: 10,
    faults: [{ kind: "stall", afterMs: 40, ms: 1000 }],
  });
  const start = runtime.now(); // 20: the server's end was open at 10
  await runtime.clock.advance(25);
  client.handle.transmit(bytes(2)); // at 45, under way when it stalls at 50
  await runtime.clock.advance(25);
  client.handle.transmit(bytes(2));
  client.handle.shutdown();
  server.handle.transmit(bytes(1));
  await runtime.clock.run();
  assert.equal(start, 20);
  assert.deepEqual(server.told, [["data 4", 1050], ["end", 1050]]);
  assert.deepEqual(client.told, [["data 1", 1050]]);
});

test("a stall after bytes lets these through", async () => {
  const { runtime, client, server } = await connected({
    latency: 10,
    faults: [{ kind: "stall", afterBytes: 3, ms: 1000 }],
  });
  const start = runtime.now();
  client.handle.transmit(bytes(5));
  await runtime.clock.run();
  assert.deepEqual(server.told, [
    ["data 3", start + 10],
    ["data 2", start + 1000],
  ]);
});

test("a stall without end is a peer that vanished", async () => {
  const { runtime, client, server } = await connected({ window: 8 });
  assert.equal(runtime.network.stall(Infinity), 1);
  assert.equal(client.handle.transmit(bytes(20)), 8);
  await runtime.clock.run();
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed"]);
  assert.deepEqual(server.words, []);
  assert.equal(runtime.clock.pending, 0);
});

test("amounts may be drawn from the seed", async () => {
  const sizes = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const { runtime, client, server } = await connected({
      seed,
      faults: [{ kind: "reset", afterBytes: [1, 4] }],
    });
    client.handle.transmit(bytes(10));
    await runtime.clock.run();
    assert.equal(server.words.at(-1), "closed ECONNRESET");
    sizes.add(server.received.length);
  }
  assert.deepEqual([...sizes].sort(), [1, 2, 3, 4]);
});
