/** The entry point: the library's own verbs in simulated time. */
import assert from "node:assert/strict";
import test from "node:test";
import { createSimulation, PollEvents } from "../../entries/memory.ts";
import type { TraceEvent } from "../../entries/memory.ts";
import { bytes } from "./ends.ts";

test("a conversation takes the time of its round trips", async () => {
  const { run, serve, connect, clock } = createSimulation({ latency: 100 });
  const log = await run(async () => {
    const log: [string, number][] = [];
    const note = (what: string): void => void log.push([what, clock.now()]);
    const server = await serve("mem:echo", {
      data: (channel, bytes) => void channel.send(bytes),
    });
    const client = await connect("mem:echo");
    note("connected");
    await client.write(bytes(5));
    assert.deepEqual(await client.read(), bytes(5));
    note("answered");
    await client.close();
    note("closed");
    await server.close();
    return log;
  });
  assert.deepEqual(log, [
    ["connected", 200],
    ["answered", 400],
    ["closed", 600],
  ]);
});

test("an hour of silence takes a moment", async () => {
  const { run, listen, connect, clock, advance } = createSimulation();
  await run(async () => {
    const listener = await listen("mem:quiet");
    const client = await connect("mem:quiet");
    await assert.rejects(client.read({ timeout: 3_600_000 }), {
      code: "ETIMEDOUT",
    });
    assert.equal(clock.now(), 3_600_000);
    await advance(10);
    assert.equal(clock.now(), 3_600_010);
    client.abort();
    await listener.close();
  });
});

test("each simulation has its own names, and a poller of its own", async () => {
  const one = createSimulation();
  const other = createSimulation();
  await one.run(async () => {
    const listener = await one.listen("mem:here");
    const poller = new one.Poller<string>();
    poller.add(listener, { readable: true }, "knock");
    const events = new PollEvents<string>(4);
    assert.equal(await poller.wait(events, 50), 0);
    assert.equal(one.clock.now(), 50);
    const client = await one.connect("mem:here");
    assert.equal(await poller.wait(events, 50), 1);
    poller.close();
    client.abort();
    await listener.close();
  });
  await assert.rejects(other.run(() => other.connect("mem:here")), {
    code: "ECONNREFUSED",
  });
  assert.equal((await other.capabilities()).runtime, "memory");
});

test("a scenario that can never end says so", async () => {
  const { run, listen } = createSimulation();
  await assert.rejects(
    run(async () => {
      const listener = await listen("mem:nobody-comes");
      await listener.accept();
    }),
    { code: "ERR_SOCKEYE_STATE", message: /nothing is left to happen/ },
  );
});

/** Clients and an echo server, in a network that does its worst. */
async function scenario(
  seed: number,
  options: { lend?: boolean; holdPending?: boolean } = {},
): Promise<{ trace: TraceEvent[]; answered: number; failed: string[] }> {
  const trace: TraceEvent[] = [];
  const failed: string[] = [];
  let answered = 0;
  const { run, serve, connect } = createSimulation({
    ...options,
    seed,
    latency: [1, 30],
    jitter: [0, 10],
    chunk: [1, 3000],
    window: 4096,
    shutdownDelay: 3,
    faults: [
      { kind: "refuse", probability: 0.1 },
      { kind: "reset", probability: 0.1, afterBytes: [0, 40_000] },
      { kind: "reset", probability: 0.1, afterMs: [0, 500] },
      { kind: "resetInQueue", probability: 0.1 },
      { kind: "stall", probability: 0.2, afterMs: [0, 300], ms: [1, 900] },
      { kind: "slowAccept", probability: 0.2, ms: [1, 300] },
    ],
    trace: (event) => trace.push(event),
  });
  await run(async () => {
    const server = await serve("mem:echo", {
      data: (channel, bytes) => void channel.send(bytes),
      end: (channel) => channel.end(),
    });
    const client = async (first: number): Promise<void> => {
      const sent = bytes(20_000, first);
      const connection = await connect("mem:echo");
      const received: number[] = [];
      const writing = connection.write(sent)
        .then(() => connection.closeWrite());
      writing.catch(() => {}); // Reading fails as well, and tells.
      for await (const chunk of connection) received.push(...chunk);
      await writing;
      assert.deepEqual(Uint8Array.from(received), sent);
      await connection.close();
      answered++;
    };
    const clients = Array.from({ length: 20 }, (_, index) => client(index));
    for (const result of await Promise.allSettled(clients)) {
      if (result.status === "fulfilled") continue;
      failed.push((result.reason as { code: string }).code);
    }
    await server.close({ grace: 10_000 });
  });
  return { trace, answered, failed };
}

for (const holdPending of [true, false]) {
  for (const lend of [true, false]) {
    const title = `${lend ? "lent" : "given"}, ${
      holdPending ? "rests held" : "rests offered again"
    }`;
    test(`faults cost connections, never bytes: data ${title}`, async () => {
      const { answered, failed } = await scenario(5, { lend, holdPending });
      assert.equal(answered + failed.length, 20);
      assert.ok(answered >= 5, `${answered} answered`);
      assert.ok(failed.length >= 2, `${failed}`);
      const known = ["ECONNREFUSED", "ECONNRESET", "EPIPE"];
      assert.deepEqual(failed.filter((code) => !known.includes(code)), []);
    });
  }
}

test("a whole scenario is the same again with the same seed", async () => {
  const first = await scenario(11);
  assert.ok(first.trace.length > 500, `${first.trace.length} events`);
  assert.deepEqual(await scenario(11), first);
  assert.notDeepEqual((await scenario(12)).trace, first.trace);
});
