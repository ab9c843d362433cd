/** Datagrams in simulated time: what users of the simulated network can count on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import {
  createSimulation,
  type DatagramSocket,
  type Simulation,
} from "../../entries/memory.ts";
import { bytesOf, textOf } from "./ends.ts";

/** Sends numbered datagrams, a millisecond apart; gives what arrived within `ms`. */
async function volley(
  { bind, clock, advance }: Simulation,
  count: number,
  ms: number,
): Promise<number[]> {
  const arrived: number[] = [];
  const to = await bind("mem:to", {
    onDatagram: ({ bytes }) => void arrived.push(Number(textOf(bytes))),
  });
  const from = await bind("mem:*");
  for (let i = 0; i < count; i++) {
    await from.send(bytesOf(`${i}`), "mem:to");
    await advance(1);
  }
  await advance(ms - clock.now());
  await Promise.all([to.close(), from.close()]);
  return arrived;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("mem: without faults all arrive, in order, after the latency", async () => {
  const simulation = createSimulation({ latency: 20 });
  const { run, bind, clock } = simulation;
  await run(async () => {
    assert.deepEqual(await volley(simulation, 50, 1000), numbers(50));
    const [one, other] = [await bind("mem:one"), await bind("mem:other")];
    const sentAt = clock.now();
    await one.send(bytesOf("hello"), "mem:other");
    assert.equal(clock.now(), sentAt, "sending takes no time");
    const { bytes, from } = await other.receive();
    assert.equal(clock.now(), sentAt + 20);
    assert.equal(textOf(bytes), "hello");
    assert.deepEqual(from, { transport: "mem", name: "one" });
    await Promise.all([one.close(), other.close()]);
  });
});

test("mem: datagrams are lost, doubled and overtaken, the same for each seed", async () => {
  const faults = [
    { kind: "lose", probability: 0.2 },
    { kind: "duplicate", probability: 0.2 },
    { kind: "delay", ms: [10, 30], probability: 0.2 },
  ] as const;
  const play = (seed: number) => {
    const simulation = createSimulation({ seed, faults, latency: 5 });
    return simulation.run(() => volley(simulation, 300, 5000));
  };
  const first = await play(1);
  assert.deepEqual(await play(1), first);
  assert.notDeepEqual(await play(2), first);
  const lost = numbers(300).filter((i) => !first.includes(i)).length;
  const twice = first.length - new Set(first).size;
  const overtaken = first.filter((value, at) => value < (first[at - 1] ?? 0));
  assert.ok(lost > 30 && lost < 90, `${lost} lost`);
  assert.ok(twice > 25 && twice < 75, `${twice} came twice`);
  assert.ok(overtaken.length > 20, `${overtaken.length} were overtaken`);
});

test("mem: a latency that varies has datagrams overtake each other", async () => {
  const simulation = createSimulation({ latency: [1, 20] });
  const arrived = await simulation.run(() => volley(simulation, 100, 1000));
  assert.notDeepEqual(arrived, numbers(100));
  assert.deepEqual(arrived.toSorted((a, b) => a - b), numbers(100));
});

test("mem: a fault is lifted while the scenario runs, and hits one name alone", async () => {
  const { run, bind, network } = createSimulation();
  await run(async () => {
    const [a, b] = [await bind("mem:a"), await bind("mem:b")];
    const lift = network.inject({ kind: "lose", name: "b" });
    await a.send(bytesOf("lost"), "mem:b");
    await b.send(bytesOf("not lost"), "mem:a");
    assert.equal(textOf((await a.receive()).bytes), "not lost");
    lift();
    await a.send(bytesOf("found"), "mem:b");
    assert.equal(textOf((await b.receive()).bytes), "found");
    await Promise.all([a.close(), b.close()]);
  });
});

test("mem: nobody at the peer's name is told to who receives, once, and closes nothing", async () => {
  const { run, bind, clock } = createSimulation({ latency: 10 });
  await run(async () => {
    const socket = await bind("mem:a");
    await socket.send(bytesOf("to nobody"), "mem:b");
    await assert.rejects(socket.receive({ timeout: 100 }), {
      code: "ETIMEDOUT",
    });
    await socket.connect("mem:b");
    const began = clock.now();
    await socket.send(bytesOf("to nobody"));
    await assert.rejects(socket.receive(), { code: "ECONNREFUSED" });
    assert.equal(clock.now(), began + 20);
    const late = await bind("mem:b");
    await socket.send(bytesOf("hello"));
    const { from } = await late.receive();
    await late.send(bytesOf("hello yourself"), from);
    assert.equal(textOf((await socket.receive()).bytes), "hello yourself");
    await Promise.all([socket.close(), late.close()]);
  });
});

test("mem: iteration goes on behind a refusal, which onError is told of", async () => {
  const { run, bind } = createSimulation();
  await run(async () => {
    const errors: unknown[] = [];
    const socket = await bind("mem:a", {
      onError: (error) => errors.push((error as { code: string }).code),
    });
    await socket.connect("mem:b");
    const heard: string[] = [];
    const loop = (async () => {
      for await (const { bytes } of socket) heard.push(textOf(bytes));
    })();
    await socket.send(bytesOf("to nobody"));
    const late = await bind("mem:b");
    await late.send(bytesOf("hello"), "mem:a");
    await late.close();
    while (heard.length === 0) await new Promise(setImmediate);
    await socket.close();
    await loop;
    assert.deepEqual(heard, ["hello"]);
    assert.deepEqual(errors, ["ECONNREFUSED"]);
  });
});

test("mem: an asynchronous handler holds back the next; what does not fit is counted", async () => {
  const { run, bind, advance } = createSimulation();
  await run(async () => {
    const began: string[] = [];
    const slow = await bind("mem:slow", {
      queueDatagrams: 2,
      onDatagram: async ({ bytes }) => {
        began.push(textOf(bytes));
        await advance(100);
      },
    });
    const from = await bind("mem:*");
    for (const word of ["a", "b", "c", "d", "e"]) {
      await from.send(bytesOf(word), "mem:slow");
    }
    await advance(50);
    assert.deepEqual(began, ["a"]);
    assert.equal(slow.stats.waiting, 2);
    assert.equal(slow.stats.dropped, 2);
    await advance(1000);
    assert.deepEqual(began, ["a", "b", "c"]);
    await Promise.all([slow.close(), from.close()]);
  });
});

test("mem: what a handler throws or rejects with goes to onError, and closes nothing", async () => {
  const { run, bind, advance } = createSimulation();
  await run(async () => {
    const errors: unknown[] = [];
    const server = await bind("mem:server", {
      onDatagram: ({ bytes }) => {
        const word = textOf(bytes);
        if (word === "throw") throw new Error("thrown");
        if (word === "reject") return Promise.reject(new Error("rejected"));
        errors.push(word);
      },
      onError: (error) => errors.push((error as Error).message),
    });
    const from = await bind("mem:*");
    for (const word of ["throw", "reject", "fine"]) {
      await from.send(bytesOf(word), "mem:server");
    }
    await advance(1);
    assert.deepEqual(errors, ["thrown", "rejected", "fine"]);
    await Promise.all([server.close(), from.close()]);
  });
});

test("mem: several receives wait, each for a datagram of its own, in their order", async () => {
  const { run, bind } = createSimulation();
  await run(async () => {
    const [a, b] = [await bind("mem:a"), await bind("mem:b")];
    const signal = new AbortController();
    const receives = [
      b.receive(),
      b.receive({ timeout: 10 }),
      b.receive({ signal: signal.signal }),
      b.receive(),
    ].map((each) =>
      each.then(({ bytes }) => textOf(bytes), (error) => error.code ?? error)
    );
    signal.abort("enough");
    await new Promise(setImmediate);
    assert.equal(b.tryReceive(), undefined);
    await assert.rejects(b.receive({ timeout: 20 }), { code: "ETIMEDOUT" });
    await a.send(bytesOf("one"), "mem:b");
    await a.send(bytesOf("two"), "mem:b");
    assert.deepEqual(await Promise.all(receives), [
      "one",
      "ETIMEDOUT",
      "enough",
      "two",
    ]);
    const waiting = assert.rejects(b.receive(), { code: "ERR_SOCKEYE_CLOSED" });
    await Promise.all([a.close(), b.close(), waiting]);
  });
});

test("mem: a client asks again until it is answered, as clients over UDP do", async () => {
  const { run, bind, clock } = createSimulation({
    seed: 3,
    latency: [5, 15],
    faults: [{ kind: "lose", name: "server", count: 3 }],
  });
  await run(async () => {
    const server = await bind("mem:server", {
      onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
    });
    const client = await bind("mem:*");
    await client.connect("mem:server");
    assert.equal(await ask(client, "hello"), "hello");
    assert.ok(clock.now() >= 300 && clock.now() < 400, `at ${clock.now()} ms`);
    await Promise.all([server.close(), client.close()]);
  });
});

async function ask(socket: DatagramSocket, question: string): Promise<string> {
  for (let tries = 0; tries < 10; tries++) {
    await socket.send(bytesOf(question));
    try {
      return textOf((await socket.receive({ timeout: 100 })).bytes);
    } catch (error) {
      assert.equal((error as { code: string }).code, "ETIMEDOUT");
    }
  }
  return assert.fail("no answer");
}

test("mem: names are taken, given back, and chosen by the network", async () => {
  const { run, bind, listen, network } = createSimulation({
    descriptorLimit: 4,
  });
  await run(async () => {
    const one = await bind("mem:a");
    await assert.rejects(bind("mem:a"), { code: "EADDRINUSE" });
    const listener = await listen("mem:a"); // as TCP and UDP share no ports
    const chosen = [await bind("mem:*"), await bind("mem:*")];
    assert.deepEqual(
      chosen.map(({ localAddress }) => localAddress),
      [1, 2].map((i) => ({ transport: "mem", name: `*${i}` })),
    );
    assert.equal(network.descriptors, 4);
    await assert.rejects(bind("mem:b"), { code: "EMFILE" });
    await one.close();
    const again = await bind("mem:a");
    await Promise.all([again, ...chosen, listener].map((each) => each.close()));
    assert.equal(network.descriptors, 0);
  });
});

test("mem: a signal gives up a bind, and what it bound", async () => {
  const { run, bind, network } = createSimulation();
  await run(async () => {
    const controller = new AbortController();
    const bound = bind("mem:a", { signal: controller.signal });
    await Promise.resolve();
    controller.abort("enough");
    await assert.rejects(bound, (reason) => reason === "enough");
    await assert.rejects(
      bind("mem:a", { signal: controller.signal }),
      (reason) => reason === "enough",
    );
    await new Promise(setImmediate);
    assert.equal(network.descriptors, 0);
  });
});

test("mem: a poller is told of datagrams, of a refusal, and of nothing", async () => {
  const { run, bind, Poller } = createSimulation();
  const { PollEvents, READABLE, ERROR } = await import("../../mod.ts");
  await run(async () => {
    const [a, b] = [await bind("mem:a"), await bind("mem:b")];
    const poller = new Poller<string>();
    const events = new PollEvents<string>(4);
    poller.add(a, { readable: true, edge: true }, "a");
    assert.equal(await poller.wait(events, 10), 0);
    await b.send(new Uint8Array(0), "mem:a");
    assert.equal(await poller.wait(events, 10), 1);
    assert.equal(await poller.wait(events, 10), 0, "edge: told once");
    assert.equal(a.tryReceive()!.bytes.length, 0);
    await a.connect("mem:nobody");
    await a.send(bytesOf("x"));
    assert.equal(await poller.wait(events, 10), 1);
    assert.equal(a.readiness & (READABLE | ERROR), READABLE | ERROR);
    assert.throws(() => a.tryReceive(), { code: "ECONNREFUSED" });
    assert.equal(a.readiness & (READABLE | ERROR), 0);
    poller.close();
    await Promise.all([a.close(), b.close()]);
  });
});
