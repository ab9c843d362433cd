/**
 * Programs as the children of a server: one for each connection.
 *
 * A program cannot be started before its connection is there. So what the pool
 * calls a child is a place for one: ready when the runtime has had a turn, to
 * reap and to accept, and busy from the start of its program until the
 * connection is over.
 *
 * @module
 */
import type { ConnectionLimits } from "../../core/connection.ts";
import { ChildLedger, noCounts } from "../../core/children/ledger.ts";
import type { PoolMachine } from "../../core/pool.ts";
import type { Program } from "../../core/programs.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { StreamHandle } from "../../core/transport.ts";
import { Loop } from "../loop.ts";
import { ProgramJob } from "./job.ts";
import type { ChildNames, Staff, StaffEvents } from "../children/staff.ts";

/** What a staff of programs is made from. */
export interface ProgramStaffParts {
  readonly runtime: Runtime;
  readonly program: Program;
  /** How connections are closed. */
  readonly limits: ConnectionLimits;
}

/** The programs of one server. */
export class ProgramStaff implements Staff {
  readonly ledger: ChildLedger = new ChildLedger();
  readonly #parts: ProgramStaffParts;
  readonly #loop: Loop;
  readonly #pool: PoolMachine;
  readonly #events: StaffEvents;
  readonly #jobs: Map<number, ProgramJob> = new Map();

  constructor(
    parts: ProgramStaffParts,
    pool: PoolMachine,
    events: StaffEvents,
  ) {
    this.#parts = parts;
    this.#loop = Loop.of(parts.runtime);
    this.#pool = pool;
    this.#events = events;
  }

  namesOf(id: number): ChildNames {
    return { pid: this.#jobs.get(id)?.pid, thread: undefined };
  }

  start(id: number): void {
    this.ledger.handleStarted(id);
    this.#parts.runtime.turn(() => {
      this.#pool.handleReady(this.#now(), id);
      this.#events.changed();
    });
  }

  give(id: number, connection: StreamHandle, index: number): void {
    const { program, limits } = this.#parts;
    this.ledger.handleGiven(id);
    const job = new ProgramJob(this.#loop, program, connection, limits, {
      failed: (error) => this.#events.failed(error),
      over: () => this.#over(id, job, connection, index),
    });
    this.#jobs.set(id, job);
    this.#pool.handleGot(this.#now(), id);
  }

  retire(id: number, grace: number): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) job.retire(grace);
    // A place that nobody has: nothing was started for it.
    else this.#free(id);
  }

  kill(id: number): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) job.kill();
    else this.#free(id);
  }

  /** Programs hear nothing of their server. */
  broadcast(): number {
    return 0;
  }

  renew(): void {
    try {
      this.#parts.program.reopen();
    } catch (error) {
      this.#events.failed(error);
    }
  }

  close(): void {
    this.#parts.program.close();
  }

  #over(
    id: number,
    job: ProgramJob,
    connection: StreamHandle,
    index: number,
  ): void {
    const { end } = job.run;
    this.#jobs.delete(id);
    if (end === "returned") {
      this.ledger.handleReturned(id);
      this.#events.returned(connection, index);
      this.#pool.handleReturned(this.#now(), id);
    } else if (end !== "lost") {
      this.#left(id, end);
    }
    this.#events.freed(this.ledger.handleGone(id));
    const { runtime } = this.#parts;
    this.#pool.handleExited(this.#now(), id, job.run.exit!, runtime.random());
    this.#events.changed();
  }

  #left(id: number, end: "done" | "failed" | "aborted"): void {
    const failed = end === "done" ? 0 : 1;
    const { freed } = this.ledger.handleCounts(id, {
      ...noCounts,
      left: 1,
      failed,
    });
    this.#pool.handleLeft(this.#now(), id);
    this.#events.freed(freed);
    if (end === "aborted") this.ledger.handleClosed(0, 1);
    else if (this.#pool.state !== "running") this.ledger.handleClosed(1, 0);
  }

  #free(id: number): void {
    this.ledger.handleGone(id);
    const exit = { status: 0, signal: null };
    this.#pool.handleExited(this.#now(), id, exit, 0);
  }

  #now(): number {
    return this.#parts.runtime.now();
  }
}
