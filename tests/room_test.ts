/**
 * Who gets a place that is free again, over real sockets: the order of the
 * simulated network hides the difference.
 */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Address,
  connect,
  type Connection,
  listen,
  Poller,
  PollEvents,
  serve,
} from "../mod.ts";

/** Waits, a turn of the loop at a time, until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  const poller = new Poller();
  const events = new PollEvents(1);
  while (!condition()) await poller.wait(events, 1);
  poller.close();
}

test("a full listener is readable again once a connection leaves", async () => {
  const listener = await listen("tcp://:0", { maxConnections: 1 });
  const poller = new Poller();
  const events = new PollEvents(1);
  poller.add(listener, { readable: true });
  const clients = [
    await connect(listener.address),
    await connect(listener.address),
  ];
  assert.equal(await poller.wait(events, 10_000), 1);
  const first = listener.tryAccept();
  assert.ok(first);
  assert.equal(await poller.wait(events, 50), 0);
  assert.equal(listener.tryAccept(), undefined);

  const waiting = poller.wait(events, 10_000);
  first.abort();
  assert.equal(await waiting, 1, "nobody told the poller");
  const second = listener.tryAccept();
  assert.ok(second);

  for (const one of [second, ...clients]) one.abort();
  poller.close();
  await listener.close();
});

test("a crowd at one address does not starve the other", async () => {
  const served: number[] = [];
  let leave = (): void => {};
  const server = await serve(["tcp://:0", "tcp://:0"], {
    open(channel) {
      served.push(ports.indexOf(portOf(channel.localAddress)));
      leave = () => channel.abort();
    },
  }, { maxConnections: 1, maxWaiting: 16 });
  const ports = server.addresses.map(portOf);
  const clients: Connection[] = [];
  const arrive = async (at: number): Promise<void> => {
    clients.push(await connect(server.addresses[at]!));
  };

  await arrive(0);
  await until(() => served.length === 1);
  for (const at of [0, 0, 0, 0, 1]) await arrive(at);
  for (let count = 2; count <= 4; count++) {
    leave();
    await until(() => served.length === count);
  }
  assert.ok(served.includes(1), `served: ${served}`);

  await server.close({ grace: 0 });
  for (const client of clients) client.abort();
});

test("a server's close with a bad grace rejects, and closes nothing", async () => {
  const server = await serve("mem:bad-grace", {});
  const closing = server.close({ grace: -1 });
  await assert.rejects(closing, { code: "EINVAL" });
  const client = await connect("mem:bad-grace");
  client.abort();
  await server.close({ grace: 0 });
});

function portOf(address: Address): number {
  return "port" in address ? address.port : 0;
}
