/** The driver against transports that tell events within their commands, as the contract allows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryRuntime } from "../../adapters/memory/runtime.ts";
import { StreamConnection } from "../../api/connection.ts";
import { Driver } from "../../api/driver.ts";
import { HandlerChannel } from "../../api/handlers.ts";
import { Loop } from "../../api/loop.ts";
import { limitsOf } from "../../api/options.ts";
import type { Handlers } from "../../api/types.ts";
import type { Address } from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";
import type { StreamEvents, StreamHandle } from "../../core/transport.ts";

const address: Address = { transport: "mem", name: "within" };

/** A transport that does what `within` says as soon as it is asked for something. */
class Within implements StreamHandle {
  readonly localAddress = address;
  readonly remoteAddress = address;
  readonly holdsPending: boolean;
  readonly asked: string[] = [];
  events!: StreamEvents;
  takes = Infinity;
  readonly #within: Partial<Record<string, (handle: Within) => void>>;

  constructor(
    within: Partial<Record<string, (handle: Within) => void>>,
    holdsPending = false,
  ) {
    this.#within = within;
    this.holdsPending = holdsPending;
  }

  #ask(what: string): void {
    this.asked.push(what);
    this.#within[what]?.(this);
  }

  attach(events: StreamEvents): void {
    this.events = events;
    this.#ask("attach");
  }
  startRead(): void {
    this.#ask("startRead");
  }
  stopRead(): void {
    this.#ask("stopRead");
  }
  transmit(bytes: Uint8Array): number {
    this.#ask("transmit");
    return Math.min(bytes.length, this.takes);
  }
  shutdown(): boolean {
    this.#ask("shutdown");
    return true;
  }
  close(): void {
    this.#ask("close");
  }
  abort(): void {
    this.#ask("abort");
  }
}

const gone = (handle: Within): void => {
  handle.takes = 0;
  handle.events.closed(new SockeyeError("ECONNRESET", "as simulated"));
};

/** Lets everything that was put off happen. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function driverOf(handle: StreamHandle, push: boolean): Driver {
  const loop = Loop.of(createMemoryRuntime());
  return new Driver(loop, handle, limitsOf({ writeHighWater: 100 }), push);
}

function served(handle: Within, handlers: Handlers): HandlerChannel<unknown> {
  const driver = driverOf(handle, true);
  const channel = new HandlerChannel(driver, handlers, {
    borrow: false,
    onError: (error) => assert.fail(`${error}`),
  });
  driver.start(channel);
  return channel;
}

for (const holdsPending of [false, true]) {
  const title = holdsPending ? "holds the rest" : "lets go of the rest";
  test(`driver: a send that meets the end of it, by a transport that ${title}`, async () => {
    const told: string[] = [];
    const handle = new Within({ transmit: gone }, holdsPending);
    const channel = served(handle, {
      drain: () => void told.push("drain"),
      closed: (_channel, why) => void told.push(why.how),
    });
    await settle();
    assert.equal(channel.send(new Uint8Array(500)), false);
    assert.equal(told.length, 0, "not within the call");
    assert.equal(channel.state, "closed");
    assert.equal(channel.bytesQueued, 0, "nothing is queued after");
    assert.equal(channel.send(new Uint8Array(500)), false);
    await settle();
    assert.deepEqual(told, ["reset"]);
    assert.equal(handle.asked.filter((what) => what === "transmit").length, 1);
    assert.equal(channel.bytesQueued, 0);
  });

  test(`driver: a write that meets the end of it, by a transport that ${title}`, async () => {
    const handle = new Within({ transmit: gone }, holdsPending);
    const driver = driverOf(handle, false);
    const connection = new StreamConnection(driver);
    driver.start(connection);
    const wrong = { code: "ECONNRESET", bytesTaken: 0 };
    await assert.rejects(connection.write(new Uint8Array(500)), wrong);
    await assert.rejects(connection.write(new Uint8Array(1)), wrong);
    assert.equal((await connection.closed).how, "reset");
    assert.equal(connection.bytesQueued, 0);
  });
}

test("driver: data and the end within startRead: told later, in order, with nothing lost", async () => {
  const told: string[] = [];
  const handle = new Within({
    startRead({ events }) {
      for (const length of [1, 2, 3]) {
        assert.equal(events.data(new Uint8Array(length), true), false);
      }
      events.readClosed();
    },
    shutdown: ({ events }) => events.shutdownDone(),
    close: ({ events }) => events.closed(),
  });
  const channel = served(handle, {
    open: () => void told.push("open"),
    data: (_channel, chunk) => void told.push(`data ${chunk.length}`),
    closed: (_channel, why) => void told.push(why.how),
  });
  assert.equal(told.length, 0, "not within the call");
  await channel.closed;
  const lengths = told.slice(1, -1).map((what) => Number(what.slice(5)));
  assert.equal(lengths.reduce((sum, length) => sum + length), 6);
  assert.deepEqual([told[0], told.at(-1)], ["open", "end"]);
  assert.deepEqual(handle.asked.slice(-2), ["shutdown", "close"]);
});

test("driver: closed within attach, close and abort", async () => {
  const over = ({ events }: Within): void => events.closed();
  const acts: [Partial<Record<string, typeof over>>, string][] = [
    [{ attach: gone }, "reset"],
    [{ shutdown: ({ events }) => events.readClosed(), close: over }, "close"],
    [{ abort: over }, "abort"],
  ];
  for (const [within, how] of acts) {
    const told: string[] = [];
    const channel = served(new Within(within), {
      open: () => void told.push("open"),
      closed: (_channel, why) => void told.push(why.how),
    });
    if (how === "close") void channel.close();
    if (how === "abort") channel.abort();
    if (how !== "reset") assert.deepEqual(told, [], "not within the call");
    assert.equal((await channel.closed).how, how);
    assert.deepEqual(told, ["open", how]);
  }
});

test("driver: a handler that sends, pauses, ends and closes from within an event", async () => {
  const told: string[] = [];
  const handle = new Within({
    shutdown: ({ events }) => events.readClosed(),
    close: ({ events }) => events.closed(),
  });
  const channel = served(handle, {
    data(from, chunk) {
      told.push(`data ${chunk.length}`);
      from.send(chunk);
      from.pause();
      from.resume();
      from.end();
      void from.close();
      told.push("left");
    },
    end: () => void told.push("end"),
    closed: (_channel, why) => void told.push(why.how),
  });
  await settle();
  handle.events.data(new Uint8Array(7), false);
  await channel.closed;
  assert.deepEqual(told, ["data 7", "left", "close"]);
  assert.deepEqual(handle.asked, [
    "attach",
    "startRead",
    "transmit",
    "shutdown",
    "close",
  ]);
});
