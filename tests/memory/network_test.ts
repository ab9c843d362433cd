import assert from "node:assert/strict";
import test from "node:test";
import {
  createMemoryRuntime,
  type MemoryRuntimeOptions,
} from "../../adapters/memory/runtime.ts";
import type { TraceEvent } from "../../adapters/memory/link.ts";
import type { ListenHandle, StreamHandle } from "../../core/transport.ts";
import { bytes, connected, dial, End, handleOf, mem, open } from "./ends.ts";
import { connectRequest, listenRequest } from "../requests.ts";

test("a connect takes a round trip, and bytes one way", async () => {
  const runtime = createMemoryRuntime({ latency: 10 });
  const door = await open(runtime, "door");
  const dialled = dial(runtime, "door");
  await runtime.clock.run();
  assert.deepEqual(door.told, [["connection", 10]]);
  assert.equal(dialled.at, 20);
  const client = new End(runtime, handleOf(dialled));
  const server = new End(runtime, door.accepted[0]!);
  assert.equal(client.handle.transmit(bytes(5)), 5);
  assert.ok(client.handle.shutdown());
  await runtime.clock.run();
  assert.deepEqual(server.told, [["data 5", 30], ["end", 30]]);
  assert.deepEqual(server.received, [0, 1, 2, 3, 4]);
  assert.deepEqual(client.told, []);
});

test("both ends know both names", async () => {
  const { client, server, door } = await connected();
  assert.deepEqual(door.handle.address, mem("door"));
  assert.deepEqual(client.handle.remoteAddress, mem("door"));
  assert.deepEqual(server.handle.localAddress, mem("door"));
  assert.deepEqual(client.handle.localAddress, mem("door#1"));
  assert.deepEqual(server.handle.remoteAddress, mem("door#1"));
});

test("a latency from a range belongs to the connection, jitter to each piece", async () => {
  const runtime = createMemoryRuntime({ latency: [5, 50] });
  await open(runtime, "door");
  const dialled = Array.from({ length: 20 }, () => dial(runtime, "door"));
  await runtime.clock.run();
  const times = dialled.map(({ at }) => at);
  assert.ok(times.every((at) => at >= 10 && at <= 100), `${times}`);
  assert.equal(new Set(times).size, 20);
});

test("a connection that is over leaves nothing behind", async () => {
  const { runtime, client, server, door } = await connected();
  assert.equal(runtime.network.descriptors, 3);
  client.handle.close();
  await runtime.clock.run();
  server.handle.close();
  door.handle.close();
  await runtime.clock.run();
  assert.equal(runtime.network.descriptors, 0);
  assert.equal(runtime.network.reset(), 0);
  assert.equal(runtime.clock.pending, 0);
});

test("other addresses are unsupported, and the capabilities say so", async () => {
  const runtime = createMemoryRuntime();
  const at = { transport: "tcp", host: "127.0.0.1", port: 1 } as const;
  const refused = {
    code: "ERR_SOCKEYE_UNSUPPORTED",
    message: /tcp:\/\/127\.0\.0\.1:1/,
  };
  await assert.rejects(
    runtime.clock.until(
      new Promise<StreamHandle>((connected, failed) => {
        runtime.connect(at, connectRequest, { connected, failed });
      }),
    ),
    refused,
  );
  await assert.rejects(
    runtime.clock.until(
      new Promise<ListenHandle>((listening, failed) => {
        runtime.listen(at, listenRequest, { listening, failed });
      }),
    ),
    refused,
  );
  const { features } = runtime.capabilities();
  assert.equal(features.mem.support, "native");
  assert.equal(features.tcp.support, "none");
});

for (
  const options of [
    { latency: -1 },
    { latency: [5, 1] },
    { jitter: NaN },
    { chunk: 0 },
    { window: 0 },
    { shutdownDelay: -1 },
    { faults: [{ kind: "refuse", probability: 2 }] },
    { faults: [{ kind: "stall", ms: -1 }] },
    { faults: [{ kind: "reset", afterBytes: [9, 1] }] },
  ] as MemoryRuntimeOptions[]
) {
  test(`options ${JSON.stringify(options)} are refused`, () => {
    assert.throws(() => createMemoryRuntime(options), {
      code: "EINVAL",
      message: /^Cannot simulate /,
    });
  });
}

/** Eight clients in a network that does everything at random. */
async function trace(seed: number): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  const runtime = createMemoryRuntime({
    seed,
    latency: [1, 20],
    jitter: [0, 5],
    chunk: [1, 40],
    window: 64,
    trace: (event) => events.push(event),
    faults: [
      { kind: "refuse", probability: 0.2 },
      { kind: "reset", probability: 0.3, afterBytes: [0, 200] },
      { kind: "stall", probability: 0.5, afterMs: [0, 50], ms: [1, 100] },
      { kind: "slowAccept", probability: 0.5, ms: [0, 30] },
    ],
  });
  const door = await open(runtime, "door");
  const dialled = Array.from({ length: 8 }, () => dial(runtime, "door"));
  await runtime.clock.until(() => dialled.every(({ outcome }) => outcome));
  const clients = dialled.flatMap(({ outcome }) =>
    "attach" in outcome! ? new End(runtime, outcome) : []
  );
  await runtime.clock.advance(100);
  for (const handle of door.accepted) new End(runtime, handle);
  for (const { handle } of clients) {
    if (handle.transmit(bytes(60)) === 60) handle.shutdown();
  }
  await runtime.clock.run();
  return events;
}

test("the same seed gives the same trace, another one another", async () => {
  const first = await trace(42);
  assert.ok(first.length > 50, `${first.length} events`);
  assert.deepEqual(await trace(42), first);
  assert.notDeepEqual(await trace(43), first);
});

test("this seed gives this trace on every runtime", async () => {
  const events = await trace(42);
  let hash = 0;
  for (const character of JSON.stringify(events)) {
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  }
  // Changes when the network draws or orders anew; must be equal everywhere.
  assert.deepEqual([events.length, hash], [63, 1957872617]);
});
