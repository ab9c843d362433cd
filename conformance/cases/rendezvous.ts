/** Cases E: the rendezvous, over FIFOs alone. */
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { bytesOf, readAll, readExactly, rejects, textOf } from "../harness.ts";
import { later, sleep, until, within } from "../wait.ts";
import { pathOf } from "../addresses.ts";
import { programCommand, python, start } from "../processes.ts";
import {
  diesAnnounced,
  diesUnannounced,
  fifoRequestAndEnd,
  manyFifoClients,
} from "../programs/fifo.ts";
import { only } from "./ending.ts";
import type { Case, Trial } from "../harness.ts";
import type { Server } from "../../api/types.ts";

/** E1 to E8. */
export const rendezvous: readonly Case[] = [
  {
    id: "E1",
    title:
      "Rendezvous of 50 clients at once, and of 50 foreign ones: each has its own pair",
    over: "fifo",
    async run(t) {
      const { at, path } = await echo(t);
      const foreign = python(t, manyFifoClients, path, "50", "go");
      const clients = Array.from({ length: 50 }, async (_, index) => {
        const client = await t.connect(at);
        const word = String(index).padStart(5, "-");
        await client.write(bytesOf(word));
        assert.equal(textOf(await readExactly(client, 5)), word);
        await client.close();
      });
      await within(10_000, "the clients", Promise.all(clients));
      const counts = JSON.parse(await foreign.line());
      const all = { answered: 50, refused: 0, wrong: 0, left: 0 };
      assert.deepEqual(counts, all);
    },
  },
  {
    id: "E2",
    title:
      "A client that dies in the rendezvous costs nobody else; nothing is left after the next sweep",
    over: "fifo",
    async run(t) {
      const errors: unknown[] = [];
      const listener = await t.listen({
        handshakeTimeout: 2000,
        onError: (error) => void errors.push((error as Coded).code),
      });
      const path = pathOf(listener.address);
      listener.pause();
      await python(t, diesAnnounced, path).exited;
      listener.resume();
      await until(() => errors.length > 0, "the refusal");
      const silent = python(t, diesUnannounced, path);
      await silent.line();
      assert.ok(t.scratch.names().length >= 3);
      await silent.stop();
      const accepting = later(listener.accept());
      const client = await t.connect(listener.address);
      t.keep(await within(5000, "the next client", accepting));
      client.abort();
      await until(() => t.scratch.names().length === 1, "the sweep");
      assert.deepEqual(errors, ["ENXIO"]);
    },
  },
  {
    id: "E3",
    title:
      "Garbage, overlong and split records are refused one by one; the next client is served",
    over: "fifo",
    async run(t) {
      const { at, path, errors } = await echo(t);
      const texts = [
        "garbage\n",
        "sockeye/1 connect 1 /etc/passwd\n",
        `${"x".repeat(4096)}`,
        `${"x".repeat(4096)}\n`,
        "sockeye/7 connect\n",
        "sockeye/1 con",
      ];
      for (const text of texts) announce(path, text);
      await answered(t, at);
      assert.deepEqual(errors, Array(5).fill("ERR_SOCKEYE_PROTOCOL"));
    },
  },
  {
    id: "E4",
    title:
      "The server never sees an end of the rendezvous when all clients have gone",
    over: "fifo",
    async run(t) {
      const { at, path, errors, server } = await echo(t);
      let over = false;
      server.closed.then(() => over = true);
      for (let round = 0; round < 3; round++) {
        await answered(t, at);
        announce(path, "");
        const before = process.cpuUsage();
        await sleep(200);
        const { user, system } = process.cpuUsage(before);
        assert.ok(user + system < 150_000, "it reads ends all the time");
      }
      assert.ok(!over);
      assert.deepEqual(errors, []);
    },
  },
  {
    id: "E5",
    title:
      "A pair is unlinked once both ends are open; after close nothing is left",
    over: "fifo",
    async run(t) {
      const listener = await t.listen();
      const accepting = later(listener.accept());
      const client = await t.connect(listener.address);
      const server = t.keep(await accepting);
      assert.equal(t.scratch.names().length, 1);
      await client.write(bytesOf("hello"));
      assert.equal(textOf(await readExactly(server, 5)), "hello");
      await client.close();
      await server.close();
      await listener.close();
      assert.deepEqual(t.scratch.names(), []);
    },
  },
  {
    id: "E6",
    title:
      "A server killed by `kill -9` leaves a FIFO that the next takes over",
    over: "fifo",
    async run(t) {
      const at = t.address();
      const first = start(t, programCommand(t, "starter"));
      assert.equal(await first.line(), "ready");
      first.say(at);
      assert.equal(await first.line(), "won");
      await rejects(t.listen({}, at), "EADDRINUSE");
      await first.stop();
      assert.equal(t.scratch.names().length, 1);
      await rejects(t.connect(at), "ECONNREFUSED");
      await echo(t, at);
      await answered(t, at);
    },
  },
  {
    id: "E7",
    title:
      "A reader that goes away is EPIPE to the writer, and the process lives",
    over: "fifo",
    async run(t) {
      const listener = await t.listen();
      const accepting = later(listener.accept());
      const peer = await t.peer(listener.address);
      const connection = t.keep(await accepting);
      await peer.destroy();
      const writing = (async () => {
        for (;;) await connection.write(new Uint8Array(65_536));
      })();
      await rejects(within(5000, "the write to settle", writing), "EPIPE");
      const next = await t.peer(listener.address);
      await next.send(bytesOf("next"));
      const served = t.keep(await listener.accept());
      assert.equal(textOf(await readExactly(served, 4)), "next");
    },
  },
  {
    id: "E8",
    title: "A client cannot take another's connection by its process id",
    over: "fifo",
    async run(t) {
      const { at, path, errors } = await echo(t);
      const victim = python(t, diesUnannounced, path);
      const pid = await victim.line();
      const nonces = new Set(
        readdirSync(t.scratch.directory)
          .map((name) => name.split(".")[2])
          .filter((nonce) => nonce !== undefined),
      );
      // By its process id and a nonce of our own; by its own nonce, and ours.
      announce(path, `\nsockeye/1 connect ${pid} ${"a".repeat(32)}\n`);
      const nonce = only([...nonces]);
      announce(path, `\nsockeye/1 connect 1 ${nonce}\n`);
      await until(() => errors.length === 2, "the refusals");
      assert.deepEqual(errors, ["ENOENT", "ENOENT"]);
      await victim.stop();
      await answered(t, at);
      for (const name of t.scratch.names()) {
        if (name.includes(nonce)) {
          t.scratch.remove(`${t.scratch.directory}/${name}`);
        }
      }
    },
  },
];

interface Coded {
  readonly code: unknown;
}

interface Echo {
  readonly server: Server;
  readonly at: string;
  readonly path: string;
  /** Codes of what was refused. */
  readonly errors: unknown[];
}

/** An echo server, and what it had to refuse. */
async function echo(
  t: Trial,
  at?: string,
): Promise<Echo> {
  const errors: unknown[] = [];
  const server = await t.serve(
    {
      data: (channel, bytes) => void channel.send(bytes),
      end: (channel) => channel.end(),
    },
    {
      onError: (error) => void errors.push((error as Coded).code),
    },
    at,
  );
  const path = pathOf(only(server.addresses));
  return { server, at: `fifo:${path}`, path, errors };
}

/** A client of ours and a foreign one are served. */
async function answered(t: Trial, at: string): Promise<void> {
  const client = await t.connect(at);
  await client.write(bytesOf("hello"));
  await client.closeWrite();
  assert.equal(textOf(await readAll(client)), "hello");
  await client.close();
  const foreign = python(t, fifoRequestAndEnd, pathOf(at), "request");
  assert.equal(await foreign.line(), "request");
}

/** Writes to a rendezvous what it wants, and leaves. */
function announce(path: string, text: string): void {
  const { O_NONBLOCK, O_WRONLY } = constants;
  const descriptor = openSync(path, O_WRONLY | O_NONBLOCK);
  if (text !== "") writeSync(descriptor, text);
  closeSync(descriptor);
}
