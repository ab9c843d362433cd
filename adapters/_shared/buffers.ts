/**
 * The buffers that connections read into: each has one of its own, so that it
 * can be given away. (One for all connections could not be: the runtime keeps
 * reading the others into it.)
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What an idle connection holds; ten thousand of them hold 10 MB. */
const SMALL = 1024;
/** What a connection holds whose last read filled its buffer; libuv reads no more at a time. */
const LARGE = 65536;
/** Buffers that wait for the next connection that needs one. */
const POOLED = 16;
const SMALL_POOLED = 256;

const pool: Uint8Array[] = [];
const smallPool: Uint8Array[] = [];

/** The buffer of a connection that has not read yet. */
export function firstBuffer(): Uint8Array {
  return smallPool.pop() ?? new Uint8Array(SMALL);
}

/** The buffer for the next read, after one of `count` bytes into `buffer`. */
export function nextBuffer(buffer: Uint8Array, count: number): Uint8Array {
  if (buffer.length < LARGE) {
    return count === buffer.length ? largeBuffer() : buffer;
  }
  if (4 * count > LARGE) return buffer;
  reuse(buffer);
  return firstBuffer();
}

/** The buffer for the next read, after one that was given away. */
export function otherBuffer(buffer: Uint8Array, count: number): Uint8Array {
  return 4 * count > buffer.length ? largeBuffer() : firstBuffer();
}

/** Takes a buffer back that no connection reads into any more. */
export function reuse(buffer: Uint8Array): void {
  if (buffer.length === LARGE) {
    if (pool.length < POOLED) pool.push(buffer);
  } else if (buffer.length === SMALL && smallPool.length < SMALL_POOLED) {
    smallPool.push(buffer);
  }
}

/** Not zeroed, and never a part of Node's own pool: its whole memory may be given away. */
function largeBuffer(): Uint8Array {
  return pool.pop() ??
    new Uint8Array(Buffer.allocUnsafeSlow(LARGE).buffer, 0, LARGE);
}
