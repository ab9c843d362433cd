/**
 * What a parent and its children say to each other: plain data, so that any
 * channel carries it. A child says `hello` first, so that nothing is said to it
 * before it hears; then come `begin` and, with `prefork`, the listeners.
 *
 * @module
 */
import type { Address } from "../address.ts";
import type { ListenRequest } from "../transport.ts";

/** Counts of one child since it began. */
export interface ChildCounts {
  /** Connections that it took by itself. */
  readonly taken: number;
  /** Connections that are over, whoever took them. */
  readonly left: number;
  /** Connections that ended by a reset, a timeout or an error of a handler. */
  readonly failed: number;
  /** Connections that were turned away. */
  readonly rejected: number;
  /** Failed accepts. */
  readonly acceptErrors: number;
  /** Bytes that arrived. */
  readonly bytesRead: number;
  /** Bytes that the system took. */
  readonly bytesWritten: number;
}

/** What a child serves, and how. */
export interface ChildTask {
  /** URL of the module whose default export is the handler. */
  readonly module: string;
  /** What the module's `onStart` is told. */
  readonly data?: unknown;
  /** Where the parent listens. */
  readonly addresses: readonly Address[];
  /** How it does. */
  readonly request: ListenRequest;
  /** Options of its server that can be written down. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it serves one connection at a time: it is told to finish with its last. */
  readonly exclusive: boolean;
  /** Whether the parent is to be told what handlers throw. */
  readonly reports: boolean;
}

/** What a parent says. */
export type ToChild =
  | { readonly do: "begin"; readonly task: ChildTask }
  /** Finish within `grace` ms (null: as long as it takes), then end. */
  | { readonly do: "retire"; readonly grace: number | null }
  /** What was said last has been heard: nothing more is wanted. */
  | { readonly do: "end" }
  /** From `Server.broadcast`. */
  | { readonly do: "hear"; readonly message: unknown };

/** What a child says. */
export type FromChild =
  | { readonly say: "hello" }
  /** It takes connections from now on. */
  | { readonly say: "ready" }
  /** It cannot serve, and ends. */
  | { readonly say: "failed"; readonly error: WrittenError }
  /** What it counted so far. */
  | { readonly say: "counts"; readonly counts: ChildCounts }
  /** A handler threw. */
  | { readonly say: "error"; readonly error: WrittenError }
  /** It was asked to end by somebody else. */
  | { readonly say: "leaving" }
  /** Its server is closed, and it ends. */
  | {
    readonly say: "closed";
    readonly counts: ChildCounts;
    readonly drained: number;
    readonly aborted: number;
  };

/** An error, written down. */
export interface WrittenError {
  /** Its class's name. */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Its code, if it has one. */
  readonly code?: string | undefined;
  /** Where it was made. */
  readonly stack?: string | undefined;
}

/**
 * Writes down whatever was thrown. What is no `Error` becomes one, with its
 * text as the message; a code that is no string is left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SockeyeError, writeError } from "@sockeye/net/core";
 *
 * const written = writeError(new SockeyeError("EPIPE", "Cannot write: it left"));
 * assert.equal(written.code, "EPIPE");
 * assert.deepEqual(writeError("stop"), { name: "Error", message: "stop" });
 * ```
 */
export function writeError(thrown: unknown): WrittenError {
  if (!(thrown instanceof Error)) {
    return { name: "Error", message: String(thrown) };
  }
  const { name, message, stack } = thrown;
  const { code } = thrown as { code?: unknown };
  return {
    name,
    message,
    stack,
    code: typeof code === "string" ? code : undefined,
  };
}

/**
 * The error that was written down: its name, message, code and stack. It is an
 * `Error`, not of the class that was thrown.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readError, writeError } from "@sockeye/net/core";
 *
 * const sent = structuredClone(writeError(new RangeError("too far")));
 * const error = readError(sent);
 * assert.equal(String(error), "RangeError: too far");
 * assert.ok(!(error instanceof RangeError));
 * ```
 */
export function readError(written: WrittenError): Error {
  const { name, message, code, stack } = written;
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}

/**
 * Whether something received is of this protocol: a module may say things of
 * its own. Looks at `say` alone, which is any string.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isFromChild } from "@sockeye/net/core";
 *
 * const received: unknown[] = [{ say: "hello" }, { progress: 0.5 }, null];
 * assert.deepEqual(received.filter(isFromChild), [{ say: "hello" }]);
 * ```
 */
export function isFromChild(message: unknown): message is FromChild {
  return typeof (message as { say?: unknown } | null)?.say === "string";
}

/**
 * As {@linkcode isFromChild}, at the other end: looks at `do` alone.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isToChild } from "@sockeye/net/core";
 *
 * const received: unknown = { do: "retire", grace: 5000 };
 * if (isToChild(received) && received.do === "retire") {
 *   assert.equal(received.grace, 5000); // ms
 * }
 * assert.ok(!isToChild({ say: "hello" })); // that is what a child says
 * ```
 */
export function isToChild(message: unknown): message is ToChild {
  return typeof (message as { do?: unknown } | null)?.do === "string";
}
