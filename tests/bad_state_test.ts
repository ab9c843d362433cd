/**
 * Bad input, on the runtime's own adapter: calls at the wrong time. Each is a
 * typed error that says what state it met, or does nothing; none hangs.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Channel,
  type Closed,
  connect,
  type Connection,
  listen,
  type Op,
  serve,
} from "../mod.ts";
import {
  at,
  bytes,
  echo,
  fails,
  isServed,
  pair,
  rejects,
  text,
  transports,
  until,
} from "./bad_input.ts";

for (const transport of transports) {
  test(`bad state, ${transport}: two reads at once: the second is refused, the first is served`, async () => {
    await pair(transport, async (client, server) => {
      const first = client.read();
      const seconds = [
        () => client.read(),
        () => client.readInto(new Uint8Array(3)),
        () => client[Symbol.asyncIterator]().next(),
        () => client.tryRead(new Uint8Array(3)),
      ];
      for (const second of seconds) {
        await fails(
          second,
          "ERR_SOCKEYE_STATE",
          /^Cannot read from (tcp|unix):.*: another read waits$/,
        );
      }
      await server.write(bytes("for the first"));
      assert.equal(text(await first), "for the first");
      await server.write(bytes("next"));
      assert.equal(text(await client.read()), "next");
    });
  });

  test(`bad state, ${transport}: writing behind our own end is refused; what went before arrives`, async () => {
    await pair(transport, async (client, server) => {
      await client.write(bytes("before"));
      await client.closeWrite();
      const refused: [() => unknown, string][] = [
        [() => client.write(bytes("x")), "write to"],
        [() => client.tryWrite(bytes("x")), "write to"],
        [() => client.send(bytes("x")), "send to"],
      ];
      for (const [call, action] of refused) {
        await fails(
          call,
          "ERR_SOCKEYE_STATE",
          new RegExp(`^Cannot ${action} .*: state is "halfClosedLocal"$`),
        );
      }
      client.end(); // As the end is sent, these have nothing to do.
      await client.closeWrite();
      assert.equal(text(await server.read()), "before");
      assert.equal(await server.read(), null);
      await server.write(bytes("answer"));
      assert.equal(text(await client.read()), "answer");
    });
  });

  test(`bad state, ${transport}: sending behind \`end\` throws in the handler, and costs that connection alone`, async () => {
    await at(transport, async (address, keep) => {
      const errors: unknown[] = [];
      const server = keep(
        await serve(address, {
          data(channel, chunk) {
            channel.send(chunk);
            if (chunk[0] !== 33) return;
            channel.end();
            channel.send(chunk);
          },
        }, { onError: (error) => errors.push(error) }),
      );
      const [to] = server.addresses;
      const client = keep(await connect(to!));
      await client.write(bytes("!"));
      await client.read().catch(() => null);
      await until(() => errors.length === 1, "the error");
      assert.match(
        (errors[0] as Error).message,
        /^Cannot send to .*: state is "halfClosedLocal"$/,
      );
      await until(() => server.stats.open === 0, "the end of it");
      assert.equal(server.stats.failed, 1);
      await isServed(to!);
      client.abort();
      await client.closed;
      await server.close();
    });
  });

  test(`bad state, ${transport}: timeouts and deadlines that are no time`, async () => {
    await pair(transport, async (client, server) => {
      const listener = await listen(`mem:times-${transport}`);
      const one = new Uint8Array(1);
      for (const timeout of [-1, -Infinity, NaN, "5", null, true]) {
        const op = { timeout } as Op;
        const waits = [
          () => client.read(op),
          () => client.readInto(one, op),
          () => client.write(one, op),
          () => client.closeWrite(op),
          () => listener.accept(op),
        ];
        for (const wait of waits) {
          await rejects(wait, "EINVAL", /timeout is .*, expected milliseconds/);
        }
        if (typeof timeout === "number" && timeout < 0 || timeout === null) {
          continue; // A deadline that has passed; none.
        }
        assert.throws(() => client.setDeadline(timeout as number), {
          code: "EINVAL",
          message:
            /^Cannot set a deadline: ms is .*, expected a number or null/,
        });
      }
      await server.write(bytes("unharmed"));
      assert.equal(text(await client.read()), "unharmed");
      assert.equal(client.bytesWritten, 0);
      assert.equal(client.state, "open");
      await listener.close();
    });
  });

  test(`bad state, ${transport}: signals: aborted before, or no signals at all`, async () => {
    await pair(transport, async (client, server) => {
      await at(transport, async (address, keep) => {
        const listener = keep(await listen(`mem:signals-${transport}`));
        const one = new Uint8Array(1);
        const waits = {
          connect: (op: Op) => connect(client.remoteAddress, op),
          listen: ({ signal }: Op) => listen(address, { signal: signal! }),
          serve: ({ signal }: Op) => serve(address, {}, { signal: signal! }),
          accept: (op: Op) => listener.accept(op),
          read: (op: Op) => client.read(op),
          readInto: (op: Op) => client.readInto(one, op),
          write: (op: Op) => client.write(one, op),
          closeWrite: (op: Op) => client.closeWrite(op),
        };
        const reasons = [new Error("Not now"), "a word", undefined];
        for (const [name, wait] of Object.entries(waits)) {
          for (const reason of reasons) {
            const signal = AbortSignal.abort(reason);
            await assert.rejects(wait({ signal }), (error) => {
              assert.equal(error, signal.reason, name);
              return true;
            });
          }
          for (const signal of [{}, "now", 5, null]) {
            await rejects(
              () => wait({ signal } as unknown as Op),
              "EINVAL",
              /signal is .*, expected an AbortSignal$/,
            );
          }
        }
        await (await listen(address)).close(); // Nobody took it.
        await listener.close();
      });
      await server.write(bytes("unharmed"));
      assert.equal(text(await client.read()), "unharmed");
      assert.equal(client.bytesWritten, 0);
    });
  });

  test(`bad state, ${transport}: everything on connections that are over`, async () => {
    const ways: Record<string, Way> = {
      closed: {
        async end(client, server) {
          const closing = client.close();
          await server.closeWrite();
          await closing;
        },
        how: "close",
        read: "ERR_SOCKEYE_CLOSED",
        write: "ERR_SOCKEYE_CLOSED",
        words: /it was closed here$/,
      },
      aborted: {
        end: (client) => Promise.resolve(client.abort()),
        how: "abort",
        read: "ECONNABORTED",
        write: "ECONNABORTED",
        words: /it was aborted here$/,
      },
      "closed behind the peer's end": {
        async end(client, server) {
          await server.closeWrite();
          assert.equal(await client.read(), null);
          await client.close();
        },
        how: "end",
        read: "ERR_SOCKEYE_CLOSED",
        write: "ERR_SOCKEYE_CLOSED",
        words: /(it was closed here|both directions have ended)$/,
      },
    };
    for (const [name, { end, how, ...expected }] of Object.entries(ways)) {
      await pair(transport, async (client, server) => {
        await end(client, server);
        const why = await client.closed;
        assert.equal(why.how, how, name);
        await allAreRefused(client, why, expected);
      });
    }
  });

  test(`bad state, ${transport}: everything on a listener and a server that are over`, async () => {
    await at(transport, async (address, keep) => {
      const listener = keep(await listen(address));
      const waiting = assert.rejects(listener.accept(), {
        code: "ERR_SOCKEYE_CLOSED",
        message: /^Cannot accept on .*: it was closed here$/,
      });
      const iterated = (async () => {
        for await (const _ of listener) assert.fail("somebody came");
      })();
      await Promise.all([listener.close(), listener.close(), listener.closed]);
      await waiting;
      await iterated;
      const words = /^Cannot accept on (tcp|unix):.*: the listener is closed$/;
      await rejects(() => listener.accept(), "ERR_SOCKEYE_CLOSED", words);
      await fails(() => listener.tryAccept(), "ERR_SOCKEYE_CLOSED", words);
      for await (const _ of listener) assert.fail("somebody came");
      listener.pause();
      listener.resume();
      await listener.close();

      const server = keep(await serve(address, echo));
      const [to] = server.addresses;
      const [first, second] = [server.close(), server.close({ grace: 0 })];
      assert.deepEqual(await first, { drained: 0, aborted: 0 });
      assert.deepEqual(await second, { drained: 0, aborted: 0 });
      assert.deepEqual(await server.close(), { drained: 0, aborted: 0 });
      assert.equal(server.stats.open, 0);
      const code = transport === "tcp" ? "ECONNREFUSED" : "ENOENT";
      await rejects(() => connect(to!), code, /^Cannot connect to /);
    });
  });

  test(`bad state, ${transport}: a grace that is no time closes nothing`, async () => {
    await at(transport, async (address, keep) => {
      const server = keep(await serve(address, echo));
      for (const grace of [-1, NaN, "5", null]) {
        await rejects(
          () => server.close({ grace: grace as number }),
          "EINVAL",
          /^Cannot close: grace is .*, expected milliseconds from 0 up$/,
        );
      }
      await isServed(server.addresses[0]!);
      await server.close();
    });
  });
}

interface Expected {
  /** The codes that reads and writes come to. */
  readonly read: string;
  readonly write: string;
  readonly words: RegExp;
}

interface Way extends Expected {
  end(client: Connection, server: Connection): Promise<void>;
  readonly how: Closed["how"];
}

async function allAreRefused(
  client: Connection,
  why: Closed,
  { read, write, words }: Expected,
): Promise<void> {
  const one = bytes("x");
  const reads: (() => unknown)[] = [
    () => client.read(),
    () => client.readInto(one),
    () => client.tryRead(one),
    () => client[Symbol.asyncIterator]().next(),
    () => client.readable.getReader().read(),
  ];
  for (const call of reads) await fails(call, read, words);
  await fails(() => client.write(one), write, words);
  await fails(() => client.tryWrite(one), write, words);
  const channel: Channel = client;
  assert.equal(channel.send(one), false);
  channel.pause();
  channel.resume();
  channel.end();
  channel.abort("too late");
  client.setDeadline(1);
  client.setDeadline(null);
  assert.deepEqual(await client.close(), why);
  assert.deepEqual(await client.closed, why);
  await client[Symbol.asyncDispose]();
  assert.equal(client.state, "closed");
  assert.equal(client.bytesQueued, 0);
  assert.notEqual(client.remoteAddress, undefined);
}
