/**
 * What the machines of `disk_name.ts` and `disk_name/release.ts` ask for, and what
 * they are told.
 *
 * @module
 */
import type { ErrorCode, SockeyeError } from "../error.ts";

/** What a name on disk is taken for. */
export type NameKind = "socket" | "fifo";

/** The next thing to do; after `done` and `failed` nothing follows. */
export type DiskEffect =
  /** Make a directory, mode 0700. */
  | { readonly do: "makeDirectory"; readonly path: string }
  /** Make our socket or FIFO at the path, so that probes of it succeed. */
  | { readonly do: "bind"; readonly path: string }
  /** Close what `bind` made. */
  | { readonly do: "unbind" }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | {
    readonly do: "chown";
    readonly path: string;
    /** Who owns it. */
    readonly uid: number;
    readonly group: number;
  }
  /** Give the file at `path` a second name, which must not exist. */
  | { readonly do: "link"; readonly path: string; readonly to: string }
  | { readonly do: "rename"; readonly path: string; readonly to: string }
  /** `lstat`; answered by `handleInspected`. */
  | { readonly do: "inspect"; readonly path: string }
  /** Names in a directory; answered by `handleListed`. */
  | { readonly do: "list"; readonly path: string }
  | { readonly do: "unlink"; readonly path: string }
  | { readonly do: "removeDirectory"; readonly path: string }
  /** Done: somebody answers. Failed with `ECONNREFUSED` (FIFO: `ENXIO`): nobody. */
  | { readonly do: "probe"; readonly path: string }
  /** Failed: the plain file names no process id on its first line, or one that is gone. */
  | { readonly do: "probeHolder"; readonly path: string }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "done" }
  | { readonly do: "failed"; readonly error: SockeyeError };

/** What stands at a path; symbolic links are not followed. */
export interface Found {
  /** What it is. */
  readonly kind: NameKind | "file" | "directory" | "link" | "other";
  /** Device and inode number, as one string. */
  readonly identity: string;
  /** Who owns it. */
  readonly uid: number;
  /** Milliseconds since it was last modified. */
  readonly age: number;
}

/** What stands at a path, or is behind a descriptor. */
export interface FoundFile extends Found {
  /** Its group id. */
  readonly group: number;
  /** Permission bits, with set-id and sticky (07777). */
  readonly mode: number;
  /** Names that it has. */
  readonly links: number;
}

/** How an effect went. */
export interface DiskResult {
  /** Why it failed; absent when it was done. */
  readonly code?: ErrorCode;
  /** The runtime's own error. */
  readonly cause?: unknown;
  /** Of `inspect`. */
  readonly found?: Found;
  /** Of `list`. */
  readonly names?: readonly string[];
}

/** A part of a protocol: gives effects, is told how they went. */
export type DiskFlow<T> = Generator<DiskEffect, T, DiskResult>;
