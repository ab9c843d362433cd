/** One program and its connection; what it is told of that; where it is found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeError } from "../../core/error.ts";
import type { Address } from "../../core/address.ts";
import type { ChildExit } from "../../core/pool/child.ts";
import {
  ProgramRun,
  type RunInput,
  type RunOutput,
  type RunState,
  runTransitions,
} from "../../core/programs/run.ts";
import { type Found, placesOf, search } from "../../core/programs/search.ts";
import { environmentFor, ucspiOf } from "../../core/programs/ucspi.ts";

// The moves, written down a second time and by columns: a change of a cell
// must be meant.
const states: RunState[] = ["running", "asked", "closing", "over"];
const columns: Record<RunInput, (RunState | ".")[]> = {
  //       running    asked      closing  over
  late: ["asked", ".", ".", "."],
  exited: ["closing", "closing", ".", "."],
  noRoom: ["over", "closing", ".", "."],
  closed: [".", ".", "over", "."],
};

test("program: the moves, state by input", () => {
  assert.deepEqual(Object.keys(runTransitions), states);
  for (const [input, column] of Object.entries(columns)) {
    states.forEach((state, row) => {
      const next = runTransitions[state][input as RunInput] ?? ".";
      assert.equal(next, column[row], `${input} while ${state}`);
    });
  }
});

const done: ChildExit = { status: 0, signal: null };
const noRoom: ChildExit = {
  status: null,
  signal: null,
  error: new SockeyeError("EAGAIN", "no room"),
};

function outputs(run: ProgramRun): RunOutput[] {
  const all: RunOutput[] = [];
  for (let next = run.pollOutput(); next !== "wait"; next = run.pollOutput()) {
    all.push(next);
  }
  return all;
}

test("program: its end closes the connection, and that is the end of all", () => {
  const run = new ProgramRun();
  assert.deepEqual(outputs(run), []);
  assert.equal(run.pollTimeout(), Infinity);
  run.handleExited(done);
  assert.deepEqual(outputs(run), ["close"]);
  run.handleClosed(false);
  assert.deepEqual(outputs(run), ["over"]);
  assert.equal(run.end, "done");
});

test("program: how it ended is told apart", () => {
  const gone = new SockeyeError("ECONNRESET", "the client has gone");
  const missing = new SockeyeError("ENOENT", "it is not there");
  const none = { status: null, signal: null };
  const cases: [ChildExit, broken: boolean, string, SockeyeError?][] = [
    [done, false, "done"],
    [done, true, "failed"],
    [{ status: 1, signal: null }, false, "failed"],
    [{ status: null, signal: "SIGPIPE" }, false, "lost"],
    [{ status: null, signal: "SIGPIPE" }, true, "lost"],
    [{ ...none, error: gone }, true, "failed"],
    [{ ...none, error: missing }, false, "failed", missing],
  ];
  for (const [exit, broken, end, error] of cases) {
    const run = new ProgramRun();
    run.handleExited(exit);
    run.handleClosed(broken);
    assert.equal(run.end, end);
    // That a client has gone is no news.
    assert.equal(run.error, error);
  }
});

test("program: it is left alone in its grace, then asked, then killed", () => {
  const run = new ProgramRun();
  run.handleRetire(1000, Infinity);
  assert.equal(run.pollTimeout(), Infinity);
  run.handleRetire(1000, 500);
  run.handleRetire(1000, 900); // only a shorter one counts
  assert.equal(run.pollTimeout(), 1500);
  run.handleTimeout(1499);
  assert.deepEqual(outputs(run), []);
  run.handleTimeout(1500);
  assert.deepEqual(outputs(run), ["ask"]);
  assert.equal(run.pollTimeout(), Infinity);
  run.handleKill();
  assert.deepEqual(outputs(run), ["kill"]);
  run.handleExited({ status: null, signal: "SIGKILL" });
  // What it started has the connection too.
  assert.deepEqual(outputs(run), ["kill", "abort"]);
  run.handleClosed(true);
  assert.deepEqual(outputs(run), ["over"]);
  assert.equal(run.end, "aborted");
});

test("program: a connection that takes its time to close has no more than the grace", () => {
  const run = new ProgramRun();
  run.handleRetire(0, 500);
  run.handleExited(done);
  assert.deepEqual(outputs(run), ["close"]);
  run.handleTimeout(500);
  assert.deepEqual(outputs(run), ["abort"]);
  run.handleClosed(true);
  assert.equal(run.end, "aborted");
});

test("program: for want of room it is returned, unless its time is over", () => {
  const run = new ProgramRun();
  run.handleExited(noRoom);
  assert.deepEqual(outputs(run), ["over"]);
  assert.equal(run.end, "returned");
  assert.equal(run.error, undefined);
  for (const end of ["handleKill", "handleRetire"] as const) {
    const late = new ProgramRun();
    if (end === "handleKill") late.handleKill();
    else late.handleRetire(0, 0);
    outputs(late);
    late.handleExited(noRoom);
    assert.deepEqual(outputs(late), ["kill", "abort"]);
    late.handleClosed(true);
    assert.equal(late.end, "aborted");
    assert.equal(late.error, noRoom.error);
  }
});

const inputs: Record<string, (run: ProgramRun) => void> = {
  retire: (run) => run.handleRetire(0, 10),
  late: (run) => run.handleTimeout(10),
  kill: (run) => run.handleKill(),
  exited: (run) => run.handleExited(done),
  crashed: (run) => run.handleExited({ status: null, signal: "SIGSEGV" }),
  noRoom: (run) => run.handleExited(noRoom),
  closed: (run) => run.handleClosed(false),
};

test("program: whatever comes in whatever order, each thing is done when it can be", () => {
  let count = 0;
  const play = (sequence: string[]): void => {
    const run = new ProgramRun();
    const said: RunOutput[] = [];
    for (const name of sequence) {
      inputs[name]!(run);
      said.push(...outputs(run));
    }
    const words = `${sequence}: ${said}`;
    const times = (output: RunOutput): number =>
      said.filter((each) => each === output).length;
    assert.ok(times("over") <= 1 && times("ask") <= 1, words);
    assert.ok(times("close") <= 1, words);
    if (run.state === "over") {
      assert.equal(said.at(-1), "over", words);
      // A connection that was not returned has been closed or aborted.
      const ended = times("close") + times("abort") > 0;
      assert.equal(ended, run.end !== "returned", words);
      assert.equal(run.pollTimeout(), Infinity, words);
    } else {
      assert.ok(!said.includes("over"), words);
    }
    // What the program has is not touched before it has ended.
    const touched = said.findIndex((each) => /close|abort/.test(each));
    const told = said.findLastIndex((each) => /ask|kill/.test(each));
    assert.ok(touched === -1 || told < touched, words);
    assert.equal(touched !== -1 && !run.exit, false, words);
    count++;
    if (sequence.length === 6) return;
    for (const name of Object.keys(inputs)) play([...sequence, name]);
  };
  play([]);
  assert.equal(count, (7 ** 7 - 1) / 6);
});

test("program: it is told of a connection as UCSPI says, and of nothing else", () => {
  const tcp = (host: string, port: number): Address => ({
    transport: "tcp",
    host,
    port,
  });
  const unix = (path: string): Address => ({ transport: "unix", path });
  assert.deepEqual(
    ucspiOf({
      localAddress: tcp("::ffff:192.0.2.1", 80),
      remoteAddress: tcp("2001:db8::1", 50_000),
    }),
    {
      PROTO: "TCP",
      TCPLOCALIP: "192.0.2.1",
      TCPLOCALPORT: "80",
      TCPREMOTEIP: "2001:db8::1",
      TCPREMOTEPORT: "50000",
    },
  );
  const given = { A: "1", PROTO: "TCP", TCPREMOTEIP: "x", UNIXREMOTEPID: "1" };
  const ends = { localAddress: unix("/run/s"), remoteAddress: unix("") };
  assert.deepEqual(environmentFor(given, ends), {
    A: "1",
    PROTO: "UNIX",
    UNIXLOCALPATH: "/run/s",
  });
  assert.equal(given.PROTO, "TCP", "what was given is left as it was");
});

test("program: it is looked for as execvp(3) does", () => {
  const cases: [string, string | undefined, string | undefined, string[]][] = [
    ["cat", "/a:/b/c", undefined, ["/a/cat", "/b/c/cat"]],
    ["cat", undefined, undefined, ["/bin/cat", "/usr/bin/cat"]],
    ["cat", "", "/d", ["/d/./cat"]],
    ["cat", "/a::b", "/d", ["/a/cat", "/d/./cat", "/d/b/cat"]],
    ["cat", ":/a", undefined, ["./cat", "/a/cat"]],
    ["/x/cat", "/a", "/d", ["/x/cat"]],
    ["./cat", "/a", "/d", ["/d/./cat"]],
    ["x/cat", "/a", undefined, ["x/cat"]],
  ];
  for (const [name, path, cwd, places] of cases) {
    assert.deepEqual(placesOf(name, path, cwd), places);
  }
});

test("program: what was found on the way is told if none is found", () => {
  const cases: [found: Found[], looked: number, told: Found][] = [
    [["program"], 1, "program"],
    [["ENOENT", "EACCES", "program", "EIO"], 3, "program"],
    [["forbidden", "program"], 2, "program"],
    [["ENOENT", "ENOENT"], 2, "ENOENT"],
    [["EACCES", "ENOENT"], 2, "EACCES"],
    [["ENOENT", "ELOOP", "ENOENT"], 3, "ELOOP"],
    [["forbidden", "ENOENT"], 2, "ENOENT"],
    [["forbidden"], 1, "forbidden"],
    [[], 0, "forbidden"],
  ];
  for (const [found, times, told] of cases) {
    let looked = 0;
    const places = found.map((_, i) => String(i));
    const look = (place: string): Found => {
      looked++;
      return found[Number(place)]!;
    };
    assert.equal(search(places, look), told);
    assert.equal(looked, times, String(found));
  }
});
