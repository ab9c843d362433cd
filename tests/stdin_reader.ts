/**
 * Reads standard input in the way that its argument names, and says what came
 * of it: run by `stdin_test.ts` with inputs of every kind.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  connect,
  listen,
  Poller,
  PollEvents,
  type ReadinessSource,
  SockeyeError,
  type StandardInput,
  stdin,
} from "../mod.ts";
import { poll, POLLERR, POLLHUP, POLLIN, select } from "../posix.ts";

type Play = (input: StandardInput) => Promise<void>;

const plays: Record<string, Play> = {
  all,
  slow,
  unread,
  one,
  close,
  later,
  wait,
  fail,
};
const [, , name = ""] = process.argv;
if (name === "after") await once(process.stdin.resume(), "end");
const play = plays[name] ?? all;
await play(await stdin());

/** Reads to the end, and looks whether it stays there. */
async function all(input: StandardInput): Promise<void> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const bytes of input) {
    hash.update(bytes);
    length += bytes.length;
  }
  say(`${length} bytes ${hash.digest("hex")}`);
  const fds = [{ fd: input, events: POLLIN, revents: 0 }];
  await poll(fds, 0);
  const more = [await input.read(), input.tryRead(new Uint8Array(1))];
  say(`then ${more.map(String)}, ${fds[0]!.revents === (POLLIN | POLLHUP)}`);
  say(`closed ${(await input.close()).how}`);
}

/** Reads with pauses, so that it is stopped and started again and again. */
async function slow(input: StandardInput): Promise<void> {
  const buffer = new Uint8Array(100_000);
  const hash = createHash("sha256");
  let length = 0;
  for (let reads = 0;; reads++) {
    const count = await input.readInto(buffer);
    if (count === null) break;
    hash.update(buffer.subarray(0, count));
    length += count;
    if (reads % 4 === 0) await sleep(1);
  }
  say(`${length} bytes ${hash.digest("hex")}`);
}

/** Reads nothing until its own standing still is sure, then all. */
async function unread(input: StandardInput): Promise<void> {
  const before = process.memoryUsage().rss;
  for (let last = -1; input.bytesRead === 0 || last !== input.bytesRead;) {
    last = input.bytesRead;
    await sleep(200);
  }
  const grown = (process.memoryUsage().rss - before) / (1 << 20);
  say(`holds ${input.bytesRead}`, `grown ${Math.round(grown)} MiB`);
  await all(input);
}

/** Reads once, and has had enough. */
async function one(input: StandardInput): Promise<void> {
  const bytes = await input.read();
  say(`got ${JSON.stringify(new TextDecoder().decode(bytes!))}`);
  say(`closed ${(await input.close()).how}`);
}

/** Closes it, and goes on while more is written. */
async function later(input: StandardInput): Promise<void> {
  say(`closed ${(await input.close()).how}`);
  await sleep(300);
  say("the end");
}

/** Closes it at once. */
async function close(input: StandardInput): Promise<void> {
  say(`closed ${(await input.close()).how}`);
}

/** Reads what cannot be read, by all means. */
async function fail(input: StandardInput): Promise<void> {
  const fds = [{ fd: input, events: POLLIN, revents: 0 }];
  await poll(fds);
  say(`is told ${fds[0]!.revents === (POLLIN | POLLERR | POLLHUP)}`);
  const error = await input.read().catch((error) => error);
  if (!(error instanceof SockeyeError)) throw error;
  say(`${error.code}: ${error.message}`);
  const { how, error: why } = await input.closed;
  say(`closed ${how} ${(why as SockeyeError).code}`);
}

/** Waits for it and for a client of its own, which comes once this was told to go on. */
async function wait(input: StandardInput): Promise<void> {
  const listener = await listen("tcp://:0");
  say("waiting");
  const read = new Set<ReadinessSource>([input, listener]);
  await select({ read });
  say(`input ${read.has(input)}, client ${read.has(listener)}`);
  say(`got ${new TextDecoder().decode((await input.read())!).trim()}`);

  const client = await connect(listener.address);
  const poller = new Poller<string>();
  poller.add(input, { readable: true }, "input");
  poller.add(listener, { readable: true }, "client");
  const events = new PollEvents<string>(2);
  await poller.wait(events);
  say(`then ${Array.from(events, ({ data }) => data)}`);
  await input.close();
  say(`watched ${poller.has(input)}`);
  poller.close();
  client.abort();
  await listener.close();
}

function say(...words: string[]): void {
  console.log(words.join(", "));
}
