/**
 * A socket of `node:net` that a program has as its standard input and output.
 *
 * A program expects that its reads and writes wait, and whoever starts one has
 * the kernel do so: `O_NONBLOCK` is taken off in the child. But it stands with
 * the socket (the open file description, fcntl(2)), which is ours as well. So
 * nothing may be done with it here while the program runs, and it must be put
 * back before we read what the client still sends: a read that waits would hold
 * up the whole process. Seen with a program that ends at once and a client that
 * sends 128 KiB and then waits: Node 20.20 and Deno 2.9.5 stood still until that
 * client was gone. Bun 1.4 reads by recv(2) with MSG_DONTWAIT, and does not mind.
 *
 * @module
 */
import { Socket } from "node:net";
import process from "node:process";
import { SockeyeError } from "../../../core/error.ts";

/** A socket that is lent. */
export interface LentSocket {
  /** For the option `stdio` of `spawn`. */
  readonly stdio: Socket | number;
  /** The program has ended, or could not be started: it can be read from again. */
  takeBack(): void;
}

/** The private parts that this needs. */
interface Handle {
  /** On Node; uv_stream_set_blocking. */
  setBlocking?(on: boolean): number;
  /** On Deno, which sends sockets to children by it: a copy of the descriptor. */
  fdForIpc?(): number;
}

/** Bun's sockets have no private parts, and need none. */
const neverWaits = process.versions.bun !== undefined;

/**
 * Lends a socket that nobody reads from.
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` where the private parts are
 * not what they were.
 */
export function lendSocket(socket: Socket): LentSocket {
  const handle = (socket as unknown as { readonly _handle: Handle })._handle;
  if (neverWaits) return { stdio: socket, takeBack: () => {} };
  if (handle.fdForIpc !== undefined) return lendCopy(handle.fdForIpc());
  if (handle.setBlocking === undefined || "deno" in process.versions) {
    throw new SockeyeError(
      "ERR_SOCKEYE_UNSUPPORTED",
      "this version of the runtime does not let a socket be lent",
    );
  }
  return {
    stdio: socket,
    takeBack: () => void (socket.destroyed || handle.setBlocking!(false)),
  };
}

/**
 * On Deno. A socket as `stdio` would be relayed through pipes there, which lose
 * what a program writes just before it ends; a descriptor's number is not. The
 * copy is ours to close, and nothing but a socket can close it: that also puts
 * `O_NONBLOCK` back, for both.
 */
function lendCopy(fd: number): LentSocket {
  // What dup(2) said is not told: it can only have been that.
  if (fd < 0) throw new SockeyeError("EMFILE", "no descriptor is left");
  return { stdio: fd, takeBack: () => void new Socket({ fd }).destroy() };
}
