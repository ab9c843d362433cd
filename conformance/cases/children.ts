/** Cases F: processes, threads, signals. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { bytesOf, rejects, sameBytes, seeded, textOf } from "../harness.ts";
import { sleep, until, within } from "../wait.ts";
import { foreignProgram, programCommand, python, start } from "../processes.ts";
import { greeters } from "../programs/python.ts";
import { type Watched, watcher, zombieLimit } from "../programs/watcher.ts";
import { only } from "./ending.ts";
import type { Case, Trial } from "../harness.ts";
import type { Peer } from "../peers/peer.ts";
import type { Program } from "../program.ts";
import type { ChildrenOptions } from "../../api/children/types.ts";
import type { Server } from "../../api/types.ts";
import type { Address } from "../../core/address.ts";

/** Starting a process takes long where many others do so too. */
const limit = 60_000;

/** F1 to F6. */
export const children: readonly Case[] = [
  {
    id: "F1",
    title:
      "200 connections, a process for each: 200 answers, no zombie older than 100 ms, no child left",
    needsPython: true,
    limit: 3 * limit,
    run: crowd,
  },
  {
    id: "F2",
    title:
      "A child that crashes or is killed costs its own connection; its place is taken; a crash loop backs off",
    limit,
    async run(t) {
      if (await refusesProcesses(t)) return;
      for (const strategy of processes) {
        await dyingChildren(t, strategy);
        await crashLoop(t, strategy);
      }
    },
  },
  {
    id: "F3",
    title:
      "SIGTERM drains, a second one aborts, the exit status tells; no orphan remains, also after kill -9 of the parent",
    needsPython: true,
    limit,
    async run(t) {
      if (await refusesProcesses(t)) return;
      for (const strategy of processes) {
        for (const how of ["drain", "abort", "kill"] as const) {
          await signalled(t, strategy, how);
        }
      }
    },
  },
  {
    id: "F4",
    title:
      "Members that were started before share the connections: all get work",
    limit,
    run: sharing,
  },
  {
    id: "F5",
    title:
      "A program has the connection as its standard input and output; its exit ends the connection; its output is complete",
    limit,
    run: program,
  },
  {
    id: "F6",
    title:
      "A handler that is stuck in one child or thread never delays another's connection",
    limit,
    run: stuck,
  },
];

const processes = ["process", "prefork"] as const;
type Strategy = ChildrenOptions["strategy"];

/** A module of `programs/`. */
function moduleNamed(name: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`../programs/${name}.${extension}`, import.meta.url);
}

async function serveModule(
  t: Trial,
  options: ChildrenOptions,
  name = "served",
): Promise<Server> {
  const at = t.address();
  const given = { signals: false, onError: () => {}, ...options };
  const server = await t.subject.serveModule!(at, moduleNamed(name), given);
  t.atEnd(() => server.close({ grace: 0 }));
  return server;
}

/** Whether connections of this transport cannot be given to a process, which has to be said. */
async function refusesProcesses(t: Trial): Promise<boolean> {
  t.libraryOnly("children");
  if (t.transport === "tcp" || t.transport === "unix") {
    return !(await t.has("process")) || !(await t.has("prefork"));
  }
  for (const strategy of processes) {
    const serving = serveModule(t, { strategy });
    await rejects(serving, "ERR_SOCKEYE_UNSUPPORTED");
  }
  t.gap(`A process cannot be given a connection over ${t.transport}`);
  return true;
}

/** A client that has been greeted. */
interface Greeted {
  readonly peer: Peer;
  /** Who serves it: a process, or a thread of one. */
  readonly by: string;
  /** Sends bytes, and has them back. */
  echoes(text: string): Promise<void>;
}

async function greet(
  t: Trial,
  server: Pick<Server, "addresses">,
  line = "id",
): Promise<Greeted> {
  const peer = await t.peer(only(server.addresses));
  await peer.send(bytesOf(`${line}\n`));
  const said = (): string => textOf(peer.bytes());
  await until(() => said().includes("\n"), "the greeting", 20_000);
  let expected = said();
  return {
    peer,
    by: expected.trim(),
    async echoes(text): Promise<void> {
      expected += text;
      await peer.send(bytesOf(text));
      await until(() => said().length >= expected.length, "the echo", 20_000);
      assert.equal(said(), expected);
    },
  };
}

async function crowd(t: Trial): Promise<void> {
  if (await refusesProcesses(t)) return;
  const server = await startServer(t, { strategy: "process", maxChildren: 16 });
  const watching = python(t, watcher, String(server.pid));
  assert.equal(await watching.line(), "watching");
  const programs = { sockets: greeters, fifos: greeters };
  const clients = foreignProgram(t, server.address, programs, "200");
  const answers = JSON.parse(await clients.line(3 * limit));
  assert.deepEqual(answers, { right: 200, wrong: [], served: 200 });
  process.kill(server.pid, "SIGTERM");
  const { started, reaped } = JSON.parse(await server.program.line());
  assert.equal(started, reaped);
  await server.program.exited;
  const watched = await seenBy(watching);
  assert.ok(watched.seen >= 100, `${watched.seen} children seen`);
  assert.deepEqual(watched.left, [], "children are left");
  assert.ok(watched.zombie <= zombieLimit(watched), `${watched.zombie} ms`);
}

async function seenBy(watching: Program): Promise<Watched> {
  watching.say("end");
  return JSON.parse(await watching.line());
}

async function dyingChildren(t: Trial, strategy: Strategy): Promise<void> {
  const server = await serveModule(t, { strategy });
  const other = await greet(t, server);
  for (const way of ["kill", "crash"]) {
    let victim = await greet(t, server);
    // It may have come to the same member.
    while (victim.by === other.by) victim = await greet(t, server);
    if (way === "kill") process.kill(Number(victim.by), "SIGKILL");
    else await victim.peer.send(bytesOf("crash\n"));
    await within(10_000, "its end", victim.peer.over);
    await other.echoes("still here");
    const next = await greet(t, server);
    assert.notEqual(next.by, victim.by);
  }
  await until(() => server.stats.children!.lost >= 2, "the losses");
  await server.close({ grace: 0 });
  const { started, reaped } = server.stats.children!;
  assert.equal(started, reaped);
}

async function crashLoop(t: Trial, strategy: Strategy): Promise<void> {
  const two = strategy === "process" ? { spareChildren: 2 } : { children: 2 };
  const flag = t.scratch.path();
  const options = { strategy, ...two, childData: flag };
  const server = await serveModule(t, options, "fading");
  writeFileSync(flag, "");
  await sleep(1500);
  const { started, failed } = server.stats.children!;
  assert.ok(failed >= 1, "none has crashed");
  // Pauses of 50 ms and more, doubled at each failure, less a half by chance.
  assert.ok(started <= 16, `${started} children in 1.5 s`);
  await server.close({ grace: 0 });
  t.scratch.remove(flag);
}

/** A server as a process. */
interface Started {
  readonly program: Program;
  readonly address: Address;
  readonly pid: number;
}

async function startServer(
  t: Trial,
  options: ChildrenOptions,
): Promise<Started> {
  const command = programCommand(t, "children_server");
  const program = start(t, [...command, t.address(), JSON.stringify(options)]);
  return { program, ...JSON.parse(await program.line()) };
}

async function signalled(
  t: Trial,
  strategy: Strategy,
  how: "drain" | "abort" | "kill",
): Promise<void> {
  const { program, address, pid } = await startServer(t, { strategy });
  const watching = python(t, watcher, String(pid));
  assert.equal(await watching.line(), "watching");
  const client = await greet(t, { addresses: [address] });
  process.kill(pid, how === "kill" ? "SIGKILL" : "SIGTERM");
  if (how === "abort") {
    // Two that came at once would be one.
    await within(10_000, "the end of its accepting", refusal(t, address));
    process.kill(pid, "SIGTERM");
  }
  if (how === "drain") {
    await client.echoes("goes on");
    await client.peer.end();
    assert.equal(await within(10_000, "its end", client.peer.over), "end");
  }
  await within(10_000, "the server's end", program.exited);
  await within(10_000, "its end", client.peer.over);
  if (how === "kill") await sleep(1000);
  else assert.equal(program.status, how === "abort" ? 1 : 0, program.errors);
  assert.deepEqual((await seenBy(watching)).left, []);
  // Whoever is killed leaves its name.
  if (how === "kill" && "path" in address) t.scratch.remove(address.path);
}

/** Waits until nobody listens there any more. */
async function refusal(t: Trial, address: Address): Promise<void> {
  for (;;) {
    try {
      (await t.connect(address)).abort();
    } catch {
      return;
    }
    await sleep(5);
  }
}

async function sharing(t: Trial): Promise<void> {
  if (await refusesProcesses(t)) return;
  const server = await serveModule(t, { strategy: "prefork", children: 3 });
  const seen = new Set<string>();
  const last = performance.now() + 20_000;
  while (seen.size < 3) {
    assert.ok(performance.now() < last, `only ${seen.size} members had work`);
    // One that comes alone goes to whoever wakes first.
    const some = Array.from({ length: 6 }, () => greet(t, server));
    for (const { by, peer } of await Promise.all(some)) {
      seen.add(by);
      await peer.destroy();
    }
  }
  const members = server.stats.children!.alive.map(({ pid }) => String(pid));
  assert.deepEqual([...seen].sort(), members.sort());
}

async function program(t: Trial): Promise<void> {
  t.libraryOnly("programs that serve");
  const serve = async (...command: string[]): Promise<Server> => {
    const options = { signals: false };
    const server = await t.subject.serveExec!(t.address(), command, options);
    t.atEnd(() => server.close({ grace: 0 }));
    return server;
  };
  if (t.transport !== "tcp" && t.transport !== "unix") {
    await rejects(serve("cat"), "ERR_SOCKEYE_UNSUPPORTED");
    return t.gap(`A program cannot have a connection over ${t.transport}`);
  }
  if (!await t.has("exec")) return;
  const sent = seeded(300_000);
  const echo = await t.peer(only((await serve("cat")).addresses));
  await echo.end(sent);
  assert.equal(await within(20_000, "the end of cat", echo.over), "end");
  sameBytes(echo.bytes(), sent);
  // Its exit is the end, with all that it had written, whatever we do.
  const head = await serve("head", "-c", "1000000", "/dev/zero");
  const reader = await t.peer(only(head.addresses));
  assert.equal(await within(20_000, "the end of head", reader.over), "end");
  assert.equal(reader.received, 1_000_000);
}

async function stuck(t: Trial): Promise<void> {
  t.libraryOnly("children");
  const refused = await refusesProcesses(t);
  const strategies = refused
    ? ["workers"] as const
    : [...processes, "workers"] as const;
  for (const strategy of strategies) {
    const server = await serveModule(t, { strategy });
    const victim = await greet(t, server, "stick");
    await sleep(50);
    for (let i = 0; i < 5; i++) {
      const other = await greet(t, server);
      assert.notEqual(other.by, victim.by);
      await other.echoes("at once");
      await other.peer.destroy();
    }
    await server.close({ grace: 0 });
  }
}
