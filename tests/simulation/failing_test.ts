/** Sentence 12 in simulated time: handlers that throw or reject, and who is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, drop, later, simulate } from "./world.ts";
import type { Handlers } from "../../entries/memory.ts";

test("a handler that throws or rejects aborts its connection, tells onError, touches nobody else", async () => {
  const boom = new Error("On purpose");
  const fail = (): never => {
    throw boom;
  };
  const reject = async (): Promise<never> => await Promise.reject(boom);
  type Name = keyof Handlers;
  const names: Name[] = ["open", "data", "drain", "end"];
  for (const name of names) {
    for (const handler of [fail, reject]) {
      await simulate({ latency: 5, window: 1000 }, async (world) => {
        const { serve, connect, outcome, advance } = world;
        const errors: unknown[] = [];
        const closed: [unknown, string, unknown][] = [];
        const handlers: Handlers<boolean> = {
          data: (channel, chunk) => void channel.send(chunk),
          closed: (channel, why) =>
            void closed.push([channel.context, why.how, why.error]),
        };
        let calls = 0;
        // Only for the first connection.
        const first = handlers[name] as ((...args: unknown[]) => void);
        (handlers as Record<string, unknown>)[name] = (...args: unknown[]) =>
          calls++ === 0 ? handler() : first?.(...args);
        const server = await serve("mem:mine", handlers, {
          writeHighWater: 100,
          onError: (error) => errors.push(error),
        });
        // It reads too late for all of its answer: the server has to queue.
        const broken = await connect("mem:mine", { readHighWater: 1 });
        const good = connect("mem:mine");
        later(broken.write(bytes(3000)));
        later(broken.closeWrite());
        await advance(100);
        const end = outcome((async () => {
          while (await broken.read() !== null);
        })());
        assert.equal((await end).how, "ECONNRESET", name);
        const other = await good;
        await other.write(bytes(7));
        assert.deepEqual(await other.read(), bytes(7));
        assert.deepEqual(errors, [boom]);
        assert.deepEqual(closed, [[undefined, "handler", boom]]);
        assert.equal(server.stats.failed, 1);
        assert.equal(server.stats.open, 1);
        await other.close();
        await server.close();
        await drop(broken, other);
      });
    }
  }
});

test("what closed throws is reported, and ends nothing that is over", async () => {
  await simulate({}, async ({ serve, connect, advance }) => {
    const errors: unknown[] = [];
    let which = 0;
    const server = await serve("mem:late", {
      closed() {
        if (which++ === 0) throw new Error("Thrown");
        return Promise.reject(new Error("Rejected"));
      },
    }, { onError: (error) => errors.push(error) });
    for (let count = 0; count < 2; count++) {
      await (await connect("mem:late")).close();
    }
    await advance(1);
    assert.deepEqual(errors.map(String), ["Error: Thrown", "Error: Rejected"]);
    assert.deepEqual(await server.close(), { drained: 0, aborted: 0 });
    assert.equal(server.stats.failed, 0);
  });
});

test("an onError that throws is shown, and costs nobody anything", async () => {
  const reported: string[] = [];
  await simulate({}, async ({ runtime, serve, listen, connect, network }) => {
    runtime.report = (error) => void reported.push(String(error));
    const onError = (): never => {
      throw new Error("In onError");
    };
    const server = await serve("mem:bad", {
      data(channel, chunk) {
        if (chunk.length === 1) throw new Error("In data");
        channel.send(chunk);
      },
    }, { onError });
    const bad = await connect("mem:bad");
    await bad.write(bytes(1));
    await assert.rejects(bad.read(), { code: "ECONNRESET" });

    // Of a listener too, where an accept fails.
    const listener = await listen("mem:worse", { onError });
    network.inject({ kind: "resetInQueue", count: 1, acceptFails: true });
    const lost = await connect("mem:worse");
    const client = await connect("mem:worse");
    const accepted = await listener.accept();
    await drop(lost, client, accepted, bad);
    await listener.close();
    await server.close();
  });
  const shown = "Error: In onError";
  assert.deepEqual(reported, [shown, shown]);
});

test("with nobody to tell, what a handler threw is shown", async () => {
  await assert.rejects(
    simulate({}, async ({ serve, connect, advance }) => {
      await serve("mem:untold", {
        open() {
          throw new Error("Shown");
        },
      });
      await connect("mem:untold");
      await advance(1000);
    }),
    /^Error: Shown$/,
  );
});
