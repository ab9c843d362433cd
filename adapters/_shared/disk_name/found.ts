/**
 * What stands at a path or behind a descriptor, as the core knows it.
 *
 * @module
 */
import type { BigIntStats } from "node:fs";
import type { FoundFile } from "../../../core/rendezvous/effects.ts";

/** What `stat`, in its big integers, says. */
export function found(stats: BigIntStats): FoundFile {
  return {
    kind: stats.isSocket()
      ? "socket"
      : stats.isFIFO()
      ? "fifo"
      : stats.isFile()
      ? "file"
      : stats.isDirectory()
      ? "directory"
      : stats.isSymbolicLink()
      ? "link"
      : "other",
    // As bigint: an inode number may have 64 bits.
    identity: `${stats.dev}:${stats.ino}`,
    uid: Number(stats.uid),
    age: Date.now() - Number(stats.mtimeMs),
    group: Number(stats.gid),
    mode: Number(stats.mode) & 0o7777,
    links: Number(stats.nlink),
  };
}
