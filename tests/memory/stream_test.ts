import assert from "node:assert/strict";
import test from "node:test";
import { bytes, connected, dial, End, handleOf } from "./ends.ts";

test("pieces keep their order however they are delayed", async () => {
  const { runtime, client, server } = await connected({
    latency: 5,
    jitter: [0, 100],
    chunk: 1,
  });
  const start = runtime.now();
  assert.equal(client.handle.transmit(bytes(100)), 100);
  await runtime.clock.run();
  assert.deepEqual(server.received, [...bytes(100)]);
  const times = server.told.map(([, at]) => at - start);
  assert.equal(times.length, 100);
  assert.ok(new Set(times).size > 3, "they come at different times");
  assert.ok(times.at(-1)! > 50 && times.at(-1)! <= 105);
});

test("chunk splits at a size, or at sizes from the seed", async () => {
  const fixed = await connected({ chunk: 3 });
  fixed.client.handle.transmit(bytes(10));
  await fixed.runtime.clock.run();
  assert.deepEqual(fixed.server.words, [
    "data 3",
    "data 3",
    "data 3",
    "data 1",
  ]);

  const drawn = await connected({ chunk: [1, 7], seed: 3 });
  drawn.client.handle.transmit(bytes(200));
  await drawn.runtime.clock.run();
  const sizes = drawn.server.words.map((word) => Number(word.slice(5)));
  assert.deepEqual(drawn.server.received, [...bytes(200)]);
  assert.ok(Math.max(...sizes) <= 7);
  assert.ok(new Set(sizes).size >= 5, `${sizes}`);
});

test("without chunk, what has arrived is joined up to 64 KiB", async () => {
  const { runtime, client, server } = await connected(
    { window: 200_000 },
    { reading: false },
  );
  for (let index = 0; index < 5; index++) client.handle.transmit(bytes(2));
  client.handle.transmit(new Uint8Array(65536));
  await runtime.clock.run();
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 10", "data 65536"]);
});

test("a full window stops the sender until the receiver reads", async () => {
  const { runtime, client, server } = await connected(
    { window: 8, latency: 10 },
    { reading: false },
  );
  const sent = bytes(20);
  assert.equal(client.handle.transmit(sent), 8);
  await runtime.clock.run();
  assert.deepEqual(client.told, []);
  const start = runtime.now();
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual(client.told, [["written 8", start + 10]]);
  assert.equal(client.handle.transmit(sent.subarray(16)), 4);
  await runtime.clock.run();
  assert.deepEqual(client.words, ["written 8"]);
  assert.deepEqual(server.received, [...sent]);
});

test("an adapter that lets go of its bytes asks for the rest again", async () => {
  const { runtime, client, server } = await connected({
    window: 8,
    holdPending: false,
  });
  assert.equal(client.handle.holdsPending, false);
  const sent = bytes(12);
  assert.equal(client.handle.transmit(sent.subarray()), 8);
  await runtime.clock.run();
  assert.deepEqual(client.words, ["written 0"]);
  assert.equal(client.handle.transmit(sent.subarray(8)), 4);
  await runtime.clock.run();
  assert.deepEqual(server.received, [...sent]);
});

test("bytes are the sender's again once they are taken", async () => {
  const { runtime, client, server } = await connected({ latency: 10 });
  const lent = bytes(4);
  assert.equal(client.handle.transmit(lent), 4);
  lent.fill(99);
  await runtime.clock.run();
  assert.deepEqual(server.received, [0, 1, 2, 3]);
});

test("nothing is delivered while reading is stopped", async () => {
  const { runtime, client, server } = await connected({ chunk: 2 });
  server.react = (what) => what === "data 2" && server.handle.stopRead();
  client.handle.transmit(bytes(6));
  client.handle.shutdown();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 2"]);
  server.react = undefined;
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 2", "data 2", "data 2", "end"]);
});

test("an end in one direction leaves the other usable", async () => {
  const { runtime, client, server } = await connected();
  client.handle.shutdown();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["end"]);
  server.handle.transmit(bytes(3));
  server.handle.shutdown();
  await runtime.clock.run();
  assert.deepEqual(client.words, ["data 3", "end"]);
  client.handle.close();
  server.handle.close();
  await runtime.clock.run();
  assert.deepEqual(client.words.at(-1), "closed");
  assert.deepEqual(server.words.at(-1), "closed");
});

test("a shutdown may take its time to be handed over", async () => {
  const { runtime, client, server } = await connected({ shutdownDelay: 7 });
  const start = runtime.now();
  assert.equal(client.handle.shutdown(), false);
  await runtime.clock.run();
  assert.deepEqual(client.told, [["shutdownDone", start + 7]]);
  assert.deepEqual(server.words, ["end"]);
});

test("close sends what was taken, then the end", async () => {
  const { runtime, client, server } = await connected({ latency: 10 });
  client.handle.transmit(bytes(4));
  client.handle.close();
  assert.deepEqual(client.told, [], "not within the caller's own call");
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed"]);
  assert.deepEqual(server.words, ["data 4", "end"]);
});

test("close with unread input resets the peer, which loses what is under way", async () => {
  const { runtime, client, server } = await connected(
    { latency: 10 },
    { reading: false },
  );
  server.handle.startRead();
  client.handle.transmit(bytes(3));
  server.handle.transmit(bytes(3));
  await runtime.clock.run();
  client.handle.transmit(bytes(5));
  client.handle.close();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 3", "closed ECONNRESET"]);
});

test("data for a closed end is answered by a reset", async () => {
  const { runtime, client, server } = await connected({ latency: 10 });
  client.handle.close();
  server.handle.transmit(bytes(1));
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed"]);
  assert.deepEqual(server.words, ["end", "closed EPIPE"]);
});

test("a peer that goes on sending to a closed end is told in one round trip", async () => {
  const { runtime, client, server } = await connected({ latency: 50 });
  const start = runtime.now();
  client.handle.close();
  let sent = 0;
  const send = (): void => {
    if (server.words.length > 0 || ++sent > 100) return;
    server.handle.transmit(bytes(1));
    runtime.setTimer(send, 10);
  };
  server.handle.stopRead();
  send();
  await runtime.clock.run();
  assert.deepEqual(server.told, [["end", start + 100], [
    "closed EPIPE",
    start + 100,
  ]]);
});

test("an abort loses what is under way, and not what has arrived", async () => {
  const { runtime, client, server } = await connected(
    { latency: 10, chunk: 2 },
    { reading: false },
  );
  client.handle.transmit(bytes(4));
  await runtime.clock.run();
  client.handle.transmit(bytes(4, 100));
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(client.words, ["closed"]);
  assert.deepEqual(server.told, [], "the reset is behind unread data");
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 2", "data 2", "closed ECONNRESET"]);
  assert.deepEqual(server.received, [0, 1, 2, 3]);
});

test("with no latency, bytes have arrived once they are taken", async () => {
  const { runtime, client, server } = await connected();
  client.handle.transmit(bytes(4));
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 4", "closed ECONNRESET"]);
});

test("a reset is known at once where nothing unread is before it", async () => {
  const { runtime, client, server } = await connected({}, { reading: false });
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["closed ECONNRESET"]);
});

test("a write meets the reset behind unread input", async () => {
  const { runtime, client, server } = await connected({}, { reading: false });
  client.handle.transmit(bytes(4));
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(server.told, []);
  assert.equal(server.handle.transmit(bytes(1)), 0);
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 4", "closed ECONNRESET"]);
});

test("a write that waits fails by a reset", async () => {
  const { runtime, client, server } = await connected(
    { window: 4 },
    { reading: false },
  );
  client.handle.transmit(bytes(2));
  assert.equal(server.handle.transmit(bytes(9)), 4);
  await runtime.clock.run();
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 2", "closed ECONNRESET"]);
});

test("after the peer's end, a reset is EPIPE unless ours was sent", async () => {
  const one = await connected();
  one.client.handle.shutdown();
  await one.runtime.clock.run();
  one.client.handle.abort();
  await one.runtime.clock.run();
  assert.deepEqual(one.server.words, ["end", "closed EPIPE"]);

  const both = await connected();
  both.client.handle.shutdown();
  both.server.handle.shutdown();
  await both.runtime.clock.run();
  both.client.handle.abort();
  await both.runtime.clock.run();
  assert.deepEqual(both.server.words, ["end"], "there is nothing to reset");
});

test("nothing is told before attach, and nothing within a command", async () => {
  const { runtime, door } = await connected();
  const dialled = dial(runtime, "door");
  await runtime.clock.run();
  const client = new End(runtime, handleOf(dialled));
  client.handle.transmit(bytes(3));
  client.handle.shutdown();
  await runtime.clock.run();
  const server = new End(runtime, door.accepted[1]!);
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 3", "end"]);
  server.handle.transmit(bytes(1));
  server.handle.abort();
  server.handle.close();
  assert.deepEqual([client.words, server.words.length], [[], 2]);
  await runtime.clock.run();
  assert.deepEqual(client.words, ["data 1", "closed ECONNRESET"]);
  assert.deepEqual(server.words, ["data 3", "end", "closed"]);
});

test("commands from within events are taken", async () => {
  const { runtime, client, server } = await connected({ chunk: 4 });
  server.react = (what) => {
    if (what === "data 4") server.handle.transmit(bytes(2));
    if (what === "end") server.handle.close();
  };
  client.handle.transmit(bytes(8));
  client.handle.shutdown();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 4", "data 4", "end", "closed"]);
  assert.equal(client.received.length, 4);
  assert.equal(client.words.at(-1), "end");

  const abrupt = await connected({ chunk: 4 });
  abrupt.server.react = () => abrupt.server.handle.abort();
  abrupt.client.handle.transmit(bytes(8));
  await abrupt.runtime.clock.run();
  assert.deepEqual(abrupt.server.words, ["data 4", "closed"]);
});

test("lent data is spoilt afterwards, unless it is kept", async () => {
  const { runtime, client, server } = await connected({ lend: true });
  const chunks: Uint8Array[] = [];
  const data = server.data.bind(server);
  server.data = (chunk, lent) => {
    assert.ok(lent);
    chunks.push(chunk);
    return data(chunk, lent);
  };
  client.handle.transmit(bytes(3));
  await runtime.clock.run();
  assert.deepEqual([...chunks[0]!], [0xdb, 0xdb, 0xdb]);
  server.keep = true;
  client.handle.transmit(bytes(3));
  await runtime.clock.run();
  server.keep = false;
  client.handle.transmit(bytes(3, 7));
  await runtime.clock.run();
  assert.deepEqual([...chunks[1]!], [0, 1, 2]);
  assert.notEqual(chunks[2]!.buffer, chunks[1]!.buffer);
  assert.deepEqual(server.received, [0, 1, 2, 0, 1, 2, 7, 8, 9]);
});

test("a shutdown that waits, or comes later, meets the reset as well", async () => {
  for (const shutdownDelay of [50, 0]) {
    const { runtime, client, server } = await connected(
      { shutdownDelay },
      { reading: false },
    );
    client.handle.transmit(bytes(4));
    await runtime.clock.run();
    if (shutdownDelay > 0) assert.equal(server.handle.shutdown(), false);
    client.handle.abort();
    await runtime.clock.advance(10);
    if (shutdownDelay === 0) {
      assert.deepEqual(server.told, []);
      assert.equal(server.handle.shutdown(), true);
    }
    await runtime.clock.run();
    assert.deepEqual(server.words, ["data 4", "closed ECONNRESET"]);
  }
});

test("an end that nobody has read comes before the reset behind it", async () => {
  const { runtime, client, server } = await connected({}, { reading: false });
  client.handle.shutdown();
  client.handle.abort();
  await runtime.clock.run();
  assert.deepEqual(server.words, []);
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["end", "closed EPIPE"]);
});

test("reading that is stopped by the last data does not get the end", async () => {
  const { runtime, client, server } = await connected();
  server.react = () => server.handle.stopRead();
  client.handle.transmit(bytes(4));
  client.handle.shutdown();
  await runtime.clock.run();
  assert.deepEqual(server.words, ["data 4"]);
});

test("an abort from within written keeps what is there from being told", async () => {
  const { runtime, client, server } = await connected({ window: 4 }, {
    reading: false,
  });
  client.handle.transmit(bytes(8));
  server.handle.startRead();
  client.react = () => client.handle.abort();
  client.handle.startRead();
  await runtime.clock.until(() => server.received.length === 4);
  server.handle.transmit(bytes(2));
  await runtime.clock.run();
  assert.deepEqual(client.words, ["written 4", "closed"]);
});

test("a sender is woken when half of the window is free", async () => {
  const { runtime, client, server } = await connected({ window: 8, chunk: 2 }, {
    reading: false,
  });
  assert.equal(client.handle.transmit(bytes(20)), 8);
  server.react = () => server.handle.stopRead();
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual([server.received.length, client.words], [2, []]);
  server.handle.startRead();
  await runtime.clock.run();
  assert.deepEqual([server.received.length, client.words], [4, ["written 4"]]);
});

test("a closed end resets once, however much still arrives", async () => {
  const resets: string[] = [];
  const { runtime, client, server } = await connected({
    latency: 1,
    jitter: [0, 100],
    seed: 4,
    trace: ({ what, side }) => what === "reset" && resets.push(side),
  });
  client.handle.close();
  server.handle.stopRead();
  const send = (): void => {
    if (server.words.length > 0) return;
    server.handle.transmit(bytes(1));
    runtime.setTimer(send, 1);
  };
  send();
  await runtime.clock.run();
  assert.deepEqual(resets, ["client"]);
  // The end was under way, and the reset lost it.
  assert.deepEqual(server.words, ["closed ECONNRESET"]);
});
