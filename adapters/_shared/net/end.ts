/**
 * Whether an end that Node tells is one.
 *
 * libuv before 1.52 (Node 20 and 22) makes an end of a reset that it learns of
 * together with the last bytes: it takes the kernel's hang-up for an end
 * instead of reading once more (libuv/libuv#4997). To see it: pause, let the
 * peer send and reset, resume; `end` comes, and no `error`. Here the reading is
 * done that libuv left out.
 *
 * @module
 */
import type { Socket } from "node:net";
import process from "node:process";

const [major = 0, minor = 0] = process.versions.uv.split(".").map(Number);

/** Whether this libuv does so. */
export const mistakesResets: boolean = major === 1 && minor < 52 &&
  // Bun names a libuv that its sockets do not use.
  process.versions.bun === undefined;

/** The private parts that this needs; without them ends are believed. */
interface Handle {
  readStart?(): number;
  /** Told of every read, with its result in a place that only Node sees. */
  onread?: (this: unknown, ...result: unknown[]) => unknown;
  /** 0, or what failed: on a connection that is over, ENOTCONN. */
  getpeername?(address: object): number;
}

interface Parts {
  _handle?: Handle | null;
  _readableState?: { autoDestroy?: boolean };
}

/** Keeps a socket open when both directions have ended, for it may be a reset. */
export function holdEnd(socket: Socket): void {
  if (!mistakesResets) return;
  const state = (socket as unknown as Parts)._readableState;
  if (state?.autoDestroy) state.autoDestroy = false;
}

/**
 * Calls back when the end is sure: at once, or after one more read. A reset
 * then comes as the socket's `error`, and nothing is called.
 */
export function whenSure(socket: Socket, ended: () => void): void {
  const handle = (socket as unknown as Parts)._handle;
  // While the kernel knows the peer, it has sent an end and not a reset.
  const sure = !mistakesResets || !handle?.readStart || !handle.onread ||
    handle.getpeername?.({}) === 0;
  if (sure) return ended();
  const { onread } = handle;
  let { bytesRead } = socket;
  handle.onread = function (...result: unknown[]): unknown {
    const given = onread!.apply(this, result);
    if (socket.destroyed) return given;
    if (socket.bytesRead !== bytesRead) {
      // Bytes after all: the end comes behind them.
      bytesRead = socket.bytesRead;
      return given;
    }
    handle.onread = onread!;
    ended();
    return given;
  };
  handle.readStart!();
}
