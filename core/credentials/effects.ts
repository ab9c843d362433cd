/**
 * What the machines of `credentials.ts` ask for, and what they are told.
 *
 * @module
 */
import type { FoundFile } from "../disk_name/effects.ts";
import type { ErrorCode, SockeyeError } from "../error.ts";
import type { Credentials } from "../transport.ts";

/** The next thing to do on the disk; each is answered by `handleResult`. */
export type PlaceEffect =
  /** The path with no symbolic link and no relative part in it (realpath(3)). */
  | { readonly do: "resolve"; readonly path: string }
  /** `lstat`. */
  | { readonly do: "inspect"; readonly path: string }
  /** Names in a directory. */
  | { readonly do: "list"; readonly path: string }
  /** Make a directory; the umask takes bits of the mode away. */
  | {
    readonly do: "makeDirectory";
    readonly path: string;
    readonly mode: number;
  }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | { readonly do: "unlink"; readonly path: string }
  | { readonly do: "removeDirectory"; readonly path: string };

/** The next thing to do in a handshake; after the last three nothing follows. */
export type HandshakeEffect =
  | PlaceEffect
  /** Connect to the path; answered by `handleResult`. */
  | { readonly do: "connect"; readonly path: string }
  /** Send these ASCII characters; answered by `handleResult` once the system has them. */
  | { readonly do: "send"; readonly text: string }
  /** Wait for `handleData`, `handleEnd` or `handleClosed`, which may come at other times as well. */
  | { readonly do: "receive" }
  /** The connection is the user's, and so is what `rest` has. */
  | { readonly do: "done"; readonly credentials: Credentials | undefined }
  /**
   * Send the farewell, if there is one, and our end; drop what still comes until
   * the peer's end, for so many ms at most; close.
   */
  | {
    readonly do: "failed";
    readonly error: SockeyeError;
    readonly farewell: string | undefined;
    readonly linger: number;
  }
  /** The peer said nothing and has gone: close. No failure, servers are probed so. */
  | { readonly do: "left" };

/** How an effect went. */
export interface PlaceResult {
  /** Why it failed; absent when it was done. */
  readonly code?: ErrorCode;
  /** The runtime's own error. */
  readonly cause?: unknown;
  /** Of `inspect`. */
  readonly found?: FoundFile;
  /** Of `list`. */
  readonly names?: readonly string[];
  /** Of `resolve`. */
  readonly path?: string;
}

/** A part of a protocol on the disk alone. */
export type PlaceFlow<T> = Generator<PlaceEffect, T, PlaceResult>;
/** A part of a handshake. */
export type HandshakeFlow<T> = Generator<HandshakeEffect, T, PlaceResult>;
