/**
 * Bad input, on the runtime's own adapter: handlers that fail, and clients
 * that do. Each costs its own connection, is reported or counted, and touches
 * nobody else.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import {
  type AddressLike,
  type Channel,
  connect,
  type Connection,
  type Handlers,
  listen,
  parseAddress,
  serve,
  type Server,
} from "../mod.ts";
import {
  at,
  bytes,
  echo,
  isServed,
  type Keep,
  rejects,
  transports,
  until,
} from "./bad_input.ts";

/** A foreign client: what it does is told in Python, `c` is its socket. */
async function python(
  address: AddressLike,
  program: string,
  count = 1,
): Promise<void> {
  const to = parseAddress(address);
  const family = to.transport === "unix" ? "AF_UNIX" : "AF_INET";
  const where = to.transport === "unix"
    ? JSON.stringify(to.path)
    : to.transport === "tcp"
    ? `(${JSON.stringify(to.host)}, ${to.port})`
    : assert.fail("no foreign client gets there");
  const script = `
import socket, struct
for i in range(${count}):
  c = socket.socket(socket.${family}, socket.SOCK_STREAM)
  c.connect(${where})
${program.replace(/^/gm, "  ")}
`;
  const child = spawn("python3", ["-c", script], { stdio: "inherit" });
  const status = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(status, 0);
}

/** Closes with a reset; over a Unix socket, unread bytes would have to make it one. */
const reset = `
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.close()`;

/** Says a word to a server that may be gone meanwhile, at any point. */
async function visit(to: AddressLike, keep: Keep): Promise<void> {
  try {
    const client = keep(await connect(to));
    await client.write(bytes("x"));
    await client.closeWrite();
  } catch (error) {
    const { code } = error as { code?: string };
    assert.ok(["ECONNRESET", "EPIPE"].includes(`${code}`), `${error}`);
  }
}

const boom = new Error("On purpose");

for (const transport of transports) {
  test(`bad handlers, ${transport}: one that throws or rejects ends its own connection, and is told`, async () => {
    const names = ["open", "data", "end"] as const;
    for (const name of names) {
      for (const how of ["throws", "rejects"] as const) {
        await at(transport, async (address, keep) => {
          let calls = 0;
          const errors: unknown[] = [];
          const closed: string[] = [];
          const own: Handlers = {
            ...echo,
            end: (channel) => channel.end(),
            closed: (_channel, why) => void closed.push(why.how),
          };
          const first = own[name] as ((...given: unknown[]) => void);
          const fail = (...given: unknown[]): unknown => {
            if (calls++ > 0) return first?.(...given);
            if (how === "rejects") return Promise.reject(boom);
            throw boom;
          };
          const server = keep(
            await serve(address, { ...own, [name]: fail }, {
              onError: (error) => errors.push(error),
            }),
          );
          const [to] = server.addresses;
          await visit(to!, keep);
          await until(() => closed.length === 1, `${name} that ${how}`);
          assert.deepEqual(errors, [boom]);
          assert.deepEqual(closed, ["handler"]);
          assert.equal(server.stats.failed, 1);
          await isServed(to!);
          await server.close();
        });
      }
    }
  });

  test(`bad handlers, ${transport}: a function that throws or rejects, and one that asks too much`, async () => {
    await at(transport, async (address, keep) => {
      const errors: unknown[] = [];
      const fails: ((connection: Connection) => Promise<void> | void)[] = [
        () => {
          throw boom;
        },
        () => Promise.reject(boom),
        async (connection) => {
          await connection.close();
          await connection.write(bytes("too late"));
        },
      ];
      const server = keep(
        await serve(address, async (connection) => {
          await fails.shift()?.(connection);
          for await (const chunk of connection) await connection.write(chunk);
        }, { onError: (error) => errors.push(error) }),
      );
      const [to] = server.addresses;
      for (let count = 1; count <= 3; count++) {
        await visit(to!, keep);
        await until(() => errors.length === count, "the error");
      }
      assert.deepEqual(errors.slice(0, 2), [boom, boom]);
      assert.equal((errors[2] as { code: string }).code, "ERR_SOCKEYE_CLOSED");
      await isServed(to!);
      await until(() => server.stats.open === 0, "all to be over");
      await server.close();
    });
  });

  test(`bad handlers, ${transport}: those that never settle hold up nobody but themselves, and no close`, async () => {
    const never = new Promise<never>(() => {});
    const kinds: (Handlers | (() => Promise<void>))[] = [
      { open: () => never },
      { data: () => never },
      { end: () => never },
      () => never,
    ];
    for (const kind of kinds) {
      await at(transport, async (address, keep) => {
        let stuck: Channel | undefined;
        let calls = 0;
        // The first connection has what never settles, the others an echo.
        const handlers = Object.fromEntries(
          Object.entries(kind).map(([name, handler]) => [
            name,
            (channel: Channel, chunk: Uint8Array) => {
              stuck ??= channel;
              if (stuck === channel) return handler();
              if (name === "data") channel.send(chunk);
              if (name === "end") channel.end();
            },
          ]),
        );
        const server = keep(
          await serve(
            address,
            typeof kind === "function"
              ? () => (calls++, kind())
              : { ...echo, ...handlers },
          ),
        );
        const [to] = server.addresses;
        await visit(to!, keep);
        await until(() => stuck !== undefined || calls > 0, "the handler");
        if (typeof kind !== "function") await isServed(to!);
        const { aborted } = await server.close({ grace: 20 });
        assert.equal(aborted, 1);
      });
    }
  });

  test(`bad clients, ${transport}: 300 resets in a row, with bytes and without; then a good one is served`, async () => {
    await at(transport, async (address, keep) => {
      let received = 0;
      const errors: unknown[] = [];
      const server = keep(
        await serve(address, {
          data(channel, chunk) {
            received += chunk.length;
            channel.send(chunk);
          },
        }, { onError: (error) => errors.push(error) }),
      );
      const [to] = server.addresses;
      await Promise.all([
        python(to!, reset, 150),
        python(to!, `c.send(b"x")${reset}`, 150),
      ]);
      await isServed(to!, "still here");
      await settled(server);
      const { accepted, acceptErrors, failed, bytesRead } = server.stats;
      // One that leaves the queue by a reset may never be seen (accept(2)).
      assert.ok(accepted + acceptErrors <= 301, `${accepted}, ${acceptErrors}`);
      assert.ok(accepted >= 1);
      assert.ok(failed < accepted);
      assert.equal(bytesRead, received);
      // A client that has left by the time of its accept fails that, on some.
      assert.equal(errors.length, acceptErrors);
      for (const error of errors) assert.match(`${error}`, /Cannot accept on /);
      await server.close();
    });
  });

  test(`bad clients, ${transport}: resets while they wait to be accepted: the loop goes on`, async () => {
    await at(transport, async (address, keep) => {
      const failures: unknown[] = [];
      const listener = keep(
        await listen(address, {
          onError: (error) => failures.push(error),
        }),
      );
      listener.pause();
      await python(listener.address, reset, 20);
      const client = keep(await connect(listener.address));
      await client.write(bytes("good"));
      listener.resume();
      // What a naive loop over accept does.
      let served = false;
      for await (const connection of listener) {
        const chunk = await connection.read().catch(() => null);
        if (chunk !== null) {
          await connection.write(chunk);
          served = true;
        }
        connection.abort();
        if (served) break;
      }
      const answer = await client.read().catch(() => null);
      assert.ok(answer === null || answer.length === 4);
      for (const error of failures) {
        assert.equal((error as { name: string }).name, "SockeyeError");
      }
      client.abort();
      await client.closed;
      await listener.close();
    });
  });

  test(`bad clients, ${transport}: one that resets with all in flight: what arrived is told, then how it ended`, async () => {
    await at(transport, async (address, keep) => {
      const told: string[] = [];
      let received = 0;
      const server = keep(
        await serve(address, {
          data: (_channel, chunk) => void (received += chunk.length),
          end: (channel) => {
            told.push("end");
            channel.end();
          },
          closed: (_channel, why) => void told.push(why.how),
        }),
      );
      const [to] = server.addresses;
      // It reads nothing of what it is sent, and leaves.
      await python(
        to!,
        `
c.sendall(b"y" * 100000)
import time
time.sleep(0.02)${reset}`,
      );
      await until(() => told.length > 0 && server.stats.open === 0, "the end");
      const last = told.pop();
      if (transport === "tcp") {
        assert.deepEqual([last, told], ["reset", []]);
      } else assert.deepEqual([last, told], ["end", ["end"]]);
      assert.equal(server.stats.bytesRead, received);
      assert.ok(transport === "tcp" || received === 100_000);
      await server.close();
    });
  });

  test(`bad clients, ${transport}: one that sends for ever to who never reads is held back`, async () => {
    await at(transport, async (address, keep) => {
      let channel: Channel | undefined;
      const server = keep(
        await serve(address, {
          open(opened) {
            channel = opened;
            opened.pause();
          },
        }),
      );
      const [to] = server.addresses;
      const client = keep(await connect(to!));
      const writing = assert.rejects(client.write(new Uint8Array(1 << 26)), {
        code: "ECONNABORTED",
      });
      await until(() => (channel?.bytesRead ?? 0) >= 65_536, "the first bytes");
      await isServedBeside(server);
      // 512 KiB is the largest chunk that a runtime gives (Bun).
      assert.ok(channel!.bytesRead < 65_536 + 524_288, `${channel!.bytesRead}`);
      client.abort();
      await writing;
      await server.close({ grace: 0 });
    });
  });
}

/** Waits until a server has nobody left. */
async function settled(server: Server): Promise<void> {
  await until(() => server.stats.open === 0, "all to be over");
}

/** Another connection comes and goes while one is stuck. */
async function isServedBeside(server: Server): Promise<void> {
  const before = server.stats.accepted;
  const client = await connect(server.addresses[0]!);
  await until(() => server.stats.accepted > before, "the other connection");
  client.abort();
  await client.closed;
}

test("bad addresses: where nobody is", async () => {
  await rejects(
    () => connect("unix:/nobody/is/here"),
    "ENOENT",
    /^Cannot connect to unix:\/nobody\/is\/here: /,
  );
  await rejects(
    () => connect("mem:nobody"),
    "ECONNREFUSED",
    /^Cannot connect to mem:nobody: /,
  );
});
