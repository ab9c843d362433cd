/** Taking a name on disk: conversations, every fault, every death, races. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LEFTOVER_AGE, LOCK_AGE, LOCK_WAIT } from "../../core/disk_name.ts";
import { DiskNameReleaseMachine } from "../../core/disk_name/release.ts";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import {
  chances,
  Disk,
  type File,
  path,
  request,
  Starter,
} from "./disk_model.ts";

const lock = `${path}.lock`;
/** What `random: 0.5` names; the next is `i00001`. */
const temporary = "run/.ski00000";

/** What stands in the directory before a start, and how the start must end. */
interface Scenario {
  readonly wins: boolean;
  prepare(disk: Disk): void;
}

const scenarios: Record<string, Scenario> = {
  "nothing": { wins: true, prepare() {} },
  "a stale name": {
    wins: true,
    prepare: (disk) => void disk.put(path, "socket"),
  },
  "a live server": {
    wins: false,
    prepare: (disk) => void disk.put(path, "socket", { live: true }),
  },
  "a plain file": {
    wins: false,
    prepare: (disk) => void disk.put(path, "file"),
  },
  "a symbolic link": {
    wins: false,
    prepare: (disk) => void disk.put(path, "link"),
  },
  "a FIFO": { wins: false, prepare: (disk) => void disk.put(path, "fifo") },
  "a directory": {
    wins: false,
    prepare: (disk) => void disk.put(path, "directory"),
  },
  "a stale name and a dead start's lock": {
    wins: true,
    prepare(disk) {
      disk.put(path, "socket");
      disk.put(lock, "directory");
      disk.put(`${lock}/abcdef`, "socket");
    },
  },
  "a stale name and a living start's lock": {
    wins: false,
    prepare(disk) {
      disk.put(path, "socket");
      disk.put(lock, "directory");
      disk.put(`${lock}/abcdef`, "socket", { live: true });
    },
  },
  "a stale name and an old lock file": {
    wins: true,
    prepare(disk) {
      disk.put(path, "socket");
      disk.put(lock, "file", { modified: disk.now - LOCK_AGE });
    },
  },
  "a stale name and a new lock file of nobody": {
    wins: true,
    prepare(disk) {
      disk.put(path, "socket");
      disk.put(lock, "file");
    },
  },
  "a stale name and a living process's lock file": {
    wins: false,
    prepare(disk) {
      disk.put(path, "socket");
      disk.put(lock, "file", { modified: 0, held: true });
    },
  },
  "what dead starts left": {
    wins: true,
    prepare(disk) {
      const modified = disk.now - LEFTOVER_AGE;
      disk.put("run/.skaaaaaa", "directory", { modified });
      disk.put("run/.skbbbbbb", "directory", { modified });
      disk.put("run/.skbbbbbb/bbbbbb", "socket");
      disk.put("run/.skbbbbbb/bbbbbbo", "socket");
      disk.put("run/.skbbbbbb/p", "socket");
      disk.put(lock, "directory", { modified });
      disk.put(`${lock}/cccccc`, "socket");
    },
  },
};

function inScenario(name: string): Disk {
  const disk = new Disk();
  scenarios[name]!.prepare(disk);
  return disk;
}

/** Everything by name and inode: what must be the same when nothing was taken. */
function snapshot(disk: Disk): string[] {
  return disk.names().map((name) => `${name} ${disk.get(name)!.inode}`);
}

function failureOf(starter: Starter): SockeyeError {
  assert.ok(starter.end instanceof SockeyeError, `it ended ${starter.end}`);
  return starter.end;
}

/** The name stands for what this starter bound, and answers. */
function assertOwns(disk: Disk, starter: Starter): void {
  assert.equal(starter.end, "done");
  assert.equal(disk.get(path), starter.socket);
  assert.equal(starter.socket?.live, true);
  assert.equal(starter.machine.identity, `1:${starter.socket.inode}`);
}

test("a free name is bound in a directory of its own, then linked", () => {
  const disk = new Disk();
  const starter = new Starter(disk, { mode: 0o660, group: 7 }).run();
  assert.deepEqual(disk.log, [
    "makeDirectory .ski00000",
    "bind .ski00000/i00000",
    "inspect .ski00000/i00000",
    "chown .ski00000/i00000 7",
    "chmod .ski00000/i00000 660",
    "link .ski00000/i00000 → app.sock",
    "list run/",
    "unlink .ski00000/i00000",
    "removeDirectory .ski00000",
  ]);
  assertOwns(disk, starter);
  assert.equal(starter.socket?.mode, 0o660);
  assert.equal(starter.socket?.group, 7);
  assert.deepEqual(disk.names(), [path]);
});

test("a stale name is judged again inside the lock, moved aside, compared, removed", () => {
  const disk = inScenario("a stale name");
  assertOwns(disk, new Starter(disk).run());
  assert.deepEqual(disk.log.slice(4), [
    "link .ski00000/i00000 → app.sock",
    "inspect app.sock",
    "probe app.sock",
    "rename .ski00000 → app.sock.lock",
    "link app.sock.lock/i00000 → app.sock",
    "inspect app.sock",
    "probe app.sock",
    "rename app.sock → app.sock.lock/i00000o",
    "inspect app.sock.lock/i00000o",
    "unlink app.sock.lock/i00000o",
    "link app.sock.lock/i00000 → app.sock",
    "rename app.sock.lock → .ski00000",
    "list run/",
    "unlink .ski00000/i00000",
    "removeDirectory .ski00000",
  ]);
});

test("every scenario ends as it must, and leaves nothing", () => {
  for (const [name, { wins }] of Object.entries(scenarios)) {
    const disk = inScenario(name);
    const before = snapshot(disk);
    const starter = new Starter(disk).run();
    if (wins) {
      assertOwns(disk, starter);
      assert.deepEqual(disk.names(), [path], name);
    } else {
      assert.equal(failureOf(starter).code, "EADDRINUSE", name);
      assert.deepEqual(snapshot(disk), before, name);
      assert.equal(starter.socket?.live, false, name);
    }
  }
});

test("the failure says what stands there", () => {
  const said = (name: string) =>
    failureOf(new Starter(inScenario(name)).run()).message;
  assert.match(said("a live server"), /a server answers/);
  assert.match(said("a plain file"), /a plain file stands there/);
  assert.match(said("a FIFO"), /a FIFO stands there/);
  assert.match(said("a symbolic link"), /a symbolic link stands there/);
  assert.match(said("a directory"), /a directory stands there/);
  assert.match(
    said("a stale name and a living start's lock"),
    /app\.sock\.lock/,
  );
});

test("a FIFO is stale when nobody reads it, and a socket then is foreign", () => {
  const disk = new Disk();
  disk.put(path, "fifo");
  assertOwns(disk, new Starter(disk, { kind: "fifo" }).run());
  const other = inScenario("a stale name");
  assert.match(
    failureOf(new Starter(other, { kind: "fifo" }).run()).message,
    /a socket stands there/,
  );
});

test("what a probe says decides", () => {
  const table: [ErrorCode, ErrorCode, RegExp][] = [
    ["EAGAIN", "EADDRINUSE", /a server answers/],
    ["EACCES", "EADDRINUSE", /EACCES/],
    ["EPROTO", "EADDRINUSE", /EPROTO/],
    ["EMFILE", "EMFILE", /cannot be asked/],
    ["ENOMEM", "ENOMEM", /cannot be asked/],
  ];
  for (const [answer, code, message] of table) {
    const disk = inScenario("a stale name");
    const starter = new Starter(disk);
    while (starter.machine.pollEffect().do !== "probe") starter.step();
    starter.step(answer);
    starter.run();
    assert.equal(failureOf(starter).code, code, answer);
    assert.match(failureOf(starter).message, message);
    assert.deepEqual(disk.names(), [path]);
  }
});

test("a living start's lock is waited for, and the wait has a bound", () => {
  const disk = inScenario("a stale name and a living start's lock");
  const began = disk.now;
  new Starter(disk).run();
  const waited = disk.now - began;
  assert.ok(waited >= LOCK_WAIT && waited < LOCK_WAIT + 1000, `${waited} ms`);
  const probes = disk.log.filter((line) => line.startsWith("probe"));
  assert.ok(probes.length < 40, `${probes.length} empty connections`);

  // A lock file that names nobody is broken when it has come of age.
  const third = inScenario("a stale name and a new lock file of nobody");
  const then = third.now;
  assertOwns(third, new Starter(third).run());
  assert.ok(third.now - then >= LOCK_AGE, `${third.now - then} ms`);

  const other = inScenario("a stale name and a living start's lock");
  const starter = new Starter(other);
  while (starter.machine.pollEffect().do !== "wait") starter.step();
  other.remove(`${lock}/abcdef`);
  other.remove(lock);
  starter.run();
  assertOwns(other, starter);
});

test("a dead start's lock that cannot be removed is waited for, not fought", () => {
  const disk = inScenario("a stale name and a dead start's lock");
  const starter = new Starter(disk);
  while (starter.end === undefined) {
    const effect = starter.machine.pollEffect();
    const locked = effect.do === "unlink" && effect.path.startsWith(lock);
    starter.step(locked ? "EACCES" : undefined);
    assert.ok(starter.steps < 500, `${starter.steps} effects`);
  }
  assert.equal(failureOf(starter).code, "EADDRINUSE");
});

test("young leftovers, live ones and other people's directories stay", () => {
  const disk = new Disk();
  const modified = disk.now - LEFTOVER_AGE;
  disk.put("run/.skaaaaaa", "directory", { modified: modified + 1 });
  disk.put("run/.skbbbbbb", "directory", { modified });
  disk.put("run/.skbbbbbb/bbbbbb", "socket", { live: true });
  disk.put("run/.skcccccc", "directory", { modified, uid: 0 });
  disk.put("run/.skdddddd", "directory", { modified });
  disk.put("run/.skdddddd/precious", "file", { modified });
  disk.put("run/.skeeeeee", "directory", { modified });
  disk.put("run/.skeeeeee/eeeeee", "file", { modified });
  disk.put("run/.skffffff", "file", { modified });
  disk.put("run/.skgggggg", "directory", { modified });
  disk.put("run/.skgggggg/others.sock", "socket", { modified });
  disk.put("run/.sk-not-so", "directory", { modified });
  disk.put(`${lock}`, "file", { modified: 0 });
  const before = snapshot(disk);
  assertOwns(disk, new Starter(disk).run());
  disk.remove(path);
  assert.deepEqual(snapshot(disk), before);
});

test("a start whose directory was swept under it starts again", () => {
  for (let swept = 1; swept < 8; swept++) {
    const disk = inScenario("a stale name");
    const starter = new Starter(disk);
    for (let step = 0; step < swept; step++) starter.step();
    for (const name of disk.names()) {
      if (name.startsWith(temporary)) disk.remove(name);
    }
    starter.run();
    // Between bind and link nothing but chmod and inspect can notice it.
    if (starter.end === "done") assertOwns(disk, starter);
    else assert.equal(failureOf(starter).code, "ENOENT", String(swept));
    assert.equal(disk.names().length, 1);
  }
});

test("a temporary name that is taken is left alone", () => {
  const disk = new Disk();
  disk.put(temporary, "file");
  assertOwns(disk, new Starter(disk).run());
  assert.deepEqual(disk.names(), [temporary, path]);
});

test("paths are measured in bytes, the temporary one too", () => {
  const length = (path: string) =>
    new Starter(new Disk(), { path }).end as SockeyeError | undefined;
  assert.equal(length(`run/${"x".repeat(103)}`), undefined);
  assert.equal(length(`run/${"x".repeat(104)}`)?.code, "ENAMETOOLONG");
  assert.equal(length(`run/${"ö".repeat(51)}x`), undefined);
  assert.equal(length(`run/${"ö".repeat(52)}`)?.code, "ENAMETOOLONG");
  assert.equal(length(`${"d".repeat(90)}/s`), undefined);
  assert.match(length(`${"d".repeat(91)}/s`)!.message, /directory's path/);
});

test("a FIFO's path is measured with the names of its clients' beside it", () => {
  const length = (path: string) =>
    new Starter(new Disk(), { kind: "fifo", path }).end as
      | SockeyeError
      | undefined;
  assert.equal(length(`run/${"x".repeat(207)}`), undefined);
  assert.equal(length(`run/${"x".repeat(208)}`)?.code, "ENAMETOOLONG");
  assert.equal(length(`${"d".repeat(150)}/s`), undefined);
});

test("a relative path without a directory stays relative", () => {
  const disk = new Disk();
  const starter = new Starter(disk, { path: "app.sock" });
  assert.deepEqual(starter.machine.pollEffect(), {
    do: "makeDirectory",
    path: ".ski00000",
  });
});

test("after the end no result is taken", () => {
  const starter = new Starter(new Disk()).run();
  assert.throws(
    () => starter.machine.handleDone(0),
    { code: "ERR_SOCKEYE_STATE" },
  );
  starter.machine.cancel();
  assert.equal(starter.end, "done");
});

const codes: readonly ErrorCode[] = [
  "EACCES",
  "EADDRINUSE",
  "EAGAIN",
  "ECONNREFUSED",
  "EEXIST",
  "EIO",
  "EISDIR",
  "EMFILE",
  "ENOENT",
  "ENOSPC",
  "ENOTDIR",
  "ENXIO",
  "EPERM",
  "EROFS",
  "ERR_SOCKEYE_UNSUPPORTED",
];

/** Effects that undo: when they fail, something of ours may be left. */
const undoing = /^(unlink|removeDirectory|unbind|rename app\.sock\.lock →)/;

/** These are no faults but answers, and others are asked in other tests. */
function isAnswer(effect: string, code: ErrorCode): boolean {
  return effect.startsWith("probeHolder") ||
    (effect.startsWith("probe ") && code === "ECONNREFUSED");
}

/** Files of others, and names of ours that were there. */
function assertNothingLost(disk: Disk, before: Map<string, File>): void {
  for (const [name, file] of before) {
    const ours = file.kind === "socket" && !file.live ||
      name.startsWith("run/.sk") || name === lock;
    if (!ours) assert.equal(disk.get(name), file, `${name} was touched`);
  }
}

test("every effect fails in every way: it ends, and loses nothing of others", () => {
  let runs = 0;
  for (const [name, scenario] of Object.entries(scenarios)) {
    const steps = new Starter(inScenario(name)).run().steps;
    for (let step = 0; step < steps; step++) {
      for (const code of codes) {
        runs++;
        const disk = inScenario(name);
        const before = new Map(disk.names().map((at) => [at, disk.get(at)!]));
        const starter = new Starter(disk);
        for (let done = 0; done < step; done++) starter.step();
        starter.step(code);
        const failed = disk.log.at(-1)!;
        if (isAnswer(failed, code)) continue;
        starter.run();
        const what = `${name}: ${failed} gives ${code}`;
        assertNothingLost(disk, before);
        if (starter.end === "done") assertOwns(disk, starter);
        else if (!undoing.test(failed)) {
          assert.equal(starter.socket?.live ?? false, false, what);
        }
        if (undoing.test(failed)) continue;
        const left = disk.names().filter((at) =>
          at.startsWith(temporary) || at.startsWith("run/.ski00001")
        );
        assert.deepEqual(left, [], what);
        if (!scenario.wins) assert.notEqual(starter.end, "done", what);
      }
    }
  }
  assert.ok(runs > 1000, `${runs} runs`);
});

test("given up at any point, it leaves everything as it was", () => {
  for (const name of Object.keys(scenarios)) {
    const steps = new Starter(inScenario(name)).run().steps;
    for (let step = 0; step < steps; step++) {
      const disk = inScenario(name);
      const starter = new Starter(disk);
      for (let done = 0; done < step; done++) starter.step();
      starter.machine.cancel();
      starter.run();
      const what = `${name}, ${step}`;
      const left = disk.names().filter((at) => at.startsWith(temporary));
      assert.deepEqual(left, [], what);
      if (starter.end === "done") assertOwns(disk, starter);
      else {
        assert.equal(starter.socket?.live ?? false, false, what);
        assert.notEqual(disk.get(path), starter.socket ?? null, what);
      }
    }
  }
});

test("killed at any point, the next start takes the name and leaves nothing", () => {
  for (const [name, { wins }] of Object.entries(scenarios)) {
    const steps = new Starter(inScenario(name)).run().steps;
    for (let step = 0; step <= steps; step++) {
      const disk = inScenario(name);
      const victim = new Starter(disk, { random: 0.25 });
      for (let done = 0; done < step; done++) victim.step();
      victim.kill();
      disk.now += LEFTOVER_AGE;
      const next = new Starter(disk).run();
      const what = `${name}, killed after ${step}: ${disk.log.at(step - 1)}`;
      if (!wins) {
        assert.equal(failureOf(next).code, "EADDRINUSE", what);
        continue;
      }
      assertOwns(disk, next);
      assert.deepEqual(disk.names(), [path], what);
    }
  }
});

/** Lets all of them go on, as `choose` says, until each is at its end or dead. */
function race(starters: Starter[], choose: (open: number) => number): void {
  for (let step = 0; step < 20_000; step++) {
    const open = starters.filter(({ end, dead }) => !end && !dead);
    if (open.length === 0) return;
    open[choose(open.length)]!.step();
  }
  throw new Error("The race does not come to an end");
}

function assertOneWon(disk: Disk, starters: Starter[], what: string): void {
  const winners = starters.filter(({ end }) => end === "done");
  assert.equal(winners.length, 1, `${what}: ${winners.length} won`);
  assertOwns(disk, winners[0]!);
  for (const { end, dead } of starters) {
    if (end instanceof SockeyeError && !dead) {
      assert.equal(end.code, "EADDRINUSE", `${what}: ${end.message}`);
    }
  }
}

const contested = [
  "nothing",
  "a stale name",
  "a stale name and a dead start's lock",
  "a stale name and an old lock file",
];

test("of two starts exactly one wins, wherever they take turns (three changes)", () => {
  let runs = 0;
  for (const name of contested) {
    const steps = new Starter(inScenario(name)).run().steps + 8;
    for (let first = 0; first < steps; first++) {
      for (let second = 0; second < steps; second += 2) {
        for (let third = 1; third < steps; third += 5) {
          runs++;
          const disk = inScenario(name);
          const starters = [
            new Starter(disk, { random: 0.25 }),
            new Starter(disk, { random: 0.75 }),
          ];
          const parts = [first, second, third];
          let turn = 0;
          race(starters, (open) => {
            while (turn < parts.length && parts[turn]! <= 0) turn++;
            if (turn < parts.length) parts[turn]!--;
            return turn % open;
          });
          assertOneWon(disk, starters, `${name} ${first} ${second} ${third}`);
          assert.deepEqual(disk.names(), [path]);
        }
      }
    }
  }
  assert.ok(runs > 2000, `${runs} runs`);
});

test("of many starts exactly one wins, whoever goes next (2,000 seeds)", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const chance = chances(seed);
    const disk = inScenario(contested[seed % contested.length]!);
    const starters = Array.from(
      { length: 2 + seed % 4 },
      () => new Starter(disk, { random: chance() }),
    );
    race(starters, (open) => Math.floor(chance() * open));
    assertOneWon(disk, starters, `seed ${seed}`);
    assert.deepEqual(disk.names(), [path], `seed ${seed}`);
  }
});

test("some are killed on the way: never two own the name (2,000 seeds)", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const chance = chances(seed);
    const disk = inScenario(contested[seed % contested.length]!);
    const starters = Array.from(
      { length: 4 },
      () => new Starter(disk, { random: chance() }),
    );
    const doomed = new Set([1 + Math.floor(chance() * 3)]);
    race(starters, (open) => {
      for (const index of doomed) {
        if (chance() < 0.05 && starters[index]!.end !== "done") {
          starters[index]!.kill();
        }
      }
      const living = starters.filter(({ end, dead }) => !end && !dead);
      return Math.floor(chance() * Math.max(1, Math.min(open, living.length)));
    });
    const owners = starters.filter((starter) => starter.end === "done");
    assert.ok(owners.length <= 1, `seed ${seed}`);
    if (owners.length === 1) assertOwns(disk, owners[0]!);
    disk.now += LEFTOVER_AGE;
    const last = new Starter(disk, { random: chance() }).run();
    if (owners.length === 0) assertOwns(disk, last);
    else owners[0]!.kill();
    disk.now += LEFTOVER_AGE;
    new Starter(disk, { random: chance() }).run();
    assert.equal(disk.get(path)?.live, true, `seed ${seed}`);
  }
});

test("a stranger who replaces the name meanwhile keeps it", () => {
  const steps = new Starter(inScenario("a stale name")).run().steps;
  for (const kind of ["socket", "file"] as const) {
    for (let when = 0; when < steps; when++) {
      const disk = inScenario("a stale name");
      const starter = new Starter(disk);
      for (let step = 0; step < when; step++) starter.step();
      if (disk.get(path) === starter.socket) break;
      const stranger = disk.put(path, kind, { live: kind === "socket" });
      starter.run();
      assert.equal(failureOf(starter).code, "EADDRINUSE", `${kind} ${when}`);
      assert.equal(disk.get(path), stranger, `${kind} after ${when} steps`);
      assert.deepEqual(disk.names(), [path]);
    }
  }
});

test("given up behind the link, it removes no stranger's file", () => {
  const disk = new Disk();
  const starter = new Starter(disk);
  while (disk.get(path) === undefined) starter.step();
  const stranger = disk.put(path, "socket", { live: true });
  starter.machine.cancel();
  starter.run();
  assert.equal(disk.get(path), stranger);
  assert.deepEqual(disk.names(), [path]);
});

test("a stranger who comes while another's file is aside: nothing is deleted", () => {
  const disk = inScenario("a stale name");
  const starter = new Starter(disk);
  const until = (line: RegExp) => {
    do starter.step(); while (!line.test(disk.log.at(-1)!));
  };
  until(/^rename \.sk/);
  until(/^probe/);
  const first = disk.put(path, "socket", { live: true });
  until(/^rename app\.sock →/);
  const second = disk.put(path, "socket", { live: true });
  starter.run();
  assert.equal(disk.get(path), second);
  assert.deepEqual(disk.namesOf(first), [`${temporary}/i00000o`]);
  assert.match(failureOf(starter).message, /\.ski00000\/i00000o/);
});

test("a name is given back only while it stands for what was bound", () => {
  const found = { kind: "socket", identity: "1:5", uid: 0, age: 0 } as const;
  const release = () => new DiskNameReleaseMachine(path, "1:5");
  const ours = release();
  assert.deepEqual(ours.pollEffect(), { do: "inspect", path });
  ours.handleInspected(found);
  assert.deepEqual(ours.pollEffect(), { do: "unlink", path });
  ours.handleOther();
  assert.deepEqual(ours.pollEffect(), { do: "done" });
  const newer = release();
  newer.handleInspected({ ...found, identity: "1:6" });
  assert.deepEqual(newer.pollEffect(), { do: "done" });
  const gone = release();
  gone.handleOther();
  assert.deepEqual(gone.pollEffect(), { do: "done" });
  assert.equal(request.mode, 0o600);
});
