/** Members that listen by themselves, at one port. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Address, capabilities, listen, serve } from "../../mod.ts";
import { Client, idOf, moduleNamed, pools, until } from "./fixtures.ts";

const { support, reason = "" } = (await capabilities()).features.reusePort;
const supported = { skip: support === "none" && reason };

const members = { children: 3, reusePort: true, signals: false } as const;

/** Sockets that listen at a port; see proc_net(5). */
function listenersAt(at: Address): number {
  const port = (at as { port: number }).port.toString(16).toUpperCase();
  return readFileSync("/proc/net/tcp", "utf8").split("\n").filter((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(`:${port.padStart(4, "0")}`) && state === "0A";
  }).length;
}

for (const strategy of pools) {
  test(
    `${strategy}, reusePort: each member listens at the port, and all get work`,
    supported,
    async () => {
      const server = await serve("tcp://:0", moduleNamed("handlers"), {
        strategy,
        ...members,
      });
      const [at] = server.addresses;
      try {
        assert.equal(listenersAt(at!), 4, "the parent, and its members");
        const ids = new Set(
          server.stats.children!.alive.map((child) => String(idOf(child))),
        );
        const seen = new Set<string | null>();
        await until("all have served", async () => {
          const client = await Client.connect(at!, "id");
          seen.add(await client.line());
          await client.say("and back");
          assert.equal(await client.finish(), "and back\n");
          return seen.size === 3;
        });
        assert.deepEqual(seen, ids);
      } finally {
        await server.close();
      }
      assert.equal(listenersAt(at!), 0);
      assert.equal(server.stats.failed, 0);
    },
  );

  test(
    `${strategy}, reusePort: members are replaced, and the port stays`,
    supported,
    async () => {
      const server = await serve("tcp://:0", moduleNamed("handlers"), {
        strategy,
        ...members,
      });
      const [at] = server.addresses;
      try {
        const before = server.stats.children!.started;
        server.restart();
        await until("all are new", () => {
          const { alive } = server.stats.children!;
          return alive.length === 3 &&
            alive.every(({ id, state }) => id > before && state === "ready");
        });
        assert.equal(listenersAt(at!), 4);
        const client = await Client.connect(at!, "echo");
        assert.equal(await client.finish(), "");
      } finally {
        await server.close();
      }
    },
  );

  test(
    `${strategy}, reusePort: a port that is taken is EADDRINUSE, whoever has it`,
    supported,
    async () => {
      const module = moduleNamed("handlers");
      const taken = { code: "EADDRINUSE", message: /^Cannot listen on tcp:/ };
      await holding(await listen("tcp://:0"), async ({ address }) => {
        await assert.rejects(
          serve(address, module, { strategy, ...members }),
          taken,
        );
      });
      const server = await serve("tcp://:0", module, { strategy, ...members });
      await holding(server, async ({ addresses: [address] }) => {
        await assert.rejects(
          serve(address!, module, { strategy, ...members }),
          taken,
        );
        await assert.rejects(listen(address!), taken);
      });
    },
  );
}

async function holding<T extends AsyncDisposable>(
  it: T,
  use: (it: T) => Promise<void>,
): Promise<void> {
  try {
    await use(it);
  } finally {
    await it[Symbol.asyncDispose]();
  }
}

test("reusePort: where it cannot be, it is refused, with the reason", async () => {
  const module = moduleNamed("handlers");
  for (const strategy of pools) {
    const options = { strategy, ...members };
    await assert.rejects(serve("unix:none", module, options), {
      code: "ERR_SOCKEYE_UNSUPPORTED",
      message: support === "none" ? /Node before 22/ : /has no port/,
    });
    if (support === "none") {
      await assert.rejects(serve("tcp://:0", module, options), {
        code: "ERR_SOCKEYE_UNSUPPORTED",
        message: /Node before 22.12 ignores the option/,
      });
    } else assert.match(reason, /are reset/);
  }
  await assert.rejects(
    serve("tcp://:0", module, { strategy: "process", reusePort: true }),
    { code: "EINVAL", message: /reusePort is true, expected none with/ },
  );
});
