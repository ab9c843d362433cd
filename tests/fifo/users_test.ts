/** Several users, and directories that take no file. As root alone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { connect, listen } from "../../mod.ts";
import { fifoPrelude } from "../../conformance/programs/fifo.ts";
import { needs } from "../examples/peers.ts";
import {
  codeOf,
  echo,
  inPlace,
  isServed,
  programCommand,
  rootOnly,
  until,
  withPrograms,
} from "./fixtures.ts";

const users = rootOnly.skip ? rootOnly : needs("python3");

/** A client that is another user; the pair is made by these lines. */
const clientOf = (change: string) =>
  `${fifoPrelude}
${change}
try:
    r, w = connect(sys.argv[1], 5)
    os.write(w, b"hello"); say(exactly(r, 5).decode())
except OSError as error: say(errno.errorcode[error.errno])
`;

/** Everybody may make files there, and remove only their own. */
function open(directory: string): void {
  chmodSync(directory, 0o1777);
}

test(
  "whoever the mode lets in connects, and the pair's owner is who it is",
  users,
  () =>
    inPlace(({ path, directory, address, names }) =>
      withPrograms(async (start) => {
        open(directory);
        const listener = await listen(address, { mode: 0o622 });
        const client = start(
          "python3",
          "-c",
          clientOf("os.setuid(1234)"),
          path,
        );
        const connection = await listener.accept();
        assert.equal(connection.credentials?.uid, 1234);
        assert.equal(connection.credentials?.claimedPid, client.pid);
        await connection.write(new TextEncoder().encode("right"));
        assert.equal(await client.line(), "right");
        await connection.close();
        await until(() => names().length === 1, "the pair to go");
        await listener.close();
      })
    ),
);

test(
  "only whom allowUsers names; the others are told EACCES, and the server who",
  users,
  () =>
    inPlace(({ path, directory, address, names }) =>
      withPrograms(async (start) => {
        open(directory);
        const { server, refused } = await echo(address, {
          mode: 0o622,
          allowUsers: [0, 1234],
        });
        const allowed = clientOf("os.setuid(1234)");
        assert.equal(
          await start("python3", "-c", allowed, path).line(),
          "hello",
        );
        const other = clientOf("os.setuid(1235)");
        assert.equal(
          await start("python3", "-c", other, path).line(),
          "EACCES",
        );
        assert.deepEqual(refused.map(({ code }) => code), ["EACCES"]);
        assert.match(refused[0]!.message, /user 1235 may not connect/);
        await isServed(address);
        await until(() => names().length === 1, "the pairs to go");
        await server.close();
      })
    ),
);

test(
  "a rendezvous of mode 0600 lets in nobody else",
  users,
  () =>
    inPlace(({ path, directory, address }) =>
      withPrograms(async (start) => {
        open(directory);
        const { server, refused } = await echo(address);
        const other = clientOf("os.setuid(1234)");
        assert.equal(
          await start("python3", "-c", other, path).line(),
          "EACCES",
        );
        assert.deepEqual(refused, []);
        await server.close();
      })
    ),
);

test(
  "another user's FIFO in a pair proves nobody",
  users,
  () =>
    inPlace(({ path, directory, address, names }) =>
      withPrograms(async (start) => {
        open(directory);
        const { server, refused } = await echo(address, { mode: 0o622 });
        // The client holds s2c as itself, c2s is somebody else's.
        const mixed = clientOf(`
mkfifo = os.mkfifo
def made(path, mode):
    mkfifo(path, mode)
    if path.endswith("c2s"): os.chown(path, 1234, 1234)
os.mkfifo = made
`);
        assert.equal(await start("python3", "-c", mixed, path).line(), "EPERM");
        assert.equal(refused[0]?.code, "EPERM");
        assert.match(refused[0]!.message, /belong to two users/);
        await until(() => names().length === 1, "the pair to go");
        await server.close();
      })
    ),
);

test(
  "with a group in common: the rendezvous is 0620, and the pair may be 0660",
  users,
  () =>
    inPlace(({ path, directory, address, names }) =>
      withPrograms(async (start) => {
        open(directory);
        const listener = await listen(address, { mode: 0o620, group: 4321 });
        const member = `os.setgroups([4321]); os.setuid(1234)
mkfifo = os.mkfifo
def made(path, mode):
    mkfifo(path, mode); os.chown(path, -1, GROUP); os.chmod(path, 0o660)
os.mkfifo = made`;
        const good = clientOf(member.replace("GROUP", "4321"));
        const client = start("python3", "-c", good, path);
        const connection = await listener.accept();
        assert.equal(connection.credentials?.uid, 1234);
        await connection.write(new TextEncoder().encode("right"));
        assert.equal(await client.line(), "right");
        await connection.close();
        // Another group of the client's is none of the listener's.
        const bad = clientOf(
          member.replace("[4321]", "[4321, 4322]").replace("GROUP", "4322"),
        );
        assert.equal(await start("python3", "-c", bad, path).line(), "EPERM");
        await until(() => names().length === 1, "the pairs to go");
        await listener.close();
      })
    ),
);

test(
  "the client says whom it expects",
  rootOnly,
  () =>
    inPlace(async ({ path, address, names }) => {
      const { server } = await echo(address);
      chownSync(path, 1234, 1234);
      assert.equal(
        await codeOf(connect(address, { expectServer: 0 })),
        "EACCES",
      );
      assert.deepEqual(names(), ["app"]);
      chownSync(path, 0, 0);
      const client = await connect(address, { expectServer: 0 });
      await client.close();
      await server.close();
    }),
);

test(
  "a server of another user that is not root could not open our FIFOs: told at once",
  rootOnly,
  () =>
    inPlace(async ({ path, address, names }) => {
      const { server } = await echo(address);
      chownSync(path, 1234, 1234);
      const began = performance.now();
      assert.equal(await codeOf(connect(address)), "EACCES");
      assert.ok(performance.now() - began < 5000, "it waited");
      assert.deepEqual(names(), ["app"]);
      chownSync(path, 0, 0);
      await server.close();
    }),
);

test(
  "a directory that may not be written: EACCES on both sides, nothing left",
  rootOnly,
  () =>
    inPlace(({ directory, path, address, names }) =>
      withPrograms(async (start) => {
        // Root without its privileges is bound by modes.
        const bound = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
        const once = [...bound, ...programCommand("connect_once")];
        const { server } = await echo(address);
        chmodSync(directory, 0o555);
        const client = await start(...once, "connect", address).line();
        assert.match(client, /^EACCES Cannot connect to fifo:.*: permission/);
        assert.match(client, /pair of FIFOs cannot be made/);
        const other = await start(...once, "listen", `fifo:${path}2`).line();
        assert.match(other, /^EACCES Cannot listen on fifo:.*: permission/);
        assert.deepEqual(names(), ["app"]);
        chmodSync(directory, 0o755);
        await server.close();
      })
    ),
);

test(
  "a full directory: ENOSPC on both sides, nothing left",
  mountable(),
  () =>
    inPlace(async ({ directory }) => {
      const mounted = `${directory}/full`;
      mkdirSync(mounted);
      // Its root is one, and so is each further name of a file (tmpfs(5)): a start
      // fails at its directory, at its FIFO, at its name; a client at its s2c.
      for (const inodes of [1, 2, 3, 6]) {
        const options = `size=64k,nr_inodes=${inodes}`;
        execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", mounted]);
        try {
          const address = `fifo:${mounted}/app`;
          if (inodes < 6) assert.equal(await codeOf(listen(address)), "ENOSPC");
          else {
            const { server } = await echo(address);
            const fillers = ["1", "2", "3"].map((name) => `${mounted}/${name}`);
            for (const filler of fillers) writeFileSync(filler, "");
            assert.equal(await codeOf(connect(address)), "ENOSPC");
            for (const filler of fillers) rmSync(filler);
            await isServed(address);
            await server.close();
          }
          assert.deepEqual(readdirSync(mounted), []);
        } finally {
          execFileSync("umount", [mounted]);
        }
      }
      rmdirSync(mounted);
    }),
);

function mountable(): { skip: string | false } {
  if (rootOnly.skip) return rootOnly;
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], {
      stdio: "ignore",
    });
    return { skip: false };
  } catch {
    return { skip: "needs to mount a small file system" };
  }
}
