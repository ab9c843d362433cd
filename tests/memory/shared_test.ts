/** The simulated network beside a real adapter. */
import assert from "node:assert/strict";
import test from "node:test";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { withMemory } from "../../adapters/memory/runtime.ts";
import type { Capability, Runtime } from "../../core/runtime.ts";
import type { ListenHandle, StreamHandle } from "../../core/transport.ts";
import { mem } from "./ends.ts";
import { connectRequest, listenRequest } from "../requests.ts";

const tcp = { transport: "tcp", host: "127.0.0.1", port: 1 } as const;
const none: Capability = { support: "none", reason: "Not in this test" };

const never = (): never => assert.fail("not to be told");

/** A runtime in real time, whose own connects and listens are noted only. */
function realRuntime(calls: string[]): Runtime {
  const pending = { cancel: () => {} };
  return {
    name: "node",
    debug: true,
    now: () => performance.now(),
    setTimer: (callback, ms) => setTimeout(callback, ms),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    defer: (callback) => queueMicrotask(callback),
    turn: (callback) => void setImmediate(callback),
    random: () => 0.5,
    report: (error) => void calls.push(`report ${error}`),
    capabilities: () => ({
      runtime: "node",
      version: "1",
      features: { mem: none, tcp: none } as Record<string, Capability> as never,
    }),
    descriptors: () => ({ limit: 9, used: 1 }),
    connect: (to) => {
      calls.push(`connect ${to.transport}`);
      return pending;
    },
    listen: (at) => {
      calls.push(`listen ${at.transport}`);
      return pending;
    },
    bind: (at) => {
      calls.push(`bind ${at.transport}`);
      return pending;
    },
    stdin: () => {
      calls.push("stdin");
      return { attach: never, startRead: never, stopRead: never, close: never };
    },
  };
}

const listen = (runtime: Runtime, name: string): Promise<ListenHandle> =>
  new Promise((listening, failed) => {
    runtime.listen(mem(name), listenRequest, { listening, failed });
  });

const connect = (runtime: Runtime, name: string): Promise<StreamHandle> =>
  new Promise((connected, failed) => {
    runtime.connect(mem(name), connectRequest, { connected, failed });
  });

test("mem: is added to a runtime, the rest is passed through", () => {
  const calls: string[] = [];
  const runtime = withMemory(realRuntime(calls));
  runtime.connect(tcp, connectRequest, { connected: never, failed: never });
  runtime.listen(tcp, listenRequest, { listening: never, failed: never });
  assert.deepEqual(calls, ["connect tcp", "listen tcp"]);
  assert.deepEqual([runtime.name, runtime.debug], ["node", true]);
  assert.deepEqual(runtime.descriptors(), { limit: 9, used: 1 });
  assert.equal(runtime.random(), 0.5);
  const { features } = runtime.capabilities();
  assert.deepEqual([features.mem.support, features.tcp], ["native", none]);
});

test("one runtime is wrapped once", () => {
  const runtime = realRuntime([]);
  assert.equal(withMemory(runtime), withMemory(runtime));
});

test("all runtimes of the process share one network, in real time", async () => {
  const one = withMemory(realRuntime([]));
  const other = withMemory(realRuntime([]));
  assert.notEqual(one, other);
  const listening = await listen(one, "shared");
  const [server, client] = await Promise.all([
    new Promise<StreamHandle>((connection) => {
      listening.attach({
        connection,
        acceptFailed: never,
        refused: never,
        closed: () => {},
      });
      listening.startAccept();
    }),
    connect(other, "shared"),
  ]);
  const log: string[] = [];
  const ended = (handle: StreamHandle, name: string): Promise<void> =>
    new Promise((over) => {
      handle.attach({
        data: (bytes) => {
          log.push(`${name} ${bytes}`);
          if (name === "server") assert.equal(handle.transmit(bytes), 2);
          else handle.close();
          return false;
        },
        written: never,
        readClosed: () => handle.close(),
        shutdownDone: never,
        closed: (error) => {
          log.push(`${name} closed ${error?.code}`);
          over();
        },
      });
      handle.startRead();
    });
  const both = [ended(server, "server"), ended(client, "client")];
  assert.equal(client.transmit(Uint8Array.of(4, 2)), 2);
  assert.deepEqual(log, [], "not within the caller's own call");
  await Promise.all(both);
  assert.deepEqual(log, [
    "server 4,2",
    "client 4,2",
    "client closed undefined",
    "server closed undefined",
  ]);
  listening.close();
  await assert.rejects(connect(one, "shared"), { code: "ECONNREFUSED" });
});
