/**
 * What the machines of the rendezvous ask for, and what they are told.
 *
 * @module
 */
import type { FoundFile } from "../disk_name/effects.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";
import type { Credentials } from "../transport.ts";

export type { FoundFile } from "../disk_name/effects.ts";

/**
 * The open FIFOs of a handshake. The server has `c2s` for reading and `s2c`
 * for writing, the client the other way round; its anchors are the same FIFOs,
 * opened in the server's place until the server has come.
 */
export type RendezvousEnd =
  | "rendezvous"
  | "c2s"
  | "s2c"
  | "c2sAnchor"
  | "s2cAnchor";

/** Effects of either side. All of them are done at once; none may wait for a peer. */
export type FileEffect =
  /** Open without waiting, without following a symbolic link: `O_NONBLOCK | O_NOFOLLOW`. */
  | {
    readonly do: "open";
    readonly end: RendezvousEnd;
    readonly path: string;
    readonly to: "read" | "write";
  }
  /** `fstat`; answered by `handleFound`. */
  | { readonly do: "look"; readonly end: RendezvousEnd }
  /** All of a short text, or nothing (`EAGAIN`): pipe(7) on `O_NONBLOCK` and `PIPE_BUF`. */
  | {
    readonly do: "write";
    readonly end: RendezvousEnd;
    readonly text: string;
  }
  | { readonly do: "close"; readonly end: RendezvousEnd }
  | { readonly do: "unlink"; readonly path: string };

/** What a client's handshake wants next; after `done` and `failed` nothing follows. */
export type ClientEffect =
  | FileEffect
  /** `lstat`; answered by `handleFound`. */
  | { readonly do: "inspect"; readonly path: string }
  /** Make FIFOs, mode 0600. */
  | { readonly do: "makeFifos"; readonly paths: readonly string[] }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | {
    readonly do: "chown";
    readonly path: string;
    readonly uid: number;
    readonly group: number;
  }
  /** Nothing until `pollTimeout`. */
  | { readonly do: "wait" }
  /** Bytes of s2c, to `handleBytes`, until `pollTimeout`. */
  | { readonly do: "receive" }
  /** The ends `c2s` and `s2c` are a connection. Those that are open else were closed. */
  | { readonly do: "done" }
  /** Nothing of it is left. */
  | { readonly do: "failed"; readonly error: SockeyeError };

/** What a server's handshake wants next; after `admit` and `refuse` nothing follows. */
export type ServerEffect =
  | FileEffect
  /** Nothing until `pollTimeout`. */
  | { readonly do: "wait" }
  /** No descriptor is left. To be told to whom the listener belongs; it is tried again. */
  | { readonly do: "exhausted"; readonly error: SockeyeError }
  /** The ends `c2s` and `s2c` are a connection. */
  | { readonly do: "admit"; readonly credentials: Credentials }
  /** Not this client. Every end was closed. */
  | { readonly do: "refuse"; readonly error: SockeyeError };

/** How an effect went. */
export interface RendezvousResult {
  /** Why it failed; absent when it was done. */
  readonly code?: ErrorCode;
  /** The runtime's own error. */
  readonly cause?: unknown;
  /** Of `look` and `inspect`. */
  readonly found?: FoundFile;
}

/** It was done, and there is nothing to tell of it. */
export const succeeded: RendezvousResult = {};

/** What failed, unless its code says it all; what the system said is the cause. */
export function failure(
  { code = "EIO", cause }: RendezvousResult,
  what: string = cause instanceof Error ? cause.message : code,
): SockeyeError {
  return new SockeyeError(code, what, cause === undefined ? {} : { cause });
}
