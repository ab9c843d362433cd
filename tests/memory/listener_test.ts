import assert from "node:assert/strict";
import test from "node:test";
import { createMemoryRuntime } from "../../adapters/memory/runtime.ts";
import { bytes, codeOf, dial, End, handleOf, mem, open } from "./ends.ts";
import { listenRequest } from "../requests.ts";

test("nobody listens: refused after a round trip", async () => {
  const runtime = createMemoryRuntime({ latency: 10 });
  const dialled = dial(runtime, "nobody");
  assert.equal(dialled.outcome, undefined);
  await runtime.clock.run();
  assert.deepEqual([codeOf(dialled), dialled.at], ["ECONNREFUSED", 20]);
});

test("a name is taken once, and free after close", async () => {
  const runtime = createMemoryRuntime();
  const door = await open(runtime, "door");
  await assert.rejects(open(runtime, "door"), { code: "EADDRINUSE" });
  door.handle.close();
  door.handle.close();
  await open(runtime, "door");
  await runtime.clock.run();
  assert.deepEqual(door.told.map(([what]) => what), ["closed"]);
  door.handle.close();
  door.handle.startAccept();
  await runtime.clock.run();
  assert.equal(door.told.length, 1);
  await assert.rejects(
    open(runtime, "door"),
    { code: "EADDRINUSE" },
    "closing the old one again frees nothing",
  );
});

test("connections beyond the backlog wait for room", async () => {
  const runtime = createMemoryRuntime();
  const door = await open(runtime, "door", { accepting: false, backlog: 2 });
  const dialled = Array.from({ length: 4 }, () => dial(runtime, "door"));
  await runtime.clock.run();
  const made = (): boolean[] => dialled.map(({ outcome }) => !!outcome);
  assert.deepEqual(made(), [true, true, false, false]);
  assert.deepEqual(door.accepted, []);
  dialled[2]!.pending.cancel();
  door.handle.startAccept();
  await runtime.clock.run();
  assert.deepEqual(made(), [true, true, false, true]);
  assert.equal(door.accepted.length, 3);
});

test("a listener that stops leaves connections in its queue", async () => {
  const runtime = createMemoryRuntime();
  const door = await open(runtime, "door");
  assert.ok(door.handle.acceptsOnDemand);
  door.handle.stopAccept();
  const dialled = dial(runtime, "door");
  await runtime.clock.run();
  const client = new End(runtime, handleOf(dialled));
  client.handle.transmit(bytes(3));
  await runtime.clock.advance(1000);
  assert.equal(door.accepted.length, 0);
  door.handle.startAccept();
  await runtime.clock.run();
  const server = new End(runtime, door.accepted[0]!);
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 3"]);
});

test("closing a listener resets who is not accepted, and refuses who waits", async () => {
  const runtime = createMemoryRuntime();
  const door = await open(runtime, "door", { backlog: 1 });
  const first = dial(runtime, "door");
  await runtime.clock.run();
  door.handle.stopAccept();
  const second = dial(runtime, "door");
  const third = dial(runtime, "door");
  await runtime.clock.run();
  const clients = [first, second].map((dialled) =>
    new End(runtime, handleOf(dialled))
  );
  door.handle.close();
  await runtime.clock.run();
  assert.deepEqual(clients.map(({ words }) => words), [
    [],
    ["closed ECONNRESET"],
  ]);
  assert.equal(codeOf(third), "ECONNREFUSED");
  clients[0]!.handle.close();
  door.accepted[0]!.close();
  assert.equal(runtime.network.descriptors, 0);
});

test("a connect that is given up tells nothing more", async () => {
  const runtime = createMemoryRuntime({ latency: 10 });
  const door = await open(runtime, "door");
  const early = dial(runtime, "door");
  early.pending.cancel();
  early.pending.cancel();
  const late = dial(runtime, "door");
  await runtime.clock.advance(15);
  late.pending.cancel();
  await runtime.clock.run();
  assert.deepEqual([early.outcome, late.outcome], [undefined, undefined]);
  assert.equal(door.accepted.length, 1, "it had come to the listener");
  const server = new End(runtime, door.accepted[0]!);
  await runtime.clock.run();
  assert.deepEqual(server.words, ["closed ECONNRESET"]);
  server.handle.close();
  door.handle.close();
  assert.equal(runtime.network.descriptors, 0);
});

test("a listen that is given up frees its name", async () => {
  const runtime = createMemoryRuntime();
  const pending = runtime.listen(mem("door"), listenRequest, {
    listening: () => assert.fail("given up"),
    failed: () => assert.fail("given up"),
  });
  pending.cancel();
  await open(runtime, "door");
});

test("at the descriptor limit, connects and accepts fail with EMFILE", async () => {
  const runtime = createMemoryRuntime({ descriptorLimit: 4 });
  const door = await open(runtime, "door");
  const dialled = [1, 2, 3].map(() => dial(runtime, "door"));
  await runtime.clock.run();
  assert.deepEqual(runtime.descriptors(), { limit: 4, used: 4 });
  assert.deepEqual(door.told, [["EMFILE", 0]]);
  const beyond = dial(runtime, "door");
  await runtime.clock.run();
  assert.equal(codeOf(beyond), "EMFILE");
  await assert.rejects(open(runtime, "other"), { code: "EMFILE" });
  handleOf(dialled[2]!).abort();
  door.handle.startAccept();
  await runtime.clock.run();
  assert.deepEqual(door.told.map(([what]) => what), [
    "EMFILE",
    "connection",
    "EMFILE",
  ]);
});
