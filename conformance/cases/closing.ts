/** Case B25: with which reason `closed` settles. */
import assert from "node:assert/strict";
import { makeResettable, only } from "./ending.ts";
import { bytesOf } from "../harness.ts";
import { sleep, within } from "../wait.ts";
import type { Case, Trial } from "../harness.ts";
import type { Channel, Handlers } from "../../api/types.ts";
import type { Closed } from "../../core/connection.ts";

/** B25. */
export const closing: readonly Case[] = [
  {
    id: "B25",
    title:
      "`closed` tells the right reason: our close, the peer's close, reset, abort, timeout, handler error, server drain",
    async run(t) {
      t.libraryOnly("why a connection ended");
      await ourClose(t);
      await peersClose(t);
      await reset(t);
      await abort(t);
      await timeout(t);
      await handlerError(t);
      await serverDrain(t);
    },
  },
];

async function ourClose(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted();
  const closing = connection.close();
  assert.equal(await peer.over, "end");
  await peer.end();
  assert.deepEqual(await settled(closing), { how: "close" });
  assert.deepEqual(await settled(connection.closed), { how: "close" });
}

async function peersClose(t: Trial): Promise<void> {
  const { channel, peer } = await served(t, {});
  await peer.end();
  assert.deepEqual(await settled(channel.closed), { how: "end" });
}

async function reset(t: Trial): Promise<void> {
  const { channel, peer } = await served(t, {});
  await makeResettable(channel, peer);
  peer.reset();
  const why = await settled(channel.closed);
  if (!t.tellsResets()) return assert.deepEqual(why, { how: "end" });
  assert.equal(why.how, "reset");
  assert.equal(codeOf(why), "ECONNRESET");
}

async function abort(t: Trial): Promise<void> {
  const { connection } = await t.accepted();
  const reason = new Error("We had enough");
  connection.abort(reason);
  const why = await settled(connection.closed);
  assert.equal(why.how, "abort");
  assert.equal(why.error, reason);
}

async function timeout(t: Trial): Promise<void> {
  const { connection, peer } = await t.accepted({ flushTimeout: 100 });
  peer.pause();
  await sleep(20);
  connection.write(new Uint8Array(16 << 20)).catch(() => {});
  const why = await settled(connection.close());
  assert.equal(why.how, "timeout");
  assert.equal(codeOf(why), "ETIMEDOUT");
}

async function handlerError(t: Trial): Promise<void> {
  const thrown = new Error("The handler failed");
  const { channel, peer } = await served(t, {
    data() {
      throw thrown;
    },
  });
  await peer.send(bytesOf("x"));
  const why = await settled(channel.closed);
  assert.equal(why.how, "handler");
  assert.equal(why.error, thrown);
}

async function serverDrain(t: Trial): Promise<void> {
  const { channel, server } = await served(t, {});
  const ending = server.close({ grace: 50 });
  const why = await settled(channel.closed);
  assert.equal(why.how, "drain");
  assert.deepEqual(await settled(ending), { drained: 0, aborted: 1 });
}

async function served(t: Trial, handlers: Handlers) {
  let opened = (_channel: Channel) => {};
  const opening = new Promise<Channel>((resolve) => opened = resolve);
  const reports: Closed[] = [];
  const server = await t.serve({
    ...handlers,
    open: (channel) => opened(channel),
    closed: (_channel, why) => void reports.push(why),
  }, { onError: () => {} });
  const peer = await t.peer(only(server.addresses));
  const channel = await settled(opening);
  // The handler is told the same, and once.
  t.atEnd(async () => {
    assert.deepEqual(reports, [await settled(channel.closed)]);
  });
  return { server, peer, channel };
}

function settled<T>(promise: Promise<T>): Promise<T> {
  return within(5000, "a connection to settle", promise);
}

function codeOf(why: Closed): unknown {
  return (why.error as { code?: unknown }).code;
}
