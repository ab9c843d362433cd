/**
 * Addresses for one case, and the proof that nothing of it is left: no file in
 * its directory, no socket in the process that was not there before.
 */
import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TransportName } from "./subject.ts";

let serial = 0;

export class Scratch {
  /** A directory of the case's own; must be empty at its end. */
  readonly directory: string;
  readonly #transport: TransportName;
  readonly #sockets: number;

  constructor(transport: TransportName) {
    this.#transport = transport;
    this.#sockets = openSockets();
    this.directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  }

  /** A path in the directory, not taken yet. */
  path(): string {
    return join(this.directory, `s${++serial}`);
  }

  address(): string {
    if (this.#transport === "tcp") return "tcp://127.0.0.1:0";
    if (this.#transport === "unix") return `unix:${this.path()}`;
    if (this.#transport === "fifo") return `fifo:${this.path()}`;
    return `mem:case-${++serial}`;
  }

  /** For a Unix socket or a FIFO, the file of a server that is gone. */
  async refusingAddress(): Promise<string> {
    const transport = this.#transport;
    if (transport === "mem") return this.address();
    if (transport !== "tcp") return `${transport}:${await this.stalePath()}`;
    const port = await unusedPort();
    return `tcp://127.0.0.1:${port}`;
  }

  /** A file that nobody listens at any more: a socket or a FIFO. */
  async stalePath(path: string = this.path()): Promise<string> {
    // No runtime leaves its file behind on close; a process that ends does.
    const { spawnSync } = await import("node:child_process");
    const program = this.#transport === "fifo"
      ? "import os,sys; os.mkfifo(sys.argv[1])"
      : "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";
    const { status } = spawnSync("python3", ["-c", program, path]);
    assert.equal(status, 0, "python3 leaves a stale file");
    return path;
  }

  /** A plain file with a word in it. */
  plainFile(path: string = this.path()): string {
    writeFileSync(path, "precious");
    return path;
  }

  /** Removes a file that the case itself has put there. */
  remove(path: string): void {
    rmSync(path, { force: true, recursive: true });
  }

  /** Names in the directory. */
  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  /** Files of the directory that this process has open: FIFOs, unlinked or not. */
  #openFiles(): string[] {
    const within = `${this.directory}/`;
    return openPaths().filter((path) => path.startsWith(within));
  }

  /** Waits until nothing is left, then removes the directory. */
  async checkEmpty(): Promise<void> {
    const last = performance.now() + 5000;
    let names = this.names();
    let sockets = openSockets();
    let files = this.#openFiles();
    while (names.length + files.length > 0 || sockets > this.#sockets) {
      if (performance.now() > last) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
      names = this.names();
      sockets = openSockets();
      files = this.#openFiles();
    }
    rmSync(this.directory, { recursive: true, force: true });
    assert.deepEqual(names, [], "files left behind");
    assert.deepEqual(files, [], "files left open");
    const more = sockets - this.#sockets;
    assert.ok(more <= 0, `${more} sockets left open`);
  }
}

/** Where the descriptors of this process lead; empty where the system does not tell. */
function openPaths(): string[] {
  try {
    return readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        // Closed since the directory was read.
        return "";
      }
    });
  } catch {
    return [];
  }
}

/** How many sockets this process holds for us; 0 where the system does not tell. */
export function openSockets(): number {
  const inodes = new Set(
    openPaths().flatMap((path) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(path) ?? [];
      return inode === undefined ? [] : [Number(inode)];
    }),
  );
  // Runtimes have pairs of their own; Deno makes one half a second after its
  // start. Both ends are made at once and have no name: an accepted one has.
  const nameless = namelessUnixSockets();
  const ofRuntime = (one: number, other: number) =>
    inodes.has(other) && nameless.has(one) && nameless.has(other);
  return [...inodes].filter((inode) =>
    !ofRuntime(inode, inode + 1) && !ofRuntime(inode, inode - 1)
  ).length;
}

/** By proc(5): number, references, protocol, flags, type, state, inode, path. */
function namelessUnixSockets(): Set<number> {
  const lines = readFileSync("/proc/self/net/unix", "utf8").split("\n");
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    fields.filter((each) => each.length === 7).map((each) => Number(each[6])),
  );
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
