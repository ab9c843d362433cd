/** A pool machine with a stand-in for its driver, which watches the promises. */
import assert from "node:assert/strict";
import type { SockeyeError } from "../../core/error.ts";
import { PoolMachine } from "../../core/pool.ts";
import type { ChildExit } from "../../core/pool/child.ts";
import type { PoolOutput } from "../../core/pool/output.ts";
import type { PoolLimits } from "../../core/pool/size.ts";

const limits: PoolLimits = {
  exclusive: true,
  min: 0,
  max: 8,
  maxStarting: Infinity,
  spare: 0,
  maxConnectionsPerChild: 1,
  maxAge: Infinity,
  idleTimeout: 10_000,
  startTimeout: 10_000,
};

function completed(given: Partial<PoolLimits>): PoolLimits {
  const each = given.exclusive === false
    ? { ...limits, maxConnectionsPerChild: Infinity }
    : limits;
  return { ...each, ...given };
}

/** What the driver knows of a child. */
interface Seen {
  open: number;
  dying: boolean;
  /** Given, and neither got nor returned. */
  pending: number;
  /** Answers still to come: for those, and for what was returned. */
  owed: number;
}

/** A conversation with a pool. */
export class PoolConversation {
  readonly machine: PoolMachine;
  readonly limits: PoolLimits;
  readonly told: string[] = [];
  /** The children that run, as the driver knows. */
  readonly running: Map<number, Seen> = new Map();
  readonly started: Set<number> = new Set();
  reaped = 0;
  now = 0;
  #expected = 0;

  constructor(given: Partial<PoolLimits> = {}) {
    this.limits = completed(given);
    this.machine = new PoolMachine(this.limits);
    this.drain();
  }

  at(now: number): this {
    this.now = now;
    return this;
  }
  waiting(): this {
    this.machine.handleWaiting(this.now);
    return this.drain();
  }
  ready(id: number): this {
    this.machine.handleReady(this.now, id);
    return this.drain();
  }
  taken(id: number): this {
    const child = this.running.get(id);
    if (child !== undefined) child.open++;
    this.machine.handleTaken(this.now, id);
    return this.drain();
  }
  left(id: number): this {
    const child = this.running.get(id);
    if (child !== undefined && child.open > 0) child.open--;
    this.machine.handleLeft(this.now, id);
    return this.drain();
  }
  exited(id: number, exit: Partial<ChildExit> = {}, random = 0.5): this {
    if (this.running.delete(id)) this.reaped++;
    const end = { status: exit.signal ? null : 0, signal: null, ...exit };
    this.machine.handleExited(this.now, id, end, random);
    return this.drain();
  }
  /** It could not be started with the connection that it was given, which waits again. */
  unstarted(id: number, error: SockeyeError, random = 0.5): this {
    this.running.get(id)!.open--;
    this.machine.handleReturned(this.now, id);
    return this.exited(id, { status: null, error }, random);
  }
  /** It has got one that it was given, or answers again. */
  got(id: number): this {
    const child = this.running.get(id);
    if (child !== undefined && child.owed > 0) {
      child.owed--;
      if (child.pending > 0) child.pending--;
    }
    this.machine.handleGot(this.now, id);
    return this.drain();
  }
  /** It did not get one that it was given; nothing if it has none such. */
  returned(id: number): this {
    const child = this.running.get(id);
    if (child === undefined || child.pending === 0) return this;
    child.pending--;
    child.open--;
    this.machine.handleReturned(this.now, id);
    return this.drain();
  }
  leaving(id: number): this {
    this.machine.handleLeaving(this.now, id);
    return this.drain();
  }
  /** It takes nothing more, whoever asked for that. */
  ending(id: number): this {
    const child = this.running.get(id);
    if (child !== undefined) child.dying = true;
    this.machine.handleEnding(this.now, id);
    return this.drain();
  }
  /** It has done all that it had; said by one that was told to retire. */
  finished(id: number): this {
    const found = [...this.machine.children].find((each) => each.id === id);
    if (found?.state === "retiring") this.running.get(id)!.open = 0;
    this.machine.handleFinished(this.now, id);
    return this.drain();
  }
  timeout(): this {
    this.machine.handleTimeout(this.now);
    return this.drain();
  }
  restart(): this {
    this.machine.restart(this.now);
    return this.drain();
  }
  close(grace: number): this {
    this.machine.close(this.now, grace);
    return this.drain();
  }
  abort(): this {
    this.machine.abort(this.now);
    return this.drain();
  }

  states(): string[] {
    return [...this.machine.children].map(({ state }) => state);
  }

  /** What was said since the last time, in any order for different children. */
  expect(...told: string[]): this {
    this.drain();
    assert.deepEqual(this.told.slice(this.#expected), told);
    this.#expected = this.told.length;
    return this;
  }

  drain(): this {
    for (let count = 0;; count++) {
      assert.ok(count < 1000, "it spins");
      const output = this.machine.pollOutput(this.now);
      if (output.do === "wait") break;
      this.#obey(output);
    }
    this.#check();
    return this;
  }

  #obey(output: PoolOutput): void {
    assert.ok(!this.told.includes("closed"), `${output.do} after closed`);
    const words: unknown[] = [output.do];
    if ("child" in output) words.push(output.child);
    if ("grace" in output) words.push(output.grace);
    this.told.push(words.join(" "));
    if (output.do === "start") {
      assert.ok(!this.started.has(output.child), "a number twice");
      this.started.add(output.child);
      this.running.set(output.child, {
        open: 0,
        dying: false,
        pending: 0,
        owed: 0,
      });
    } else if (output.do === "deliver") {
      const child = this.running.get(output.child);
      assert.ok(child, `a connection for child ${output.child}, which is gone`);
      assert.ok(!child.dying, "a connection for a dying child");
      child.open++;
      child.pending++;
      child.owed++;
      assert.ok(!this.limits.exclusive || child.open === 1, "two at once");
    } else if (output.do === "retire" || output.do === "kill") {
      const child = this.running.get(output.child);
      assert.ok(child, `${output.do} for child ${output.child}, which is gone`);
      child.dying = true;
    } else if (output.do === "closed") {
      assert.equal(this.running.size, 0, "closed while children run");
    }
  }

  #check(): void {
    const { machine } = this;
    assert.ok(machine.alive <= this.limits.max, "more children than allowed");
    assert.equal(machine.alive, this.running.size);
    const starting = [...machine.children].filter(({ state }) =>
      state === "starting"
    );
    assert.ok(
      starting.length <= this.limits.maxStarting,
      "more start than are to at once",
    );
    assert.equal(machine.counts.started, this.started.size);
    assert.equal(machine.counts.reaped, this.reaped);
    assert.equal(machine.counts.started, machine.alive + machine.counts.reaped);
    for (const { id, open } of machine.children) {
      assert.equal(open, this.running.get(id)!.open);
    }
  }
}
