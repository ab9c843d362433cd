/** What children do with bytes, ends and resets is what a loop does with them. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  capabilities,
  type ChildrenOptions,
  connect,
  type Connection,
  serve,
  type Server,
  SockeyeError,
} from "../../mod.ts";
import { moduleNamed, pools, until } from "./fixtures.ts";
import { bytesOf, flood, length, names, Sum, sumOf } from "./transfers.ts";

const transports = ["tcp", "unix"] as const;
/** What both kernels may hold of one connection, and some. */
const inKernels = 14_000_000;

interface World {
  readonly server: Server;
  /** A connection of a kind, closed when the test is over. */
  open(kind: string): Promise<Connection>;
}

/** One child, so that what one connection did another can tell. */
async function withChild(
  strategy: ChildrenOptions["strategy"],
  transport: "tcp" | "unix",
  play: (world: World) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  const at = transport === "tcp" ? "tcp://:0" : `unix:${directory}/s`;
  const opened: Connection[] = [];
  try {
    const options = { strategy, children: 1, signals: false };
    const server = await serve(at, moduleNamed("transfers"), options);
    try {
      await play({
        server,
        async open(kind) {
          const connection = await connect(server.addresses[0]!);
          opened.push(connection);
          await connection.write(new Uint8Array([names.indexOf(kind)]));
          return connection;
        },
      });
    } finally {
      for (const connection of opened) connection.abort();
      await server.close({ grace: 2000 });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function sum(bytes: Uint8Array): string {
  const made = new Sum();
  made.add(bytes);
  return made.text;
}

async function textOf(connection: Connection): Promise<string> {
  let text = "";
  for await (const bytes of connection) text += new TextDecoder().decode(bytes);
  return text;
}

async function readExactly(
  connection: Connection,
  length: number,
): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.readInto(all.subarray(at));
    assert.ok(count !== null, `an end behind ${at} bytes of ${length}`);
    at += count;
  }
  return all;
}

for (const strategy of pools) {
  for (const transport of transports) {
    const over = `${strategy}, ${transport}`;

    test(`${over}: both directions at once, byte for byte`, async () => {
      await withChild(strategy, transport, async ({ open }) => {
        const clients = await Promise.all([1, 2, 3].map(() => open("both")));
        await Promise.all(clients.map(async (client) => {
          const writing = client.write(bytesOf(1, length))
            .then(() => client.closeWrite());
          const came = await readExactly(client, length);
          assert.equal(sum(came), sum(bytesOf(2, length)));
          await writing;
          assert.equal(await textOf(client), sum(bytesOf(1, length)));
        }));
      });
    });

    test(`${over}: a handler's end comes first, and what is sent then still arrives`, async () => {
      await withChild(strategy, transport, async ({ open }) => {
        const client = await open("half");
        assert.equal(await textOf(client), "over to you");
        await client.write(bytesOf(3, length));
        await client.close();
        await until("it is told", async () => {
          const told = await textOf(await open("ends"));
          return told === sum(bytesOf(3, length));
        });
      });
    });

    test(`${over}: a handler that does not read stops its client, and loses nothing`, async () => {
      await withChild(strategy, transport, async ({ server, open }) => {
        const client = await open("deaf");
        await readExactly(client, 1);
        const all = bytesOf(4, inKernels + 6_000_000);
        const failed = await client.write(all, { timeout: 1000 })
          .then(() => undefined, (error) => error);
        assert.ok(failed instanceof SockeyeError, "nobody stopped it");
        assert.equal(failed.code, "ETIMEDOUT");
        const taken = failed.bytesTaken!;
        assert.ok(taken < inKernels, `${taken} bytes were taken`);
        // What it may read ahead, and the largest chunk of a runtime.
        const { bytesRead } = JSON.parse(await textOf(await open("stopped")));
        assert.ok(bytesRead > 0 && bytesRead <= 65_536 + 524_288, bytesRead);
        server.broadcast("listen");
        await client.closeWrite();
        assert.equal(await textOf(client), sum(all.subarray(0, taken)));
      });
    });

    test(`${over}: a client that does not read stops its handler, and loses nothing`, async () => {
      await withChild(strategy, transport, async ({ open }) => {
        const client = await open("flood");
        let before = -1;
        await until("it is stopped", async () => {
          await new Promise((resolve) => setTimeout(resolve, 200));
          const told = JSON.parse(await textOf(await open("stopped")));
          const same = told.bytesWritten > 0 && told.bytesWritten === before;
          before = told.bytesWritten;
          return same;
        });
        assert.ok(before < inKernels, `${before} bytes written`);
        assert.equal(await sumOf(client), sum(new Uint8Array(flood)));
      });
    });

    test(`${over}: an end, a close and a reset are told apart`, async () => {
      const { features } = await capabilities();
      // A Unix socket has no reset: what is unread is the only way to make one.
      const feature = transport === "tcp" ? "reset" : "unixReset";
      const resets = features[feature].support === "native";
      await withChild(strategy, transport, async ({ open }) => {
        const expected: string[] = [];
        for (const way of ["end", "reset"]) {
          const client = await open("watch");
          await readExactly(client, 1);
          if (way === "end") await client.close();
          else client.abort();
          const reset = way === "reset" && resets;
          expected.push(reset ? "reset ECONNRESET" : "end end");
          await until("it is told", async () => {
            const told = await textOf(await open("ends"));
            return told.split(", ").length === expected.length && told !== "";
          });
          assert.equal(await textOf(await open("ends")), expected.join(", "));
        }
      });
    });

    test(`${over}: a handler that aborts resets its client`, async () => {
      const { features } = await capabilities();
      const feature = transport === "tcp" ? "reset" : "unixReset";
      // Handed to a process it is a socket of node:net, which resets on Deno too.
      const resets = features[feature].support === "native" ||
        (strategy === "prefork" && transport === "tcp");
      await withChild(strategy, transport, async ({ server, open }) => {
        const client = await open("abort");
        await readExactly(client, 1);
        await client.write(new Uint8Array(1));
        const read = client.read().then((bytes) => bytes, ({ code }) => code);
        assert.equal(await read, resets ? "ECONNRESET" : null);
        await until("it is counted", () => server.stats.failed === 1);
      });
    });
  }
}
