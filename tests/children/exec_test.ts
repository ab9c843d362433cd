/** `serveExec`: programs that have connections as their input and output. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { clearImmediate, setImmediate } from "node:timers";
import {
  type Address,
  capabilities,
  connect,
  type ExecOptions,
  serveExec,
  SockeyeError,
} from "../../mod.ts";
import { needs } from "../examples/peers.ts";
import {
  bytesFrom,
  differs,
  ExecClient,
  withProgram,
} from "./exec_fixtures.ts";
import { isThere, until } from "./fixtures.ts";

const linux = process.platform === "linux"
  ? {}
  : { skip: "needs /proc and setpriv" };

test("exec: 8 MiB go through cat and come back the same, over both transports", async () => {
  await withProgram(["cat"], {}, async ({ client }) => {
    const sent = bytesFrom(8 * 1024 * 1024);
    for (const at of [0, 1]) {
      const one = await client(at);
      const [received] = await Promise.all([one.rest(), one.finish(sent)]);
      assert.equal(differs(received, sent), undefined);
    }
  });
});

test("exec: what a program writes arrives whole, although it ends at once", async () => {
  const count = 1024 * 1024;
  const command = ["head", "-c", String(count), "/dev/zero"];
  await withProgram(command, {}, async ({ client, server }) => {
    for (const at of [0, 1]) {
      // Input that nobody reads would have the system reset the connection.
      const one = await client(at);
      await one.connection.write(new Uint8Array(50_000));
      const received = await one.rest();
      assert.equal(differs(received, new Uint8Array(count)), undefined);
    }
    await until("both are over", () => server.stats.open === 0);
    assert.equal(server.stats.failed, 0);
  });
});

test(
  "exec: 10 MiB in one write wait for a client that reads later",
  needs("python3"),
  async () => {
    const count = 10 * 1024 * 1024;
    const script = `
import os
assert os.write(1, b"x" * ${count}) == ${count}`;
    const command = ["python3", "-c", script];
    await withProgram(command, {}, async ({ client, alive }) => {
      const one = await client();
      await until("it runs", () => alive()[0]?.pid !== undefined);
      const { pid } = alive()[0]!;
      await until("it waits", () => stateOf(pid!) === "S");
      const received = await one.rest();
      const sent = new TextEncoder().encode("x".repeat(count));
      assert.equal(differs(received, sent), undefined);
    });
  },
);

test("exec: the client's end is the end of the input", async () => {
  await withProgram(["wc", "-c"], {}, async ({ client }) => {
    for (const at of [0, 1]) {
      const one = await client(at);
      const [text] = await Promise.all([
        one.text(),
        one.finish(new Uint8Array(70_000)),
      ]);
      assert.equal(text.trim(), "70000");
    }
  });
});

test("exec: the environment tells of the connection, and of no other", async () => {
  const env = {
    PATH: process.env["PATH"],
    KEPT: "as given",
    ABSENT: undefined,
    PROTO: "SSL",
    TCPREMOTEIP: "192.0.2.1",
    TCPREMOTEHOST: "example.com",
    UNIXREMOTEEUID: "0",
  };
  await withProgram(["env"], { env }, async ({ client, addresses }) => {
    const [tcp, unix] = addresses;
    assert.ok(tcp?.transport === "tcp" && unix?.transport === "unix");
    const one = await client(0);
    const { localAddress } = one.connection;
    assert.ok(localAddress.transport === "tcp");
    const { PATH, ...told } = variables(await one.text());
    assert.equal(PATH, process.env["PATH"]);
    assert.deepEqual(told, {
      KEPT: "as given",
      PROTO: "TCP",
      TCPLOCALIP: "127.0.0.1",
      TCPLOCALPORT: String(tcp.port),
      TCPREMOTEIP: "127.0.0.1",
      TCPREMOTEPORT: String(localAddress.port),
    });
    const other = await client(1);
    const { PATH: _, ...rest } = variables(await other.text());
    assert.deepEqual(rest, {
      KEPT: "as given",
      PROTO: "UNIX",
      UNIXLOCALPATH: unix.path,
    });
  });
});

test("exec: by default the environment is that of the server", async () => {
  process.env["SOCKEYE_EXEC_TEST"] = "here";
  try {
    await withProgram(["env"], {}, async ({ client }) => {
      const told = variables(await (await client()).text());
      assert.equal(told["SOCKEYE_EXEC_TEST"], "here");
      assert.equal(told["PROTO"], "TCP");
    });
  } finally {
    delete process.env["SOCKEYE_EXEC_TEST"];
  }
});

test("exec: no shell reads the command", async () => {
  const words = ["$HOME", "a b", "", "*", "'", "; echo more", "é\n"];
  // What Deno's own node:child_process would rewrite.
  words.push(process.execPath, "run", "-p", "x");
  const command = ["printf", "%s|", ...words];
  await withProgram(command, {}, async ({ client }) => {
    assert.equal(
      await (await client()).text(),
      words.map((w) => `${w}|`).join(""),
    );
  });
});

test("exec: a hundred clients at once, eight programs at a time", async () => {
  const options = { maxChildren: 8 };
  await withProgram(["cat"], options, async ({ client, alive, server }) => {
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, alive().length);
    }, 1);
    try {
      const all = Array.from({ length: 100 }, async (_, i) => {
        const one = await client(i % 2);
        const text = `${i} `.repeat(200);
        await one.finish(new TextEncoder().encode(text));
        assert.equal(await one.text(), text);
      });
      await Promise.all(all);
    } finally {
      clearInterval(watch);
    }
    assert.ok(most > 1 && most <= 8, `${most} at once`);
    await until("all are over", () => server.stats.open === 0);
    assert.equal(server.stats.accepted, 100);
    assert.equal(server.stats.failed, 0);
  });
});

test("exec: beyond maxChildren clients wait, and are served in turn", async () => {
  const options = { maxChildren: 1 };
  await withProgram(["cat"], options, async ({ client, server }) => {
    const first = await client(0);
    await first.say("one");
    assert.equal(await first.line(), "one");
    const second = await client(1);
    await second.say("two");
    await assert.rejects(second.connection.read({ timeout: 50 }), {
      code: "ETIMEDOUT",
    });
    assert.equal(server.stats.accepted, 1);
    await first.finish();
    assert.equal(await first.text(), "");
    assert.equal(await second.line(), "two");
  });
});

test(
  "exec: of many clients at once, eight get their program before others are reaped",
  needs("python3"),
  async () => {
    await withProgram(["cat"], {}, async ({ addresses, alive, server }) => {
      const many = 40;
      // All of them come while this thread stands still.
      const script = `
import socket, sys
for i in range(${many}):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.close()`;
      const at = addresses[1] as Extract<Address, { path: string }>;
      const { status } = spawnSync("python3", ["-c", script, at.path]);
      assert.equal(status, 0);
      let before = new Set<number | undefined>();
      let most = 0;
      const look = (): void => {
        const now = alive().map(({ pid }) => pid);
        const fresh = now.filter((pid) =>
          pid !== undefined && !before.has(pid)
        );
        most = Math.max(most, fresh.length);
        before = new Set(now);
        turn = setImmediate(look);
      };
      let turn = setImmediate(look);
      try {
        await until("all have come", () => server.stats.accepted === many);
        await until("all have gone", () => server.stats.open === 0);
      } finally {
        clearImmediate(turn);
      }
      // Node accepts one connection at a turn.
      assert.ok(most >= 1 && most <= 8, `${most} in one turn`);
    });
  },
);

test("exec: a program that ends by itself costs a stubborn client's server nothing", async () => {
  await withProgram(["true"], {}, async ({ client }) => {
    // Neither reads what it is sent, nor sends the rest of what it began.
    const held = await client(0);
    await held.connection.write(new Uint8Array(2 * 65536));
    const before = performance.now();
    for (let i = 0; i < 5; i++) {
      assert.equal(await (await client(1)).text(), "");
    }
    // It would stand still as long as that client does.
    assert.ok(performance.now() - before < 10_000);
    assert.equal(await held.text(), "");
  });
});

test(
  "exec: programs find blocking descriptors, and signals as they are by default",
  linux,
  async () => {
    const command = [
      "cat",
      "/proc/self/status",
      "/proc/self/fdinfo/0",
      "/proc/self/fdinfo/1",
    ];
    await withProgram(command, {}, async ({ client }) => {
      for (const at of [0, 1]) {
        const text = await (await client(at)).text();
        const [, ignored] = /^SigIgn:\s+([0-9a-f]+)$/m.exec(text)!;
        // The thirteenth is SIGPIPE, the fifteenth SIGTERM.
        assert.equal(Number.parseInt(ignored!.slice(-4), 16) & 0x5000, 0);
        const flags = [...text.matchAll(/^flags:\s+([0-7]+)$/gm)];
        assert.equal(flags.length, 2);
        for (const [, each] of flags) {
          assert.equal(Number.parseInt(each!, 8) & 0o4000, 0);
        }
      }
    });
  },
);

test("exec: a client that goes ends what writes to it, and is counted", async () => {
  await withProgram(["yes"], {}, async ({ client, alive, server }) => {
    for (const at of [0, 1]) {
      const one = await client(at);
      assert.equal(await one.line(), "y");
      const { pid } = alive()[0]!;
      one.connection.abort();
      await until("it has ended", () => !isThere(pid!));
    }
    await until("both are counted", () => server.stats.failed === 2);
    // It was not the server's end that ended them.
    assert.deepEqual(await server.close(), { drained: 0, aborted: 0 });
  });
});

test("exec: a status other than 0 is counted", async () => {
  const command = ["sh", "-c", "read line; exit $line"];
  await withProgram(command, {}, async ({ client, server }) => {
    for (const status of [0, 3, 0, 127]) {
      const one = await client();
      await one.say(String(status));
      assert.equal(await one.text(), "");
    }
    await until("all are over", () => server.stats.open === 0);
    assert.equal(server.stats.failed, 2);
    assert.equal(server.stats.children!.lost, 0);
  });
});

test("exec: closing lets a program finish", async () => {
  await withProgram(["cat"], {}, async ({ client, server }) => {
    const one = await client();
    await one.say("before");
    assert.equal(await one.line(), "before");
    const closed = server.close({ grace: 20_000 });
    await one.say("after");
    assert.equal(await one.line(), "after");
    await one.finish();
    assert.equal(await one.text(), "");
    assert.deepEqual(await closed, { drained: 1, aborted: 0 });
    assert.equal(server.stats.failed, 0);
  });
});

test("exec: behind the grace a program is asked to end", async () => {
  const script = 'trap "exit 0" TERM; echo ready; sleep 1000 & wait';
  await withProgram(["sh", "-c", script], {}, async ({ client, server }) => {
    const one = await client();
    assert.equal(await one.line(), "ready");
    assert.deepEqual(await server.close({ grace: 50 }), {
      drained: 0,
      aborted: 1,
    });
    assert.equal(server.stats.children!.killed, 0);
    assert.equal(server.stats.failed, 1);
    assert.equal(await one.line(), null);
  });
});

test("exec: what is left of a program that was asked to end goes with it", async () => {
  // Its own end leaves the other, which has the connection as well.
  const script = 'trap "exit 0" TERM; ' +
    '(trap "" TERM; echo ready; exec sleep 1000) & wait';
  await withProgram(["sh", "-c", script], {}, async ({ client, server }) => {
    const one = await client();
    assert.equal(await one.line(), "ready");
    await server.close({ grace: 50 });
    assert.equal(server.stats.children!.killed, 0);
    assert.equal(await one.line(), null);
  });
});

test(
  "exec: one that does not heed that is killed with all that it started",
  linux,
  async () => {
    const script = 'trap "" TERM; sleep 1000 & echo $!; wait; wait; wait';
    await withProgram(["sh", "-c", script], {}, async (world) => {
      const { client, server, alive } = world;
      const one = await client();
      const other = Number(await one.line());
      const { pid } = alive()[0]!;
      const before = performance.now();
      assert.deepEqual(await server.close({ grace: 50 }), {
        drained: 0,
        aborted: 1,
      });
      assert.ok(performance.now() - before > 500);
      assert.equal(server.stats.children!.killed, 1);
      assert.ok(!isThere(pid!));
      await until(
        "the other is gone",
        () => ["", "Z"].includes(stateOf(other)),
      );
    });
  },
);

test("exec: no descriptor is left of a hundred programs", linux, async () => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  await withProgram(["cat"], {}, async ({ client, server }) => {
    const talk = async (at: number): Promise<void> => {
      const one = await client(at);
      await one.finish(new Uint8Array(10));
      assert.equal((await one.rest()).length, 10);
      await one.connection.close();
    };
    for (let i = 0; i < 10; i++) await talk(i % 2);
    await until("they are over", () => server.stats.open === 0);
    const before = open();
    for (let i = 0; i < 100; i++) await talk(i % 2);
    await until("they are over", () => server.stats.open === 0);
    await until("they are closed", () => open() <= before + 2);
  });
});

test("exec: standard error goes to a log, which a restart opens anew", async () => {
  const command = ["sh", "-c", "read line; echo $line >&2"];
  await withProgram(
    command,
    (directory) => ({ log: join(directory, "log") }),
    async (world) => {
      const { client, server, directory } = world;
      const [log, old] = [join(directory, "log"), join(directory, "old")];
      const say = async (line: string): Promise<void> => {
        const one = await client();
        await one.say(line);
        assert.equal(await one.text(), "");
      };
      await say("one");
      await say("two");
      assert.equal(readFileSync(log, "utf8"), "one\ntwo\n");
      writeFileSync(old, "");
      rmSync(log);
      server.restart();
      await say("three");
      assert.equal(readFileSync(log, "utf8"), "three\n");
      for (const each of [log, old]) rmSync(each);
    },
  );
});

test("exec: a program runs in the directory that is asked for", async () => {
  await withProgram(["pwd"], { cwd: "/" }, async ({ client }) => {
    assert.equal(await (await client()).text(), "/\n");
  });
  const root = { href: "file:///" };
  await withProgram(["pwd"], { cwd: root }, async ({ client }) => {
    assert.equal(await (await client()).text(), "/\n");
  });
});

test("exec: a program that goes while the server stands costs its connections", async () => {
  const name = (directory: string): string => join(directory, "program");
  await withProgram(
    (directory) => {
      writeFileSync(name(directory), "#!/bin/sh\necho hello\n", {
        mode: 0o700,
      });
      return [name(directory)];
    },
    (directory) => ({ log: join(directory, "log"), onError: () => {} }),
    async ({ client, server, directory }) => {
      assert.equal(await (await client()).text(), "hello\n");
      rmSync(name(directory));
      for (let i = 0; i < 5; i++) {
        assert.equal(await (await client(i % 2)).text(), "");
      }
      await until("they are counted", () => server.stats.failed === 5);
      rmSync(join(directory, "log"));
    },
  );
});

test("exec: what is not there is told before anything listens", async () => {
  const cases: [string[], ExecOptions, SockeyeError["code"], RegExp][] = [
    [["no-such-program"], {}, "ENOENT", /the program no-such-program/],
    [["/no/such/program"], {}, "ENOENT", /the program \/no\/such/],
    [["./program"], { cwd: "/" }, "ENOENT", /the program \.\/program/],
    [["/etc/passwd"], {}, "EACCES", /the program \/etc\/passwd/],
    [["/etc"], {}, "EACCES", /the program \/etc/],
    [["cat"], { env: { PATH: "/etc:/nowhere" } }, "ENOENT", /program cat/],
    [["cat"], { cwd: "/no/such" }, "ENOENT", /the directory \/no\/such/],
    [["cat"], { cwd: "/etc/passwd" }, "ENOTDIR", /the directory/],
    [["cat"], { log: "/no/such/log" }, "ENOENT", /the log/],
    [["cat"], { log: "/" }, "EISDIR", /the log/],
  ];
  for (const [command, options, code, message] of cases) {
    await assert.rejects(
      serveExec("tcp://:0", command, { ...options, signals: false }),
      (error) => {
        assert.ok(error instanceof SockeyeError);
        assert.equal(error.code, code, error.message);
        assert.match(error.message, /^Cannot serve by /);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test("exec: what cannot be an argument, a variable or a path is refused", async () => {
  const commands: unknown[] = [[], [""], ["a\0"], ["a", "\0"], "cat", [
    "cat",
    1,
  ], null];
  for (const command of commands) {
    await assert.rejects(serveExec("tcp://:0", command as string[]), {
      code: "EINVAL",
    });
  }
  const wrong: [name: keyof ExecOptions, ...values: unknown[]][] = [
    ["env", 1, null, { "": "a" }, { "a=b": "c" }, { "a\0": "b" }, { a: "\0" }, {
      a: 1,
    }],
    ["cwd", "", "a\0b", 1, { href: "https://example.com/" }, {
      href: "file:///%00",
    }],
    ["log", "", "a\0b", true],
    ["maxChildren", 0, 1.5, "2", NaN],
    ["grace", -1, NaN],
    ["signals", 1],
  ];
  for (const [name, ...values] of wrong) {
    for (const value of values) {
      await assert.rejects(
        serveExec("tcp://:0", ["cat"], { signals: false, [name]: value }),
        { code: "EINVAL", message: new RegExp(`${name}\\S* is .*, expected `) },
      );
    }
  }
});

test("exec: what cannot be handed over is refused, with the reason", async () => {
  for (const at of ["fifo:/tmp/none", "mem:none", "udp://:0"]) {
    await assert.rejects(serveExec(at, ["cat"], { signals: false }), {
      code: "ERR_SOCKEYE_UNSUPPORTED",
      message: /Cannot serve by a program: .* is not possible, /,
    });
  }
});

test(
  "exec: an address that is taken leaves nothing behind",
  linux,
  async () => {
    const open = (): number => readdirSync("/proc/self/fd").length;
    await withProgram(["cat"], {}, async ({ server }) => {
      const before = open();
      await assert.rejects(
        serveExec(server.addresses, ["cat"], {
          signals: false,
          log: "/dev/null",
        }),
        { code: "EADDRINUSE" },
      );
      await until("all is closed", () => open() <= before);
    });
  },
);

test("exec: abstract names, where the runtime has some", async () => {
  const name = `@sockeye-${process.pid}-exec`;
  const { unixAbstract } = (await capabilities()).features;
  const serving = serveExec(`unix:${name}`, ["env"], {
    signals: false,
    env: { PATH: process.env["PATH"] },
  });
  if (unixAbstract.support === "none") {
    return await assert.rejects(serving, { code: "ERR_SOCKEYE_UNSUPPORTED" });
  }
  const server = await serving;
  const client = new ExecClient(await connect(server.addresses[0]!));
  const { PATH: _, ...told } = variables(await client.text());
  assert.deepEqual(told, { PROTO: "UNIX", UNIXLOCALPATH: name });
  await client.connection.close();
  await server.close();
});

/** As proc(5) says: `S` sleeps, `Z` is a zombie; nothing if it is gone. */
function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.charAt(text.lastIndexOf(")") + 2);
  } catch {
    return "";
  }
}

function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    text.trim().split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
