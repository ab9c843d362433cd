/** The limit of processes (RLIMIT_NPROC, setrlimit(2)): accepting waits, and the server lives. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  exampleCommand,
  onStage,
  type Server,
} from "../../examples/programs.ts";
import { forking, until } from "../fixtures.ts";
import {
  closedOf,
  idOf,
  linux,
  serverCommand,
  startServer,
  statsOf,
} from "./stage.ts";

/** A user that nobody is: root has no such limit. */
const user = 12003;
const asUser = [
  "setpriv",
  `--reuid=${user}`,
  `--regid=${user}`,
  "--clear-groups",
  "--",
];

const limited = { ...linux, timeout: 120_000 };
limited.skip ||= whyNot();

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return "needs root, to be another user";
  // 1.4.4: "panic(main thread): abort() called", when its engine wants a thread.
  if ("bun" in process.versions) return "Bun itself aborts at the limit";
  const file = serverCommand({}, []).find((word) =>
    /server\.(ts|js)$/.test(word)
  )!;
  const may = (...command: string[]): boolean =>
    spawnSync("setpriv", [...asUser.slice(1), ...command]).status === 0;
  if (!may("prlimit")) return "needs setpriv and prlimit";
  return may("test", "-r", file) ? false : "other users cannot read the tests";
}

function tasksOf(process: number | string): number {
  try {
    return readdirSync(`/proc/${process}/task`).length;
  } catch {
    return 0; // It has just ended.
  }
}

/** Processes and threads of that user. */
function tasksOfUser(): number {
  const isTheirs = (name: string): boolean =>
    /^\d+$/.test(name) &&
    statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid === user;
  return readdirSync("/proc").filter(isTheirs)
    .reduce((sum, name) => sum + tasksOf(name), 0);
}

/** Lets a server and its children have so many tasks. */
function limit(server: Server, tasks: number): void {
  const [command = "", ...args] = [...asUser, "prlimit", `--nproc=${tasks}:`];
  // That is for its own user to do: root may lack CAP_SYS_RESOURCE.
  execFileSync(command, [...args, `--pid=${idOf(server)}`]);
}

/** Says who serves it, and then echoes lines. */
const talker = `
s = connect(sys.argv[1])
s.sendall(b"id\\n")
say("served by", s.recv(100).decode().strip())
while hear():
    s.sendall(b"more\\n")
    say(s.recv(100).decode().strip())
`;

for (const strategy of forking) {
  // With room for some tasks a child starts, and its runtime finds no room for
  // its threads.
  for (const more of [0, 2]) {
    test(
      `${strategy}: at the limit of processes, with room for ${more} tasks, whoever comes waits`,
      limited,
      onStage(async (stage) => {
        stage.open();
        const server = await startServer(
          stage,
          // A child of Node that has no room for its threads waits for ever.
          { strategy, startTimeout: 5000 },
          asUser,
        );
        const first = stage.python(talker, server.addresses[0]!);
        const pid = Number((await first.said("served by")).split(" ").at(-1));
        await until("nobody starts", async () => {
          const { alive } = (await statsOf(server)).children!;
          return alive.every(({ state }) => state !== "starting");
        });
        const { failed, alive } = (await statsOf(server)).children!;
        const victims = strategy === "process"
          ? []
          : alive.map((child) => child.pid!).filter((each) => each !== pid);
        const room = victims.reduce((sum, each) => sum + tasksOf(each), -more);
        limit(server, tasksOfUser() - room);
        for (const each of victims) process.kill(each, "SIGKILL");
        const others = Array.from(
          { length: 4 },
          (_, i) => stage.python(talker, server.addresses[i % 2]!),
        );
        await until(
          "starts have failed",
          async () => (await statsOf(server)).children!.failed >= failed + 2,
        );
        // Whom it has, it serves.
        first.write("go on\n");
        await first.said("more");
        const { children } = await statsOf(server);
        assert.ok(children!.started - children!.reaped <= 64);
        limit(server, 10_000);
        for (const other of others) await other.said("served by");
        for (const other of [first, ...others]) other.end("\n");
        server.signal("SIGTERM");
        assert.equal(await server.ended(), 0, server.errors);
        assert.equal(closedOf(server).error, undefined);
      }),
    );
  }
}

/** The same, and says before when it has come. */
const comer = `
s = connect(sys.argv[1])
say("connected")
s.sendall(b"id\\n")
say("served by", s.recv(100).decode().strip())
while hear():
    s.sendall(b"more\\n")
    say(s.recv(100).decode().strip())
`;

test(
  "exec: at the limit of processes whoever comes waits",
  limited,
  onStage(async (stage) => {
    stage.open();
    const command = [...exampleCommand("exec"), "tcp://:0", "--", "cat"];
    const program = stage.start([...asUser, ...command]);
    await program.said("parent ");
    const listening = await program.said("listening ");
    const addresses = [listening.slice("listening ".length)];
    const server: Server = Object.assign(program, { addresses });
    const first = stage.python(comer, addresses[0]!);
    await first.said("served by");
    limit(server, tasksOfUser());
    const others = Array.from(
      { length: 4 },
      () => stage.python(comer, addresses[0]!),
    );
    for (const other of others) await other.said("connected");
    // Whom it has, it serves.
    first.write("go on\n");
    await first.said("more");
    for (const { lines } of others) assert.deepEqual(lines, ["connected"]);
    limit(server, 10_000);
    for (const other of others) await other.said("served by");
    for (const other of [first, ...others]) other.end("\n");
    for (const other of others) await other.ended();
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.errors);
    assert.equal(server.errors, "");
    assert.equal(server.lines.at(-2), "programs: 5 run, 0 failed");
  }),
);
