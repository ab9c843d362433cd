/** Cases B about servers: limits, handlers, crowds. */
import assert from "node:assert/strict";
import { only } from "./ending.ts";
import { bytesOf, readExactly, textOf } from "../harness.ts";
import { settled, sleep, until, within } from "../wait.ts";
import { pathOf } from "../addresses.ts";
import {
  cpuSeconds,
  foreignProgram,
  programCommand,
  start,
} from "../processes.ts";
import { manyFifoClients } from "../programs/fifo.ts";
import { manyClients } from "../programs/python.ts";
import { openSockets } from "../scratch.ts";
import type { Case, Trial } from "../harness.ts";
import type { Program } from "../program.ts";
import type { Channel, Handlers } from "../../api/types.ts";
import type { Address } from "../../core/address.ts";

/** B9, B14, B29, B30. */
export const serving: readonly Case[] = [
  {
    id: "B9",
    title:
      "At the descriptor limit: clients wait or are refused, the handler never sees a broken connection, CPU stays low, service resumes",
    needsPython: true,
    limit: 40_000,
    async run(t) {
      if (t.transport === "mem") await withoutDescriptors(t);
      else await descriptorLimit(t);
    },
  },
  {
    id: "B14",
    title: "No handler runs inside the caller's own call",
    run: noReentry,
  },
  {
    id: "B29",
    title:
      "1,000 clients at once, each five bytes: every answer right, nothing left open",
    needsPython: true,
    limit: 40_000,
    async run(t) {
      let open = 0;
      let most = 0;
      const server = await t.serve({
        open: () => void (most = Math.max(most, ++open)),
        data: (channel, bytes) => void channel.send(bytes),
        closed: () => void open--,
      }, { backlog: 1024 });
      const address = only(server.addresses);
      const counts = t.transport === "mem"
        ? await thousandInMemory(t, address)
        : await thousandClients(t, address);
      assert.deepEqual(counts, { answered: 1000, refused: 0, wrong: 0 });
      await until(() => open === 0, "the connections to be over");
      assert.ok(most > 1, "the clients came one after the other");
    },
  },
  {
    id: "B30",
    title:
      "A handler throws: that connection ends, the error is reported, the others go on",
    async run(t) {
      for (const failing of failures) await oneFails(t, failing);
    },
  },
];

const crowd = { sockets: manyClients, fifos: manyFifoClients };

interface Counts {
  answered: number;
  refused: number;
  wrong: number;
}

async function counts(program: Program): Promise<Counts & { left: number }> {
  return JSON.parse(await program.line(30_000));
}

async function descriptorLimit(t: Trial): Promise<void> {
  // With fewer, Node could not open the modules of the package, nearly all at once.
  const limited = ["sh", "-c", 'ulimit -n 96; exec "$@"', "sh"];
  const command = programCommand(t, "limited_server");
  const server = start(t, [...limited, ...command, t.address()]);
  const address = JSON.parse(await server.line()) as Address;
  const clients = foreignProgram(t, address, crowd, "200", "hold");

  const crowded = await counts(clients);
  // Over FIFOs each takes two descriptors.
  const few = t.transport === "fifo" ? 8 : 16;
  assert.ok(crowded.answered >= few, "hardly any client was answered");
  assert.ok(crowded.answered < 96, "the limit was not reached");
  const began = cpuOf(server);
  await sleep(2000);
  const share = (cpuOf(server) - began) / 2;

  clients.say("leave");
  const after = await counts(clients);
  assert.equal(after.wrong, 0, "wrong answers");
  assert.equal(after.left, 0, "clients that still wait");
  assert.equal(after.answered + after.refused, 200);
  server.say("counts");
  const { broken } = JSON.parse(await server.line());
  assert.equal(broken, 0, "broken connections that the handler saw");
  await resumed(t, address);
  const percent = (share * 100).toFixed(1);
  assert.ok(share < 0.1, `used ${percent} % of a core while at the limit`);
  if (t.onDisk) {
    await server.stop();
    t.scratch.remove(pathOf(address));
  }
}

function cpuOf(server: Program): number {
  try {
    return cpuSeconds(server.pid);
  } catch {
    throw new Error("The server died", { cause: server.errors });
  }
}

/** Service may resume a moment later: a client that is refused comes again. */
async function resumed(t: Trial, address: Address): Promise<void> {
  const last = performance.now() + 5000;
  for (;;) {
    try {
      const peer = await t.peer(address);
      await peer.send(bytesOf("again"));
      await until(() => peer.received === 5, "an answer", 1000);
      return assert.equal(textOf(peer.bytes()), "again");
    } catch (error) {
      if (performance.now() > last) throw error;
      await sleep(50);
    }
  }
}

async function withoutDescriptors(t: Trial): Promise<void> {
  t.gap("a mem connection needs no descriptor: there is no such limit");
  const server = await t.serve({
    data: (channel, bytes) => void channel.send(bytes),
  });
  const before = openSockets();
  const address = only(server.addresses);
  const connecting = Array.from({ length: 200 }, () => t.connect(address));
  for (const client of await Promise.all(connecting)) {
    await client.write(bytesOf("hello"));
    assert.equal(textOf(await readExactly(client, 5)), "hello");
  }
  assert.equal(openSockets(), before);
}

async function noReentry(t: Trial): Promise<void> {
  let inside = false;
  const entered: string[] = [];
  const enter = (name: string) => {
    if (inside) entered.push(name);
  };
  const calling = (call: () => unknown) => {
    inside = true;
    call();
    inside = false;
  };
  const channels: Channel[] = [];
  let over = 0;
  const handlers: Handlers = {
    open(channel) {
      enter("open");
      channels.push(channel);
    },
    data(channel, bytes) {
      enter("data");
      const word = textOf(bytes.subarray(0, 1));
      calling(() => channel.send(bytes));
      if (word === "p") {
        calling(() => channel.pause());
        calling(() => channel.resume());
      }
      if (word === "e") calling(() => channel.end());
      if (word === "c") calling(() => channel.close());
      if (word === "a") calling(() => channel.abort());
    },
    drain: () => enter("drain"),
    end(channel) {
      enter("end");
      calling(() => channel.end());
    },
    closed() {
      enter("closed");
      over++;
    },
  };
  const server = await t.serve(handlers);
  const at = only(server.addresses);
  for (const word of ["p", "e", "c", "a"]) {
    const peer = await t.peer(at);
    await peer.send(bytesOf(`${word} and more`));
    await sleep(5);
    await peer.end();
    await within(5000, "the peer's end", peer.over);
    await peer.destroy();
  }
  // From outside of any handler too, with data and an end waiting.
  const peer = await t.peer(at);
  await until(() => channels.length === 5, "the last connection");
  const last = channels[4];
  calling(() => last?.pause());
  await peer.send(bytesOf("some"));
  await peer.end();
  await sleep(20);
  calling(() => last?.resume());
  calling(() => last?.abort());
  await until(() => over >= 4, "the connections to be over");
  await settled(() => over, 20);
  assert.deepEqual(entered, [], "handlers that ran inside a call");
}

async function thousandClients(t: Trial, address: Address): Promise<Counts> {
  const clients = foreignProgram(t, address, crowd, "1000", "go");
  const { left, ...rest } = await counts(clients);
  assert.equal(left, 0, "clients that still wait");
  return rest;
}

async function thousandInMemory(t: Trial, address: Address): Promise<Counts> {
  const result = { answered: 0, refused: 0, wrong: 0 };
  const client = async (_: unknown, index: number) => {
    const connection = await t.connect(address);
    const word = String(index).padStart(5, "0");
    await connection.write(bytesOf(word));
    const answer = textOf(await readExactly(connection, 5));
    if (answer === word) result.answered++;
    else result.wrong++;
    await connection.close();
  };
  await Promise.all(Array.from({ length: 1000 }, client));
  return result;
}

type Failing = (error: Error) => Handlers;

const failures: readonly Failing[] = [
  (error) => ({
    data() {
      throw error;
    },
  }),
  (error) => ({ data: () => Promise.reject(error) }),
  (error) => ({
    open() {
      throw error;
    },
  }),
];

async function oneFails(t: Trial, failing: Failing): Promise<void> {
  const failure = new Error("The handler failed");
  const bad = failing(failure);
  const reported: unknown[] = [];
  let count = 0;
  const echo: Handlers = {
    data: (channel, bytes) => void channel.send(bytes),
  };
  const chosen = new Map<Channel, Handlers>();
  const server = await t.serve({
    open(channel) {
      const handlers = ++count === 2 ? bad : echo;
      chosen.set(channel, handlers);
      return handlers.open?.(channel);
    },
    data: (channel, bytes) => chosen.get(channel)?.data?.(channel, bytes),
  }, { onError: (error) => void reported.push(error) });
  const at = only(server.addresses);
  const before = await t.peer(at);
  await until(() => count === 1, "the first connection");
  const over = await within(5000, "the connection to end", endOfVictim(t, at));
  assert.ok(["end", "close", "ECONNRESET", "EPIPE"].includes(over), over);
  assert.equal(count, 2);
  const after = await t.peer(at);
  await until(() => count === 3, "the third connection");
  for (const peer of [before, after]) {
    await peer.send(bytesOf("on we go"));
    await until(() => peer.received === 8, "an echo");
  }
  await until(() => reported.length > 0, "the report");
  assert.deepEqual(reported, [failure]);
}

async function endOfVictim(t: Trial, at: Address): Promise<string> {
  try {
    const victim = await t.peer(at);
    await victim.send(bytesOf("x")).catch(() => {});
    return await victim.over;
  } catch (error) {
    // Where `open` threw, the reset may overtake the news of the connection.
    return String((error as { code?: unknown }).code);
  }
}
