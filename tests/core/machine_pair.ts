/**
 * A connection machine with a stand-in for its driver and transport, so that
 * tests read as conversations: `t.at(30_000).timeout().expect("abort")`.
 */
import assert from "node:assert/strict";
import {
  type Command,
  type ConnectionLimits,
  ConnectionMachine,
  type Output,
} from "../../core/connection.ts";
import { SockeyeError } from "../../core/error.ts";
import { transitions } from "../../core/transitions.ts";

export const limits: ConnectionLimits = {
  readHighWater: 100,
  writeHighWater: 100,
  maxQueued: 1000,
  flushTimeout: 30_000,
  lingerTimeout: 2000,
  allowHalfOpen: true,
};

type Told = Exclude<Output | Command, "wait">;

/** What a transport that keeps the contract may still say. */
interface Transport {
  reading: boolean;
  pending: boolean;
  shutdown: "no" | "pending" | "done";
  readClosed: boolean;
  released: "no" | "asked" | "done";
}

export class Conversation {
  readonly machine: ConnectionMachine;
  readonly push: boolean;
  readonly transport: Transport = {
    reading: false,
    pending: false,
    shutdown: "no",
    readClosed: false,
    released: "no",
  };
  /** Everything that came out, in order. */
  readonly told: Told[] = [];
  #now = 0;
  #seen = 0;
  /** How many bytes a transmit takes at once. */
  taking = Infinity;

  constructor(push = false, changes: Partial<ConnectionLimits> = {}) {
    this.machine = new ConnectionMachine({ ...limits, ...changes }, push);
    this.push = push;
  }

  at(now: number): this {
    this.#now = now;
    return this;
  }

  /** One mutation, then a drain with every invariant checked. */
  #do(mutate: () => void): this {
    const before = this.machine.state;
    mutate();
    this.#drain();
    const after = this.machine.state;
    if (before !== after) {
      const allowed = Object.values(transitions[before]);
      const twice = allowed.flatMap((move) =>
        move in transitions
          ? Object.values(transitions[move as keyof typeof transitions])
          : []
      );
      assert.ok([...allowed, ...twice].includes(after), `${before} → ${after}`);
    }
    return this;
  }

  accepted(): this {
    return this.#do(() => this.machine.handleAccepted());
  }
  data(length: number): this {
    return this.#do(() => this.machine.handleData(length));
  }
  written(count: number): this {
    this.transport.pending = false;
    return this.#do(() => this.machine.handleWritten(this.#now, count));
  }
  readClosed(): this {
    this.transport.readClosed = true;
    this.transport.reading = false;
    return this.#do(() => this.machine.handleReadClosed(this.#now));
  }
  shutdownDone(): this {
    this.transport.shutdown = "done";
    return this.#do(() => this.machine.handleShutdownDone(this.#now));
  }
  closed(code?: "ECONNRESET" | "EPIPE" | "EIO"): this {
    this.transport.released = "done";
    return this.#do(() =>
      this.machine.handleClosed(
        code === undefined ? undefined : new SockeyeError(code, code),
      )
    );
  }
  timeout(): this {
    return this.#do(() => this.machine.handleTimeout(this.#now));
  }
  consume(length: number): this {
    return this.#do(() => this.machine.consume(length));
  }
  write(length: number): this {
    return this.#do(() => {
      this.machine.queueWrite(length, length);
      this.#commands();
      this.machine.checkCongestion();
    });
  }
  closeWrite(): this {
    return this.#do(() => this.machine.closeWrite(this.#now));
  }
  close(): this {
    return this.#do(() => this.machine.close(this.#now));
  }
  abort(): this {
    return this.#do(() => this.machine.abort("abort", "why"));
  }
  pause(): this {
    return this.#do(() => this.machine.pause());
  }
  resume(): this {
    return this.#do(() => this.machine.resume());
  }

  /** What came out since the last look. */
  expect(...told: Told[]): this {
    assert.deepEqual(this.told.slice(this.#seen), told);
    this.#seen = this.told.length;
    return this;
  }

  #drain(): void {
    do {
      this.#outputs();
      this.#commands();
    } while (this.machine.hasOutput);
    this.#check();
  }

  #outputs(): void {
    for (;;) {
      const output = this.machine.pollOutput();
      if (output === "wait") return;
      // Whoever reads may still take what had arrived before; handlers not.
      const rest = !this.push && (output === "data" || output === "end");
      assert.ok(
        rest || !this.told.includes("closed"),
        `${output} after closed`,
      );
      if (output === "opened") assert.equal(this.told.length, 0);
      if (output === "end") {
        assert.ok(!this.told.includes("end"), "two ends");
        assert.equal(this.machine.unread, 0);
      }
      if (output === "data") {
        assert.ok(!this.told.includes("end"), "data after the end");
        assert.ok(this.machine.unread > 0);
      }
      this.told.push(output);
    }
  }

  #commands(): void {
    for (;;) {
      const command = this.machine.pollCommand();
      if (command === "wait") return;
      this.told.push(command);
      this.#obey(command);
    }
  }

  #obey(command: Exclude<Command, "wait">): void {
    const { transport, machine } = this;
    assert.equal(transport.released, "no", `${command} after the release`);
    switch (command) {
      case "startRead":
        assert.ok(!transport.reading && !transport.readClosed);
        transport.reading = true;
        break;
      case "stopRead":
        assert.ok(transport.reading);
        transport.reading = false;
        break;
      case "transmit": {
        assert.ok(!transport.pending && transport.shutdown === "no");
        assert.ok(machine.queued > 0);
        const taken = Math.min(this.taking, machine.queued);
        transport.pending = taken < machine.queued;
        machine.transmitted(this.#now, machine.queued, taken);
        break;
      }
      case "shutdown":
        assert.ok(!transport.pending && transport.shutdown === "no");
        assert.equal(machine.queued, 0);
        transport.shutdown = "pending";
        break;
      case "close":
      case "abort":
        transport.released = "asked";
        break;
      default:
        command satisfies never;
    }
  }

  #check(): void {
    const { machine, transport } = this;
    assert.ok(machine.queued >= 0 && machine.unread >= 0);
    assert.equal(machine.reason !== undefined, machine.state === "closed");
    if (transport.released !== "done") assert.ok(!this.told.includes("closed"));
    else if (machine.state === "draining") assert.ok(!this.push);
    else if (!this.push || machine.unread === 0 && machine.delivering) {
      assert.ok(this.told.includes("closed"), "closed is not told");
    }
    if (machine.state === "closed") assert.equal(machine.queued, 0);
  }
}
