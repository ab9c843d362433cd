/**
 * Who serves the connections of a pool server, whatever its children are:
 * processes with a module's handler (`children/crew.ts`), or programs (`exec/staff.ts`).
 *
 * @module
 */
import type { ChildLedger } from "../../core/children/ledger.ts";
import type { StreamHandle } from "../../core/transport.ts";

/** What a staff tells its server. */
export interface StaffEvents {
  /** The pool has been told something: it is to be asked what to do. */
  changed(): void;
  /** A child did not take this connection: it waits again, and before the others. */
  returned(connection: StreamHandle, index: number): unknown;
  /** So many connections that were given to children are over. */
  freed(count: number): void;
  /** A handler threw, or a program could not be run. */
  failed(error: unknown): void;
}

/** What the system calls a child, a process or a thread. */
export interface ChildNames {
  readonly pid: number | undefined;
  readonly thread: number | undefined;
}

/** The children of a server: does what the pool says, and tells it what they do. */
export interface Staff {
  /** What they were given, and what became of it. */
  readonly ledger: ChildLedger;
  /** What the system calls a child; nothing if there is none. */
  namesOf(id: number): ChildNames;
  /** Starts a child by this number. */
  start(id: number): void;
  /** Gives it a connection that was accepted on the listener of this index. */
  give(id: number, connection: StreamHandle, index: number): void;
  /** Has it finish within `grace` ms, and end. */
  retire(id: number, grace: number): void;
  /** Ends it at once. */
  kill(id: number): void;
  /** Says it to every child that serves; gives how many those are. */
  broadcast(message: unknown): number;
  /** Those that are started from now on are to be as new. */
  renew?(): void;
  /** There will be no child any more. */
  close?(): void;
}
