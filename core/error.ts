/**
 * One error class for everything that this library reports.
 *
 * `code` comes from a closed union: an errno name, the same on every runtime
 * and transport, where the system has a word for what happened; else one of
 * six `ERR_SOCKEYE_…` codes. Source of the names: errno(3).
 *
 * @module
 */

/**
 * Errno names that this library reports, normalised over runtimes; see
 * errno(3).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type ErrnoCode } from "@sockeye/net";
 *
 * const advice: { readonly [code in ErrnoCode]?: string } = {
 *   ECONNREFUSED: "is the server started?",
 *   EACCES: "may this user connect?",
 * };
 * const error = await connect("mem:nobody listens").catch((error) => error);
 * assert.equal(advice[error.code as ErrnoCode], "is the server started?");
 * ```
 */
export type ErrnoCode =
  | "E2BIG"
  | "EACCES"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "EAFNOSUPPORT"
  | "EAGAIN"
  | "EAI_AGAIN"
  | "EBADF"
  | "ECHILD"
  | "ECONNABORTED"
  | "ECONNREFUSED"
  | "ECONNRESET"
  | "EEXIST"
  | "EHOSTUNREACH"
  | "EINVAL"
  | "EIO"
  | "EISDIR"
  | "ELOOP"
  | "EMFILE"
  | "EMSGSIZE"
  | "ENAMETOOLONG"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ENFILE"
  | "ENOBUFS"
  | "ENODEV"
  | "ENOENT"
  | "ENOMEM"
  | "ENOSPC"
  | "ENOTCONN"
  | "ENOTDIR"
  | "ENOTFOUND"
  | "ENOTSOCK"
  | "ENXIO"
  | "EPERM"
  | "EPIPE"
  | "EPROTO"
  | "EROFS"
  | "ETIMEDOUT";

/**
 * Codes for what errno has no word for:
 *
 * - `ERR_SOCKEYE_CLOSED`: we closed it ourselves, before or during the call
 * - `ERR_SOCKEYE_ADDRESS`: an address that cannot be understood
 * - `ERR_SOCKEYE_STATE`: the call is not allowed in this state
 * - `ERR_SOCKEYE_LIMIT`: a limit of this library was passed
 * - `ERR_SOCKEYE_PROTOCOL`: the peer broke a protocol
 * - `ERR_SOCKEYE_UNSUPPORTED`: this runtime or platform cannot do it
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { listen, type SockeyeCode } from "@sockeye/net";
 *
 * const ours: SockeyeCode = "ERR_SOCKEYE_CLOSED";
 * const listener = await listen("mem:closed at once");
 * await listener.close();
 * await assert.rejects(listener.accept(), { code: ours });
 * ```
 */
export type SockeyeCode =
  | "ERR_SOCKEYE_CLOSED"
  | "ERR_SOCKEYE_ADDRESS"
  | "ERR_SOCKEYE_STATE"
  | "ERR_SOCKEYE_LIMIT"
  | "ERR_SOCKEYE_PROTOCOL"
  | "ERR_SOCKEYE_UNSUPPORTED";

/**
 * Every code that a {@linkcode SockeyeError} can carry.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ErrorCode, SockeyeError } from "@sockeye/net";
 *
 * const harmless = new Set<ErrorCode>(["ECONNRESET", "ERR_SOCKEYE_CLOSED"]);
 * const error = new SockeyeError("ECONNRESET", "Cannot read: it was reset");
 * assert.ok(harmless.has(error.code));
 * ```
 */
export type ErrorCode = ErrnoCode | SockeyeCode;

/** What each errno name says in a message, the same on every runtime; after errno(3). */
const errnoTexts: Readonly<Record<ErrnoCode, string>> = {
  E2BIG: "the arguments are too many",
  EACCES: "permission denied",
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  EAFNOSUPPORT: "the address family is not supported",
  EAGAIN: "it is not possible now, try again",
  EAI_AGAIN: "the name cannot be resolved now, try again",
  EBADF: "it is closed, or no descriptor at all",
  ECHILD: "no child process serves it",
  ECONNABORTED: "the connection was aborted",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset by the peer",
  EEXIST: "it exists already",
  EHOSTUNREACH: "there is no route to the host",
  EINVAL: "an argument is invalid",
  EIO: "input or output failed",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "the process has no descriptor left",
  EMSGSIZE: "the message is too long",
  ENAMETOOLONG: "the name is too long",
  ENETDOWN: "the network is down",
  ENETUNREACH: "the network is unreachable",
  ENFILE: "the system has no descriptor left",
  ENOBUFS: "there is no buffer space left",
  ENODEV: "there is no such device",
  ENOENT: "there is no such file or directory",
  ENOMEM: "there is no memory left",
  ENOSPC: "there is no space left",
  ENOTCONN: "it is not connected",
  ENOTDIR: "a part of the path is no directory",
  ENOTFOUND: "there is no such host",
  ENOTSOCK: "it is not a socket",
  ENXIO: "there is nobody at the other end",
  EPERM: "the operation is not permitted",
  EPIPE: "the peer has gone and takes no more",
  EPROTO: "the protocol was broken",
  EROFS: "the file system is read-only",
  ETIMEDOUT: "the time was over",
};

/**
 * Whether a string is an errno name that this library reports.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isErrnoCode } from "@sockeye/net/core";
 *
 * assert.ok(isErrnoCode("ECONNRESET"));
 * assert.ok(!isErrnoCode("EUCLEAN")); // a name of Linux's, never reported here
 * assert.ok(!isErrnoCode("ERR_SOCKEYE_STATE"));
 * ```
 */
export function isErrnoCode(name: unknown): name is ErrnoCode {
  return typeof name === "string" && Object.hasOwn(errnoTexts, name);
}

/**
 * What an errno name says in a message, on every runtime.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { textOfCode } from "@sockeye/net/core";
 *
 * assert.equal(textOfCode("ETIMEDOUT"), "the time was over");
 * ```
 */
export function textOfCode(code: ErrnoCode): string {
  return errnoTexts[code];
}

/**
 * What an error says behind its action and address: the words of its code. What
 * this library said beyond them follows in brackets; what the runtime said is
 * left to `cause`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SockeyeError, textOf } from "@sockeye/net/core";
 *
 * const cause = new Error("connect ENOENT /run/app.sock");
 * assert.equal(
 *   textOf(new SockeyeError("ENOENT", cause.message, { cause })),
 *   "there is no such file or directory",
 * );
 * assert.equal(
 *   textOf(new SockeyeError("EINVAL", "port is -1")),
 *   "an argument is invalid (port is -1)",
 * );
 * ```
 */
export function textOf(error: SockeyeError): string {
  // EIO stands for whatever has no name of its own: the message tells.
  if (!isErrnoCode(error.code) || error.code === "EIO") return error.message;
  const text = errnoTexts[error.code];
  const { cause, message } = error;
  // What a runtime says in its own words is the cause; ours say more.
  const ours = cause === undefined ||
    (cause instanceof Error && !message.includes(cause.message));
  return ours ? `${text} (${message})` : text;
}

/**
 * What else a {@linkcode SockeyeError} may tell.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SockeyeError, type SockeyeErrorOptions } from "@sockeye/net";
 *
 * const cause = new Error("write EPIPE");
 * const more: SockeyeErrorOptions = { cause, bytesTaken: 5 };
 * const error = new SockeyeError("EPIPE", "Cannot write: nobody reads", more);
 * assert.equal(error.bytesTaken, 5); // the others are to be sent again
 * assert.equal(error.cause, cause);
 * ```
 */
export interface SockeyeErrorOptions {
  /** The runtime's own error, if there is one. */
  cause?: unknown;
  /** Of a write that failed: how many of its bytes had been taken before. */
  bytesTaken?: number;
}

/**
 * The one error class of this library.
 *
 * The message names the action, the address and the state; programs look at
 * `code` alone.
 *
 * @example
 * ```ts
 * import { connect, SockeyeError } from "@sockeye/net";
 *
 * try {
 *   await connect("unix:/nobody/listens/here");
 * } catch (error) {
 *   if (!(error instanceof SockeyeError) || error.code !== "ENOENT") throw error;
 * }
 * ```
 */
export class SockeyeError extends Error {
  /** Always `"SockeyeError"`. */
  override readonly name: string = "SockeyeError";
  /** What happened, from a closed union. */
  readonly code: ErrorCode;
  /**
   * Of a write that failed: how many of its bytes, counted from the first,
   * were taken before. `undefined` on errors that are not about a write.
   */
  readonly bytesTaken: number | undefined;

  /** `message` is in sentence case, without a final period. */
  constructor(
    code: ErrorCode,
    message: string,
    options: SockeyeErrorOptions = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.bytesTaken = options.bytesTaken;
  }
}
