/** `examples/print_service.ts` and `print_job.ts`: every transport, all runtimes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { alice, bob, withUsers } from "../credentials_peers.ts";
import { needs } from "./peers.ts";
import {
  everyCommand,
  exampleCommand,
  onStage,
  type Program,
  type Server,
  type Stage,
} from "./programs.ts";

const transports = ["unix", "tcp", "fifo"] as const;

function addressOf(transport: string, stage: Stage): string {
  if (transport === "tcp") return "tcp://:0";
  return stage.unix().replace("unix:", `${transport}:`);
}

/** A file in the working directory of the programs, gone before the test's end. */
function file(
  stage: Stage,
  name: string,
  bytes: Uint8Array | string,
): string {
  const path = join(stage.directory, name);
  writeFileSync(path, bytes);
  return path;
}

function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Who sent each job, and what: `client 1, user 0, process 7`, `"a", 5 bytes, …`. */
function jobsOf(server: Program): { who: string; what: string }[] {
  return server.lines.flatMap((line) => {
    const [, who, what] = /^job \d+ from (.*?): (".*)$/.exec(line) ?? [];
    return who === undefined || what === undefined ? [] : [{ who, what }];
  });
}

async function endWell(server: Server): Promise<void> {
  server.signal("SIGTERM");
  assert.equal(await server.ended(), 0, server.errors);
  assert.equal(server.errors, "");
  assert.match(
    server.lines.at(-1)!,
    /^closed: \d+ jobs, 0 drained, 0 aborted$/,
  );
}

for (const transport of transports) {
  test(
    `print over ${transport}: jobs of five clients at once are whole, and in order for each`,
    onStage(async (stage) => {
      const big = randomBytes(10_000_000), binary = randomBytes(70_000);
      const texts: [string, Uint8Array | string][] = [
        ["big", big],
        ["empty", ""],
        ["binary", binary],
        ["a name, with \u00e4 and spaces", "text\n"],
      ];
      const paths = texts.map(([name, bytes]) => file(stage, name, bytes));
      const expected = texts.map(([name, bytes]) =>
        `${JSON.stringify(name)}, ${Buffer.from(bytes).length} bytes, sha256 ${
          sha256(bytes)
        }`
      );
      const at = addressOf(transport, stage);
      const server = await stage.serve("print_service", at);
      const clients = Array.from(
        { length: 5 },
        () => stage.example("print_job", server.addresses[0]!, ...paths),
      );
      for (const client of clients) {
        assert.equal(await client.ended(), 0, client.errors);
        assert.equal(client.errors, "");
        assert.equal(client.lines.length, paths.length);
      }
      const jobs = jobsOf(server);
      assert.equal(jobs.length, clients.length * paths.length);
      const senders = new Set(jobs.map(({ who }) => who));
      assert.equal(senders.size, clients.length);
      for (const sender of senders) {
        assert.deepEqual(
          jobs.filter(({ who }) => who === sender).map(({ what }) => what),
          expected,
        );
      }
      const shown = transport === "tcp"
        ? [...senders].every((who) => who.endsWith(", whoever that is"))
        : clients.every(({ pid }) =>
          [...senders].some((who) =>
            who.endsWith(`, user ${process.getuid?.()}, process ${pid}`)
          )
        );
      assert.ok(shown, [...senders].join("; "));
      await endWell(server);
      assert.equal(stage.files().length, paths.length, "only what was sent");
    }),
  );

  test(
    `print over ${transport}: a file that is not there is told, those before it are printed`,
    onStage(async (stage) => {
      const server = await stage.serve(
        "print_service",
        addressOf(transport, stage),
      );
      const first = file(stage, "first", "1");
      const last = file(stage, "last", "3");
      const missing = join(stage.directory, "missing");
      const client = stage.example(
        "print_job",
        server.addresses[0]!,
        first,
        missing,
        last,
      );
      assert.equal(await client.ended(), 1);
      assert.match(client.errors, /^.*\bmissing\b.*\n$/);
      assert.equal(client.lines.length, 1);
      assert.equal(jobsOf(server).length, 1);
      await endWell(server);
    }),
  );

  test(
    `print over ${transport}: a spooler that is killed in the middle is reported`,
    onStage(async (stage) => {
      const server = await stage.serve(
        "print_service",
        addressOf(transport, stage),
      );
      const path = file(stage, "big", randomBytes(40_000_000));
      const client = stage.example(
        "print_job",
        server.addresses[0]!,
        ...Array.from({ length: 50 }, () => path),
      );
      await client.said("job 1");
      server.signal("SIGKILL");
      assert.equal(await client.ended(), 1);
      assert.match(client.errors, /^[^\n]+\n$/, "one line");
      assert.match(
        client.errors,
        /ECONNRESET|EPIPE|ERR_SOCKEYE_CLOSED|spooler left/,
      );
      const nobody = stage.example("print_job", server.addresses[0]!, path);
      assert.equal(await nobody.ended(), 1);
      assert.match(nobody.errors, /^(ECONNREFUSED|ENXIO)/);
      // What it left is taken over.
      const at = transport === "tcp" ? "tcp://:0" : server.addresses[0]!;
      const next = await stage.serve("print_service", at);
      const last = stage.example(
        "print_job",
        next.addresses[0]!,
        file(stage, "small", "small"),
      );
      assert.equal(await last.ended(), 0, last.errors);
      await endWell(next);
      assert.deepEqual(stage.files().sort(), ["big", "small"]);
    }),
  );

  test(
    `print over ${transport}: SIGTERM lets a client finish its job`,
    onStage(async (stage) => {
      const server = await stage.serve(
        "print_service",
        addressOf(transport, stage),
      );
      const path = file(stage, "job", "x");
      const client = stage.example(
        "print_job",
        server.addresses[0]!,
        ...Array.from({ length: 200 }, () => path),
      );
      await client.said("job 1");
      server.signal("SIGTERM");
      assert.equal(await client.ended(), 0, client.errors);
      assert.equal(await server.ended(), 0, server.errors);
      assert.equal(jobsOf(server).length, 200);
      assert.match(server.lines.at(-1)!, /^closed: 200 jobs, . drained, 0 ab/);
      assert.deepEqual(stage.files(), ["job"]);
    }),
  );
}

test(
  "print: clients on the other runtimes",
  onStage(async (stage) => {
    const path = file(stage, "job", randomBytes(300_000));
    for (const transport of transports) {
      const at = addressOf(transport, stage);
      const server = await stage.serve("print_service", at);
      const commands = everyCommand("print_job");
      assert.ok(commands.length >= 2, "others than this runtime are there");
      for (const command of commands) {
        const client = stage.start([...command, server.addresses[0]!, path]);
        assert.equal(await client.ended(), 0, client.errors);
      }
      assert.equal(jobsOf(server).length, commands.length);
      await endWell(server);
    }
  }),
);

test(
  "print: what is no job ends its sender alone, and is told",
  needs("python3"),
  onStage(async (stage) => {
    const server = await stage.serve("print_service", "tcp://:0");
    for (
      const text of ["garbage\n", "999999999999 x\n", "12 %E0\n123456789012"]
    ) {
      const python = stage.python(
        `
s = connect(sys.argv[1])
s.sendall(sys.argv[2].encode())
try: say("got", rest(s))
except ConnectionResetError: say("got", "a reset")`,
        server.addresses[0]!,
        text,
      );
      await python.said("got");
      assert.equal(await python.ended(), 0, python.errors);
    }
    const path = file(stage, "job", "x");
    const client = stage.example("print_job", server.addresses[0]!, path);
    assert.equal(await client.ended(), 0, client.errors);
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0);
    assert.equal(server.errors.trimEnd().split("\n").length, 3, server.errors);
  }),
);

test(
  "print: users are told apart, where everybody may come",
  withUsers,
  onStage(async (stage) => {
    stage.open();
    const path = file(stage, "job", "x");
    for (const transport of ["unix", "fifo"]) {
      const at = addressOf(transport, stage);
      const server = await stage.serve("print_service", at, "--everybody");
      for (const uid of [alice, bob]) {
        const user = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`];
        const client = stage.start([
          ...user,
          "--clear-groups",
          "--",
          ...exampleCommand("print_job"),
          server.addresses[0]!,
          path,
        ], { HOME: "/", DENO_DIR: "/nowhere" });
        assert.equal(await client.ended(), 0, client.errors);
        assert.match(jobsOf(server).at(-1)!.who, new RegExp(`, user ${uid}, `));
      }
      await endWell(server);
    }
  }),
);
