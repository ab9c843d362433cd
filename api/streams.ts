/**
 * The two directions of a connection as web streams.
 *
 * The end of one never closes the other: cancelling `readable` stops taking
 * bytes (a read that waits is given up, so that the next to arrive are there
 * for `read`), closing `writable` ends our direction.
 *
 * @module
 */
import type { ByteSource, Connection } from "./types.ts";

/**
 * The reading side; takes from the source only what is asked of it. A read
 * that is under way when it is cancelled is given up, so that whoever reads by
 * themselves from then on is not refused, and gets every byte.
 */
export function readableOf(
  source: Pick<ByteSource, "read">,
): ReadableStream<Uint8Array> {
  const reading = new AbortController();
  const op = { signal: reading.signal };
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const bytes = await source.read(op);
      if (bytes === null) controller.close();
      else controller.enqueue(bytes);
    },
    cancel: () => reading.abort(),
  }, { highWaterMark: 0 });
}

/** The writing side; `close` ends our direction, `abort` resets the connection. */
export function writableOf(
  connection: Pick<Connection, "write" | "closeWrite" | "abort">,
): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (bytes) => connection.write(bytes),
    close: () => connection.closeWrite(),
    abort: (reason) => connection.abort(reason),
  });
}
