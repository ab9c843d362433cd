/** Connecting again over real sockets: clients that come before their servers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, listen, SockeyeError } from "../mod.ts";
import { at } from "./bad_input.ts";

const quick = { attempts: Infinity, minDelay: 5, maxDelay: 40 };

test("retry: a Unix client waits for its server's name, then for its server", async () => {
  await at("unix", async (address, keep) => {
    const codes: string[] = [];
    let second = (): void => {};
    const failedTwice = new Promise<void>((resolve) => second = resolve);
    const connecting = connect(address, {
      timeout: 20_000,
      retry: {
        ...quick,
        onFailure: ({ code }, failures) => {
          codes.push(code);
          if (failures === 2) second();
        },
      },
    });
    await failedTwice;
    const listener = keep(await listen(address));
    keep(await connecting);
    keep(await listener.accept());
    assert.ok(codes.length >= 2);
    assert.ok(
      codes.every((code) => code === "ENOENT" || code === "ECONNREFUSED"),
      `${codes}`,
    );
  });
});

test("retry: a TCP client finds the server that comes back to its port", async () => {
  await at("tcp", async (address, keep) => {
    const first = await listen(address);
    const to = first.address;
    await first.close();
    let refused = (): void => {};
    const failed = new Promise<void>((resolve) => refused = resolve);
    const connecting = connect(to, {
      timeout: 20_000,
      retry: {
        ...quick,
        onFailure: ({ code }) => {
          assert.equal(code, "ECONNREFUSED");
          refused();
        },
      },
    });
    await failed;
    const again = keep(await listen(to));
    keep(await connecting);
    keep(await again.accept());
  });
});

test("retry: the attempts are counted, and the last failure is told", async () => {
  await at("unix", async (address) => {
    const told: number[] = [];
    const retry = {
      attempts: 3,
      minDelay: 1,
      maxDelay: 2,
      onFailure: (_: SockeyeError, failures: number) =>
        void told.push(failures),
    };
    await assert.rejects(connect(address, { retry }), { code: "ENOENT" });
    assert.deepEqual(told, [1, 2, 3]);
  });
});

test("retry: a signal and a timeout end the pauses", async () => {
  await at("unix", async (address) => {
    const retry = { attempts: Infinity, minDelay: 60_000, maxDelay: 60_000 };
    await assert.rejects(connect(address, { retry, timeout: 30 }), (error) => {
      assert.ok(error instanceof SockeyeError);
      assert.equal(error.code, "ETIMEDOUT");
      return true;
    });
    const stop = new AbortController();
    const reason = new Error("Enough");
    const onFailure = () => void setTimeout(() => stop.abort(reason), 1);
    const { signal } = stop;
    await assert.rejects(
      connect(address, { retry: { ...retry, onFailure }, signal }),
      reason,
    );
  });
});
