/**
 * Connections over FIFOs for tests: the files are made, opened at both ends,
 * and unlinked at once.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FifoEnds } from "../../adapters/_shared/fifo/ends.ts";
import { FifoStream } from "../../adapters/_shared/fifo/stream.ts";
import { runtime, Stream } from "./drive.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The ends of the runtime that we run on. */
export const ends: FifoEnds = await load();

async function load(): Promise<FifoEnds> {
  switch (runtime.name) {
    case "bun":
      return (await import("../../adapters/bun/fifo_ends.ts")).fifoEnds;
    case "deno":
      return (await import("../../adapters/deno/fifo_ends.ts")).fifoEnds;
    default:
      return (await import("../../adapters/node/fifo_ends.ts")).fifoEnds;
  }
}

/** The two descriptors of a FIFO. */
export interface Fifo {
  readonly reader: number;
  readonly writer: number;
}

/** So many FIFOs, by one `mkfifo`. */
export function fifos(count: number): Fifo[] {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-fifo-"));
  try {
    const paths = Array.from(
      { length: count },
      (_, at) => join(directory, String(at)),
    );
    execFileSync("mkfifo", ["-m", "600", ...paths]);
    return paths.map((path) => ({
      reader: openSync(path, O_RDONLY | O_NONBLOCK),
      writer: openSync(path, O_WRONLY | O_NONBLOCK),
    }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const peers = {
  localAddress: { transport: "mem", name: "here" },
  remoteAddress: { transport: "mem", name: "there" },
} as const;

/** A connection over two descriptors, attached. */
export function streamOf(reader: number, writer: number): Stream {
  return new Stream(handleOf(reader, writer));
}

/** A connection over two descriptors. */
export function handleOf(reader: number, writer: number): FifoStream {
  return new FifoStream(ends, { reader, writer }, peers);
}

/** So many connections, with both sides of each. */
export function pairs(count: number): [client: Stream, server: Stream][] {
  const made = fifos(2 * count);
  return Array.from({ length: count }, (_, at) => {
    const up = made[2 * at]!;
    const down = made[2 * at + 1]!;
    return [
      streamOf(down.reader, up.writer),
      streamOf(up.reader, down.writer),
    ];
  });
}
