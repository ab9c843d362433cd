/** Cases B about beginnings: connecting, listening, names on disk. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { only } from "./ending.ts";
import {
  bytesOf,
  readExactly,
  rejection,
  rejects,
  textOf,
} from "../harness.ts";
import { later, sleep, within } from "../wait.ts";
import { programCommand, python, start } from "../processes.ts";
import { pathOf } from "../addresses.ts";
import { staleFifos } from "../programs/fifo.ts";
import { fullListener, staleFiles } from "../programs/python.ts";
import type { Case, Trial } from "../harness.ts";
import type { Program } from "../program.ts";
import type { Listener, Server } from "../../api/types.ts";
import type { AddressLike } from "../../core/address.ts";

/** B10, B12, B13, B15, B16, B18, B28. */
export const opening: readonly Case[] = [
  {
    id: "B10",
    title: "Connections held 1 s before accept are accepted",
    async run(t) {
      const listener = await t.listen();
      const peers = await Promise.all(
        [0, 1, 2].map(() => t.peer(listener.address)),
      );
      await Promise.all(peers.map((peer) => peer.send(bytesOf("early"))));
      await sleep(1000);
      for (const _ of peers) {
        const connection = t.keep(
          await within(5000, "an accept", listener.accept()),
        );
        assert.equal(textOf(await readExactly(connection, 5)), "early");
        await connection.write(bytesOf("late"));
        await connection.closeWrite();
      }
      for (const peer of peers) {
        assert.equal(await within(5000, "the end", peer.over), "end");
        assert.equal(textOf(peer.bytes()), "late");
      }
    },
  },
  {
    id: "B12",
    title: "Close while connecting settles once",
    needsPython: true,
    async run(t) {
      await abandonAtOnce(t);
      if (t.transport === "tcp") await abandonUnderWay(t);
    },
  },
  {
    id: "B13",
    title: "A refused connect rejects once, with ECONNREFUSED",
    needsPython: true,
    async run(t) {
      const to = await t.refusingAddress();
      let rejections = 0;
      const connecting = t.connect(to).catch((error) => {
        rejections++;
        throw error;
      });
      const within5s = within(5000, "the refusal", connecting);
      const error = await rejects(within5s, "ECONNREFUSED");
      if (!t.subject.bare) {
        const { message } = error as Error;
        assert.ok(message.includes(to), `"${message}" names the address`);
      }
      await sleep(20);
      assert.equal(rejections, 1);
      if (t.onDisk) t.scratch.remove(pathOf(to));
    },
  },
  {
    id: "B15",
    title:
      "Connect to a missing path ENOENT, to a plain file ENOTSOCK or ECONNREFUSED, to a forbidden one EACCES",
    async run(t) {
      if (!t.onDisk) {
        t.gap(`a ${t.transport} address is not a path: it can only be refused`);
        await rejects(t.connect(await t.refusingAddress()), "ECONNREFUSED");
        return;
      }
      await rejects(t.connect(t.address()), "ENOENT");
      const file = t.scratch.plainFile();
      const to = `${t.transport}:${file}`;
      await rejects(t.connect(to), "ENOTSOCK", "ECONNREFUSED");
      assert.equal(readFileSync(file, "utf8"), "precious");
      t.scratch.remove(file);
      await connectForbidden(t);
    },
  },
  {
    id: "B16",
    title:
      "Listen on a used address EADDRINUSE; on an overlong path an error, never a truncated name",
    async run(t) {
      const at = only((await greeter(t)).addresses);
      await rejects(t.listen({}, at), "EADDRINUSE");
      await answers(t, at);
      if (t.onDisk) await overlong(t);
    },
  },
  {
    id: "B18",
    title: "Listener close: waiting accepts end, new connects are refused",
    async run(t) {
      const listener = await t.listen();
      const { address } = listener;
      const accepting = later(rejects(
        listener.accept(),
        "ERR_SOCKEYE_CLOSED",
      ));
      await listener.close();
      await within(5000, "the accept to end", accepting);
      await rejects(listener.accept(), "ERR_SOCKEYE_CLOSED");
      await rejects(t.connect(address), "ECONNREFUSED", "ENOENT");
      await listener.close();
    },
  },
  {
    id: "B28",
    title:
      "A stale socket file is replaced, a live server's is not, a plain file is never removed; closing an old listener leaves a newer one's file; of two starters at once on a stale path exactly one wins, 100 rounds",
    needsPython: true,
    limit: 60_000,
    async run(t) {
      if (t.onDisk) await namesOnDisk(t);
      else await oneWinner(t);
    },
  },
];

async function abandonAtOnce(t: Trial): Promise<void> {
  const listener = await t.listen();
  const abandon = new AbortController();
  let settlements = 0;
  const connecting = t.connect(listener.address, { signal: abandon.signal })
    .then(() => settlements++, (error) => {
      settlements++;
      throw error;
    });
  const reason = new Error("We changed our mind");
  const rejected = later(rejection(connecting));
  abandon.abort(reason);
  assert.equal(await within(5000, "the connect to settle", rejected), reason);
  await sleep(20);
  assert.equal(settlements, 1);
}

/** The kernel has no room for the connection yet, so it really is under way. */
async function abandonUnderWay(t: Trial): Promise<void> {
  const full = python(t, fullListener);
  const to = `tcp://127.0.0.1:${await full.line()}`;
  const abandon = new AbortController();
  const connecting = t.connect(to, { signal: abandon.signal });
  const rejected = later(rejection(connecting));
  const reason = new Error("We changed our mind");
  await sleep(50);
  abandon.abort(reason);
  assert.equal(await within(5000, "the connect to settle", rejected), reason);
  await rejects(
    within(5000, "the timeout", t.connect(to, { timeout: 50 })),
    "ETIMEDOUT",
  );
  await full.stop();
}

/** Root may open everything, so it does it as a process without that privilege. */
async function connectForbidden(t: Trial): Promise<void> {
  const listener = await t.listen();
  const path = pathOf(listener.address);
  chmodSync(path, 0o000);
  const drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
  const command = programCommand(t, "connect_once");
  const to = `${t.transport}:${path}`;
  const asRoot = process.getuid?.() === 0;
  const program = start(t, [...(asRoot ? drop : []), ...command, to]);
  assert.equal(await program.line(), "EACCES");
}

async function overlong(t: Trial): Promise<void> {
  const { directory } = t.scratch;
  // A FIFO's may have 4095 bytes, a name in it 255; its pairs' are longer.
  const length = t.transport === "unix" ? 108 : directory.length + 1 + 208;
  const path = join(directory, "x".repeat(length - directory.length - 1));
  assert.equal(path.length, length);
  const codes = ["ENAMETOOLONG", "EINVAL", "ERR_SOCKEYE_ADDRESS"];
  const before = t.scratch.names();
  let listener: Listener | undefined;
  try {
    listener = await t.listen({}, `${t.transport}:${path}`);
  } catch (error) {
    await rejects(Promise.reject(error), ...codes);
  }
  const names = t.scratch.names();
  await listener?.close();
  assert.deepEqual(names, before, "names made for an overlong path");
  assert.equal(listener, undefined, "an overlong path was taken");
  await rejects(t.connect(`${t.transport}:${path}`), ...codes);
}

async function namesOnDisk(t: Trial): Promise<void> {
  const path = await t.scratch.stalePath();
  const at = `${t.transport}:${path}`;
  const first = await greeter(t, at);
  await answers(t, at);
  await rejects(t.listen({}, at), "EADDRINUSE");
  await answers(t, at);

  const file = t.scratch.plainFile();
  const used = `${t.transport}:${file}`;
  await rejects(t.listen({}, used), "EADDRINUSE", "EEXIST");
  assert.equal(readFileSync(file, "utf8"), "precious");
  t.scratch.remove(file);

  // Somebody takes the file away, and a newer listener takes the name.
  t.scratch.remove(path);
  const newer = await greeter(t, at);
  await first.close();
  await answers(t, at);
  await newer.close();
  assert.deepEqual(t.scratch.names(), []);
  await startersAtOnce(t);
}

function greeter(t: Trial, at?: string): Promise<Server> {
  return t.serve(
    {
      open(channel) {
        channel.send(bytesOf("here"));
        channel.end();
      },
    },
    {},
    at,
  );
}

async function answers(t: Trial, at: AddressLike): Promise<void> {
  const peer = await t.peer(at);
  assert.equal(await within(5000, "the end", peer.over), "end");
  assert.equal(textOf(peer.bytes()), "here");
  await peer.destroy();
}

async function startersAtOnce(t: Trial): Promise<void> {
  const command = programCommand(t, "starter");
  const starters = [start(t, command), start(t, command)] as const;
  const paths = Array.from({ length: 100 }, () => t.scratch.path());
  const stale = t.transport === "unix" ? staleFiles : staleFifos;
  assert.equal(await python(t, stale, ...paths).line(), "done");
  const both = <T>(act: (program: Program) => Promise<T>) =>
    Promise.all(starters.map(act));
  await both((program) => program.line());
  for (const path of paths) {
    const at = `${t.transport}:${path}`;
    for (const program of starters) program.say(at);
    const words = await both((program) => program.line());
    assert.deepEqual(words.sort(), ["EADDRINUSE", "won"]);
    const connection = await t.connect(at);
    connection.abort();
    for (const program of starters) program.say("close");
    await both((program) => program.line());
  }
  assert.deepEqual(t.scratch.names(), []);
}

async function oneWinner(t: Trial): Promise<void> {
  t.gap(`a ${t.transport} address is not a file: it goes with its process`);
  for (let round = 0; round < 100; round++) {
    const first = await t.listen();
    const at = first.address;
    await rejects(t.listen({}, at), "EADDRINUSE");
    await first.close();
    const both = [t.listen({}, at), t.listen({}, at)];
    const ends = await Promise.allSettled(both);
    const won = ends.filter((end) => end.status === "fulfilled");
    assert.equal(won.length, 1, "exactly one starter wins");
    for (const end of won) await end.value.close();
  }
}
