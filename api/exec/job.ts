/**
 * One program and its connection, as `core/programs/run.ts` decides.
 *
 * @module
 */
import type { ConnectionLimits } from "../../core/connection.ts";
import { formatAddress } from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";
import type { ChildExit } from "../../core/pool/child.ts";
import type { Program, ProgramHandle } from "../../core/programs.ts";
import { ProgramRun } from "../../core/programs/run.ts";
import { environmentFor } from "../../core/programs/ucspi.ts";
import type { Deadlined } from "../../core/timers.ts";
import type { StreamHandle } from "../../core/transport.ts";
import { explain } from "../acceptor.ts";
import { type Consumer, Driver } from "../driver.ts";
import type { Loop } from "../loop.ts";

/** What a job tells its staff. */
export interface JobEvents {
  /** The program could not be run, and not for want of room. */
  failed(error: SockeyeError): void;
  /** Nothing is left of it; once, and last. */
  over(): void;
}

/** A program that runs, and a connection that goes with it. */
export class ProgramJob implements Deadlined {
  readonly run: ProgramRun = new ProgramRun();
  timerIndex = -1;

  readonly #loop: Loop;
  readonly #connection: StreamHandle;
  readonly #limits: ConnectionLimits;
  readonly #events: JobEvents;
  readonly #program: ProgramHandle;
  #driver: Driver | undefined;

  constructor(
    loop: Loop,
    program: Program,
    connection: StreamHandle,
    limits: ConnectionLimits,
    events: JobEvents,
  ) {
    this.#loop = loop;
    this.#connection = connection;
    this.#limits = limits;
    this.#events = events;
    const env = environmentFor(program.env, connection);
    this.#program = program.run(connection, env, {
      exited: (exit) => this.#exited(exit),
    });
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  retire(grace: number): void {
    this.run.handleRetire(this.#loop.runtime.now(), grace);
    this.#drain();
  }

  kill(): void {
    this.run.handleKill();
    this.#drain();
  }

  pollTimeout(): number {
    return this.run.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.run.handleTimeout(now);
    this.#drain();
  }

  #exited(exit: ChildExit): void {
    this.run.handleExited(exit);
    const { error } = this.run;
    if (error !== undefined) {
      const client = formatAddress(this.#connection.remoteAddress);
      this.#events.failed(explain(error, `run a program for ${client}`));
    }
    this.#drain();
  }

  #drain(): void {
    for (;;) {
      const output = this.run.pollOutput();
      switch (output) {
        case "ask":
          this.#program.signal("SIGTERM");
          break;
        case "kill":
          this.#program.signal("SIGKILL");
          break;
        case "close":
          void this.#drive().close();
          break;
        case "abort":
          this.#abort(this.#drive());
          break;
        case "over":
          this.#loop.update(this);
          return this.#events.over();
        case "wait":
          return this.#loop.update(this);
        default:
          output satisfies never;
      }
    }
  }

  /** The connection is ours again, and it is ours to close. */
  #drive(): Driver {
    if (this.#driver !== undefined) return this.#driver;
    const driver = new Driver(
      this.#loop,
      this.#connection,
      this.#limits,
      false,
    );
    this.#driver = driver;
    driver.onOver = ({ how }) => {
      this.run.handleClosed(how !== "close" && how !== "end");
      this.#drain();
    };
    driver.start(nobody);
    return driver;
  }

  #abort(driver: Driver): void {
    const words = "the server was closed, and its grace is over";
    driver.abort(
      "drain",
      new SockeyeError("ECONNABORTED", driver.describe("serve", words)),
    );
  }
}

/** Nobody reads from it or writes to it any more. */
const nobody: Consumer = {
  onOpened: () => {},
  onData: () => {},
  onEnd: () => {},
  onWritable: () => {},
  onSettle: () => {},
  onClosed: () => {},
};
