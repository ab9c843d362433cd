/**
 * The contract between a server whose handlers run in children, processes or
 * threads, and the adapter that starts them: callbacks and commands, as in
 * `transport.ts`. What the two sides say to each other is in
 * `children/messages.ts`; how many children there are, `pool.ts` decides.
 *
 * @module
 */
import type { Address } from "./address.ts";
import type { ChildExit } from "./pool/child.ts";
import type { Program, ProgramRequest } from "./programs.ts";
import type {
  ListenHandle,
  ListenRequest,
  ListenStartEvents,
  Pending,
  StreamHandle,
} from "./transport.ts";

/** What an adapter tells a parent about one child. */
export interface ChildEvents {
  /** It said something. Nothing comes before `start` has returned. */
  message(message: unknown): void;
  /** It has got a connection that it was given, or answers again. */
  got(): void;
  /** It did not answer, and gets this one not. */
  returned(connection: StreamHandle, index: number): void;
  /** It is ending or has ended, and takes nothing more; what it said may still come. */
  ending(): void;
  /**
   * It has ended and is reaped, and all that it said was told; once, and last.
   * Also, with an error, for one that could not be started.
   */
  exited(exit: ChildExit): void;
}

/** One child, as its parent holds it. What is sent to one that has gone is lost. */
export interface ChildHandle {
  /** Its process id; undefined for a thread, and if it could not be started. */
  readonly pid: number | undefined;
  /** Its number among the threads of this process; undefined for a process. */
  readonly thread: number | undefined;
  /** Says something to it, in order with what is given and shared. */
  send(message: unknown): void;
  /** Lets it accept on a listener of `Children.listen`, which stays open here. */
  share(listener: ListenHandle, index: number): void;
  /** Gives it a connection of `Children.listen` that nobody attached to; it is closed here. */
  give(connection: StreamHandle, index: number): void;
  /**
   * As `give`, once it has answered: it may be stuck in a handler. If it does
   * not, the connection is `returned`.
   */
  offer(connection: StreamHandle, index: number): void;
  /** Has every connection `returned` that it was offered and has not answered for. */
  takeBack(): void;
  /** Ends it at once, whatever it does (SIGKILL, signal(7)). */
  kill(): void;
}

/** Signals that a server heeds; see signal(7). */
export type ServerSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** What a parent takes from an adapter. */
export interface Starter {
  /** Starts a child that will serve with the module of this URL. */
  start(module: string, events: ChildEvents): ChildHandle;
  /**
   * Data of users', as a child will have it.
   *
   * @throws for what cannot be sent to one.
   */
  copy(data: unknown): unknown;
  /** How many can run at once: processors that this process may use. */
  parallelism(): number;
  /** Calls back at each of these signals, instead of what they would do; returns the way to stop that. */
  onSignals(
    names: readonly ServerSignal[],
    callback: (name: ServerSignal) => void,
  ): () => void;
}

/**
 * Child processes. A runtime without them has no `children`, and a server that
 * needs them is refused.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { serve, runtime } = createSimulation();
 * assert.equal(runtime.children, undefined);
 * const module = new URL("handler.ts", import.meta.url);
 * await assert.rejects(serve("mem:app", module, { strategy: "process" }), {
 *   code: "ERR_SOCKEYE_UNSUPPORTED",
 * });
 * ```
 */
export interface Children extends Starter {
  /** As `Runtime.listen`, with handles that can be given to children and shared with them. */
  listen(
    at: Address,
    request: ListenRequest,
    events: ListenStartEvents,
  ): Pending;
  /**
   * Looks for a program that is to serve connections, for the directory that it
   * runs in and for its log.
   *
   * @throws {SockeyeError} `ENOENT`, `EACCES`, `ENOTDIR`, … if one of them is
   * not to be had; `ERR_SOCKEYE_UNSUPPORTED` if the runtime may not run it.
   */
  find(request: ProgramRequest): Program;
}

/** Threads of this process: whatever `Runtime.listen` accepts can be given to them. */
export type Threads = Starter;

/** What an adapter tells a child about its parent. */
export interface ParentEvents {
  /** It said something. */
  message(message: unknown): void;
  /** It has gone; nobody is there any more who would wait. */
  gone(): void;
  /** Somebody else asked this process to end (SIGTERM). */
  asked(): void;
}

/** The parent, as a child holds it. */
export interface Parent {
  /** Connections that it has given to this child. */
  readonly received: number;
  /** Those of them that were over before they came. */
  readonly missed: number;
  /** Names who is told, and begins to hear. Called once. */
  attach(events: ParentEvents): void;
  /**
   * Stands for the parent's listeners, one for each address: it gives what the
   * parent gives, and what is accepted here once the parent has shared them.
   */
  listeners(
    addresses: readonly Address[],
    request: ListenRequest,
  ): ListenHandle[];
  /** Says something to it. */
  send(message: unknown): void;
  /** Hears no more, so that this process can end. */
  leave(): void;
}
