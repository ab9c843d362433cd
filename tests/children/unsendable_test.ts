/** A connection that the system will not send to its child. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetStream } from "../../adapters/_shared/net/stream.ts";
import { serveByChildren } from "../../api/children/serve.ts";
import type { Children } from "../../core/children.ts";
import type { StreamHandle } from "../../core/transport.ts";
import { loadAdapter } from "../../entries/adapter.ts";
import { Client, moduleNamed, until } from "./fixtures.ts";

/** A connection whose socket is nothing that can be sent. */
function unsendable(connection: StreamHandle): StreamHandle {
  const socket = (connection as NetStream).release()!;
  const thing = { readableLength: 0, destroy: () => socket.destroy() };
  return { ...connection, release: () => thing } as StreamHandle;
}

/** Children of which the first gets a connection that cannot be sent. */
function withOneThing(children: Children): Children {
  let given = 0;
  return {
    ...children,
    start(module, events) {
      const child = children.start(module, events);
      const give = child.give.bind(child);
      child.give = (connection, index) =>
        give(given++ === 0 ? unsendable(connection) : connection, index);
      return child;
    },
  };
}

test("process: a connection that cannot be sent ends, and costs nobody else's", async () => {
  const runtime = await loadAdapter();
  const children = withOneThing(runtime.children!);
  const server = await serveByChildren(
    { ...runtime, children },
    "tcp://:0",
    moduleNamed("handlers"),
    { strategy: "process", signals: false },
  );
  try {
    const [at] = server.addresses;
    const lost = await Client.connect(at!, "id");
    assert.equal(await lost.line(), null);
    await until("it is over", () => server.stats.open === 0);
    const served = await Client.connect(at!, "id");
    assert.match((await served.line())!, /^\d+$/);
    assert.equal(await served.finish(), "");
    await until("both are over", () => server.stats.open === 0);
    assert.equal(server.stats.accepted, 2);
    assert.equal(server.stats.children!.lost, 0);
  } finally {
    await server.close({ grace: 0 });
  }
  const { started, reaped } = server.stats.children!;
  assert.equal(reaped, started);
});
