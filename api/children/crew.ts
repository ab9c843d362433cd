/**
 * The children of a server at work: starts them, says to them what the pool
 * wants said, and tells the pool what they say.
 *
 * @module
 */
import { ChildLedger } from "../../core/children/ledger.ts";
import {
  type ChildCounts,
  type ChildTask,
  type FromChild,
  isFromChild,
  readError,
  type ToChild,
} from "../../core/children/messages.ts";
import type { ChildHandle, Starter } from "../../core/children.ts";
import { SockeyeError } from "../../core/error.ts";
import type { PoolMachine } from "../../core/pool.ts";
import type { ChildExit } from "../../core/pool/child.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { ListenHandle, StreamHandle } from "../../core/transport.ts";
import type { ChildrenPolicy } from "./options.ts";
import { copyOf } from "./handing.ts";
import type { ChildNames, Staff, StaffEvents } from "./staff.ts";

/** What a crew is made from. */
export interface CrewParts {
  readonly runtime: Runtime;
  readonly children: Starter;
  readonly handles: readonly ListenHandle[];
  readonly task: ChildTask;
  readonly policy: ChildrenPolicy;
}

/** A child that is alive. */
interface Member {
  readonly child: ChildHandle;
  /** Why it cannot serve, in its own words. */
  error?: Error;
}

/** The children of one server. */
export class Crew implements Staff {
  readonly ledger: ChildLedger = new ChildLedger();
  readonly #parts: CrewParts;
  readonly #pool: PoolMachine;
  readonly #events: StaffEvents;
  readonly #members: Map<number, Member> = new Map();

  constructor(parts: CrewParts, pool: PoolMachine, events: StaffEvents) {
    this.#parts = parts;
    this.#pool = pool;
    this.#events = events;
  }

  /** What the system calls a child; nothing if it could not be started. */
  namesOf(id: number): ChildNames {
    const { pid, thread } = this.#members.get(id)?.child ?? {};
    return { pid, thread };
  }

  // What the pool wants

  start(id: number): void {
    const { children, task } = this.#parts;
    const child = children.start(task.module, {
      message: (message) => this.#heard(id, message),
      returned: (connection, index) => this.#returned(id, connection, index),
      got: () => this.#pool.handleGot(this.#now(), id),
      ending: () => this.#pool.handleEnding(this.#now(), id),
      exited: (exit) => this.#exited(id, exit),
    });
    this.#members.set(id, { child });
    this.ledger.handleStarted(id);
  }

  give(id: number, connection: StreamHandle, index: number): void {
    const { child } = this.#members.get(id)!;
    this.ledger.handleGiven(id);
    // One that has no other connection is not stuck; with its place kept, too.
    if (this.#parts.policy.limits.exclusive) child.give(connection, index);
    else child.offer(connection, index);
  }

  retire(id: number, grace: number): void {
    this.#members.get(id)?.child.takeBack();
    this.#say(id, { do: "retire", grace: grace === Infinity ? null : grace });
  }

  kill(id: number): void {
    this.#members.get(id)?.child.kill();
  }

  /** Says it to every child that serves; gives how many those are. */
  broadcast(given: unknown): number {
    const { serving } = this.#pool;
    const message = copyOf(given, "The message", this.#parts.children);
    for (const { id } of serving) this.#say(id, { do: "hear", message });
    return serving.length;
  }

  #say(id: number, message: ToChild): void {
    this.#members.get(id)?.child.send(message);
  }

  // What children say

  #heard(id: number, message: unknown): void {
    const member = this.#members.get(id);
    if (member === undefined || !isFromChild(message)) return;
    this.#obey(id, member, message);
    this.#events.changed();
  }

  #obey(id: number, member: Member, message: FromChild): void {
    switch (message.say) {
      case "hello":
        return this.#say(id, { do: "begin", task: this.#parts.task });
      case "ready":
        if (this.#parts.policy.shares) this.#share(member);
        return this.#pool.handleReady(this.#now(), id);
      case "failed":
        member.error = readError(message.error);
        return this.#say(id, { do: "end" });
      case "counts":
        return this.#count(id, message.counts);
      case "error":
        return this.#events.failed(readError(message.error));
      case "leaving":
        return this.#pool.handleLeaving(this.#now(), id);
      case "closed":
        this.#count(id, message.counts);
        if (this.#pool.state !== "running") {
          this.ledger.handleClosed(message.drained, message.aborted);
        }
        this.#say(id, { do: "end" });
        return this.#pool.handleFinished(this.#now(), id);
      default:
        message satisfies never;
    }
  }

  #share({ child }: Member): void {
    this.#parts.handles.forEach((handle, index) => child.share(handle, index));
  }

  #count(id: number, counts: ChildCounts): void {
    const now = this.#now();
    const { taken, left, freed } = this.ledger.handleCounts(id, counts);
    for (let i = 0; i < taken; i++) this.#pool.handleTaken(now, id);
    for (let i = 0; i < left; i++) this.#pool.handleLeft(now, id);
    this.#events.freed(freed);
  }

  // What becomes of them

  #returned(id: number, connection: StreamHandle, index: number): void {
    this.ledger.handleReturned(id);
    this.#events.returned(connection, index);
    this.#pool.handleReturned(this.#now(), id);
    this.#events.changed();
  }

  #exited(id: number, exit: ChildExit): void {
    const { error } = this.#members.get(id)!;
    this.#members.delete(id);
    this.#events.freed(this.ledger.handleGone(id));
    const known = error === undefined ? exit : { ...exit, error: told(error) };
    const { runtime } = this.#parts;
    this.#pool.handleExited(runtime.now(), id, known, runtime.random());
    this.#events.changed();
  }

  #now(): number {
    return this.#parts.runtime.now();
  }
}

/** What a child said of its end, as ours. */
function told(error: Error): SockeyeError {
  return new SockeyeError("EIO", `${error.name}: ${error.message}`, {
    cause: error,
  });
}
