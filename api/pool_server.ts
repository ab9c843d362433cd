/**
 * A server whose handlers run in child processes: it listens, starts children
 * as `core/pool.ts` decides, gives them connections or shares its listeners
 * with them, and waits for their ends.
 *
 * The listeners stay open here whatever becomes of the children: with `prefork`
 * too, where what is accepted here is handed on like any other.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import { Admission } from "../core/admission.ts";
import type {
  ChildCounts,
  ChildTask,
  FromChild,
  ToChild,
} from "../core/children/messages.ts";
import { isFromChild, readError } from "../core/children/messages.ts";
import type { ChildHandle, Children } from "../core/children.ts";
import { SockeyeError } from "../core/error.ts";
import { PoolMachine } from "../core/pool.ts";
import type { ChildExit } from "../core/pool/child.ts";
import type { Deadlined } from "../core/timers.ts";
import type { ListenHandle, Runtime, StreamHandle } from "../core/transport.ts";
import { Acceptor, type Taker } from "./acceptor.ts";
import type { ChildrenPolicy } from "./children_options.ts";
import {
  childrenStatsOf,
  type Member,
  serverStatsOf,
} from "./children_stats.ts";
import { Loop } from "./loop.ts";
import type { Capacity } from "./options.ts";
import { checkGrace, defaultGrace } from "./serve.ts";
import type { Server, ServerClosed, ServerStats } from "./types.ts";

/** What a pool server is made from. */
export interface PoolServerParts {
  readonly runtime: Runtime;
  readonly children: Children;
  readonly handles: readonly ListenHandle[];
  readonly task: ChildTask;
  readonly policy: ChildrenPolicy;
  readonly capacity: Capacity;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** An accepted connection that waits for a child. */
interface Waiting {
  readonly handle: StreamHandle;
  readonly index: number;
}

/** A server over a pool. */
export class PoolServer implements Server, Deadlined {
  readonly addresses: readonly Address[];
  readonly closed: Promise<ServerClosed>;
  /** Resolves when the members, or a first child, are ready; rejects if it never comes to that. */
  readonly started: Promise<void>;
  timerIndex = -1;

  readonly #parts: PoolServerParts;
  readonly #loop: Loop;
  readonly #pool: PoolMachine;
  readonly #admission: Admission;
  readonly #acceptors: Acceptor[];
  readonly #members: Map<number, Member> = new Map();
  readonly #waiting: Waiting[] = [];
  #forgetSignals: () => void = () => {};
  #standing: number;
  #draining = false;
  #poolClosed = false;
  #over = false;
  #acceptErrors = 0;
  #drained = 0;
  #aborted = 0;
  /** Counts of those that are gone. */
  #gone: ChildCounts = nothing;
  #given = 0;
  #resolveClosed!: (how: ServerClosed) => void;
  #resolveStarted!: () => void;
  #rejectStarted!: (error: SockeyeError) => void;

  constructor(parts: PoolServerParts) {
    const { runtime, handles, policy, capacity } = parts;
    this.#parts = parts;
    this.#loop = Loop.of(runtime);
    this.#pool = new PoolMachine(policy.limits);
    const { exclusive, max } = policy.limits;
    this.#admission = new Admission(exclusive ? max : Infinity);
    this.addresses = handles.map((handle) => handle.address);
    this.#standing = handles.length;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    if (policy.limits.min + policy.limits.spare === 0) this.#resolveStarted();
    this.#acceptors = handles.map((handle) =>
      new Acceptor(runtime, handle, capacity, this.#admission)
    );
    this.#acceptors.forEach((acceptor, index) => {
      acceptor.start(this.#taker(index));
    });
    this.#heedSignals();
    this.#drain();
  }

  #taker(index: number): Taker {
    return {
      onConnection: (handle) => this.#arrived({ handle, index }),
      onArrived: () => {},
      onAcceptFailed: (error) => {
        this.#acceptErrors++;
        if (this.#parts.onError !== undefined) this.#report(error);
      },
      onRefused: (error) => this.#report(error),
      onOver: (error) => {
        this.#standing--;
        if (error !== undefined) this.#report(error);
        this.#settle();
      },
    };
  }

  #heedSignals(): void {
    const { children, policy } = this.#parts;
    if (!policy.signals) return;
    let asked = false;
    this.#forgetSignals = children.onSignals(
      ["SIGTERM", "SIGINT", "SIGHUP"],
      (name) => {
        if (name === "SIGHUP") return this.restart();
        void this.close({ grace: asked ? 0 : policy.grace });
        asked = true;
      },
    );
  }

  // What users ask

  get stats(): ServerStats {
    const waiting = this.#acceptors.reduce(
      (sum, { machine }) => sum + machine.waiting,
      this.#pool.waiting,
    );
    const rejected = this.#acceptors.reduce(
      (sum, { machine }) => sum + machine.rejected,
      0,
    );
    const children = childrenStatsOf(this.#pool, this.#members);
    return serverStatsOf(children, this.#gone, this.#members.values(), {
      given: this.#given,
      waiting,
      rejected,
      acceptErrors: this.#acceptErrors,
    });
  }

  restart(): void {
    this.#pool.restart(this.#now());
    this.#drain();
  }

  broadcast(message: unknown): number {
    let count = 0;
    for (const { id, state } of this.#pool.children) {
      if (state !== "ready" && state !== "retiring") continue;
      this.#say(id, { do: "hear", message });
      count++;
    }
    return count;
  }

  close(options: { grace?: number } = {}): Promise<ServerClosed> {
    const { grace = defaultGrace } = options;
    const wrong = checkGrace(grace);
    if (wrong !== undefined) return Promise.reject(wrong);
    for (const acceptor of this.#acceptors) {
      acceptor.machine.close();
      acceptor.drain();
    }
    this.#pool.close(this.#now(), grace);
    this.#drain();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Time

  pollTimeout(): number {
    return this.#pool.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.#pool.handleTimeout(now);
    this.#drain();
  }

  #now(): number {
    return this.#parts.runtime.now();
  }

  // Connections

  #arrived(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#pool.handleWaiting(this.#now());
    this.#drain();
  }

  #deliver(id: number): void {
    const member = this.#members.get(id)!;
    const { handle, index } = this.#waiting.shift()!;
    member.given++;
    this.#given++;
    // One that has no other connection is not stuck; with its place kept, too.
    if (this.#parts.policy.limits.exclusive) member.child.give(handle, index);
    else member.child.offer(handle, index);
  }

  /** Its place in the queue is the first: it has waited already. */
  #returned(id: number, waiting: Waiting): void {
    const member = this.#members.get(id);
    if (member !== undefined) member.given--;
    this.#given--;
    this.#waiting.unshift(waiting);
    this.#pool.handleReturned(this.#now(), id);
    this.#drain();
  }

  #drop(): void {
    const { handle } = this.#waiting.shift()!;
    this.#aborted++;
    handle.attach({
      data: () => false,
      written: () => {},
      readClosed: () => {},
      shutdownDone: () => {},
      closed: () => this.#admission.handleLeft(true),
    });
    handle.abort();
  }

  // Children

  #start(id: number): void {
    const { children, task } = this.#parts;
    const child: ChildHandle = children.start(task.module, {
      message: (message) => this.#heard(id, message),
      returned: (handle, index) => this.#returned(id, { handle, index }),
      got: () => this.#pool.handleGot(this.#now(), id),
      ending: () => this.#pool.handleEnding(this.#now(), id),
      exited: (exit) => this.#exited(id, exit),
    });
    this.#members.set(id, { child, given: 0, freed: 0, counts: nothing });
  }

  #say(id: number, message: ToChild): void {
    this.#members.get(id)?.child.send(message);
  }

  #heard(id: number, message: unknown): void {
    const member = this.#members.get(id);
    if (member === undefined || !isFromChild(message)) return;
    this.#obey(id, member, message);
    this.#drain();
  }

  #obey(id: number, member: Member, message: FromChild): void {
    const pool = this.#pool;
    switch (message.say) {
      case "hello":
        return this.#say(id, { do: "begin", task: this.#parts.task });
      case "ready":
        if (this.#parts.policy.shares) this.#share(member);
        pool.handleReady(this.#now(), id);
        if (this.#isManned()) this.#resolveStarted();
        return;
      case "failed":
        member.error = readError(message.error);
        return this.#say(id, { do: "end" });
      case "counts":
        return this.#count(id, member, message.counts);
      case "error":
        return this.#report(readError(message.error));
      case "leaving":
        return pool.handleLeaving(this.#now(), id);
      case "closed":
        this.#count(id, member, message.counts);
        if (pool.state !== "running") {
          this.#drained += message.drained;
          this.#aborted += message.aborted;
        }
        this.#say(id, { do: "end" });
        return pool.handleFinished(this.#now(), id);
      default:
        message satisfies never;
    }
  }

  /** Whether as many are ready as are always kept. */
  #isManned(): boolean {
    let ready = 0;
    for (const { state } of this.#pool.children) if (state === "ready") ready++;
    return ready >= this.#parts.policy.limits.min;
  }

  #share(member: Member): void {
    this.#parts.handles.forEach((handle, index) => {
      member.child.share(handle, index);
    });
  }

  /** Tells the pool what is new in the counts of a child. */
  #count(id: number, member: Member, counts: ChildCounts): void {
    const now = this.#now();
    const before = member.counts;
    member.counts = counts;
    for (let i = before.taken; i < counts.taken; i++) {
      this.#pool.handleTaken(now, id);
    }
    for (let i = before.left; i < counts.left; i++) {
      this.#pool.handleLeft(now, id);
    }
    this.#free(member);
  }

  /** Places of connections that were given to a child, and are over. */
  #free(member: Member, left: number = member.counts.left): void {
    const over = Math.min(left, member.given);
    for (; member.freed < over; member.freed++) {
      this.#admission.handleLeft(true);
    }
  }

  #exited(id: number, exit: ChildExit): void {
    const member = this.#members.get(id)!;
    this.#members.delete(id);
    this.#gone = sum(this.#gone, member.counts);
    this.#free(member, member.given);
    const { runtime } = this.#parts;
    this.#pool.handleExited(
      runtime.now(),
      id,
      member.error === undefined
        ? exit
        : { ...exit, error: told(member.error) },
      runtime.random(),
    );
    this.#drain();
  }

  // Doing what the pool says

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#drainPool();
    } finally {
      this.#draining = false;
    }
    this.#loop.update(this);
    this.#settle();
  }

  #drainPool(): void {
    for (;;) {
      const output = this.#pool.pollOutput(this.#now());
      switch (output.do) {
        case "start":
          this.#start(output.child);
          break;
        case "deliver":
          this.#deliver(output.child);
          break;
        case "retire": {
          const { child, grace } = output;
          const bounded = grace === Infinity ? null : grace;
          this.#members.get(child)?.child.takeBack();
          this.#say(child, { do: "retire", grace: bounded });
          break;
        }
        case "kill":
          this.#members.get(output.child)?.child.kill();
          break;
        case "drop":
          this.#drop();
          break;
        case "closed":
          this.#poolClosed = true;
          break;
        case "wait":
          if (!this.#wantMore()) return;
          break;
        default:
          output satisfies never;
      }
    }
  }

  /** Accepts as many as there will be children for; true if some came by that. */
  #wantMore(): boolean {
    if (this.#pool.error !== undefined) this.#stopListening();
    const before = this.#waiting.length;
    for (const acceptor of this.#acceptors) {
      acceptor.machine.setWanted(this.#pool.room);
      acceptor.drain();
    }
    return this.#waiting.length > before;
  }

  #stopListening(): void {
    for (const acceptor of this.#acceptors) acceptor.machine.close();
  }

  #settle(): void {
    if (this.#over || !this.#poolClosed || this.#standing > 0) return;
    this.#over = true;
    this.#forgetSignals();
    const [drained, aborted] = [this.#drained, this.#aborted + this.#pool.lost];
    const cause = this.#pool.error;
    if (cause === undefined) {
      this.#rejectStarted(
        this.#error("ERR_SOCKEYE_CLOSED", "it was closed here"),
      );
      return this.#resolveClosed({ drained, aborted });
    }
    const error = this.#error(cause.code, cause.message, cause.cause);
    this.#rejectStarted(error);
    this.#report(error);
    this.#resolveClosed({ drained, aborted, error });
  }

  #error(
    code: SockeyeError["code"],
    words: string,
    cause?: unknown,
  ): SockeyeError {
    const at = this.addresses.map(formatAddress).join(", ");
    const options = cause === undefined ? {} : { cause };
    return new SockeyeError(code, `Cannot serve ${at}: ${words}`, options);
  }

  /** Tells `onError`, or the runtime where nobody asked to be told. */
  #report(error: unknown): void {
    const { runtime, onError } = this.#parts;
    try {
      if (onError === undefined) runtime.report(error);
      else onError(error);
    } catch (thrown) {
      runtime.report(thrown);
    }
  }
}

const nothing: ChildCounts = {
  taken: 0,
  left: 0,
  failed: 0,
  rejected: 0,
  acceptErrors: 0,
  bytesRead: 0,
  bytesWritten: 0,
};

function sum(a: ChildCounts, b: ChildCounts): ChildCounts {
  return {
    taken: a.taken + b.taken,
    left: a.left + b.left,
    failed: a.failed + b.failed,
    rejected: a.rejected + b.rejected,
    acceptErrors: a.acceptErrors + b.acceptErrors,
    bytesRead: a.bytesRead + b.bytesRead,
    bytesWritten: a.bytesWritten + b.bytesWritten,
  };
}

/** What a child said of its end, as ours. */
function told(error: Error): SockeyeError {
  return new SockeyeError("EIO", `${error.name}: ${error.message}`, {
    cause: error,
  });
}
