/**
 * Who stands at the path of a Unix socket, asked of the system itself.
 *
 * Bun 1.4.4 says ECONNREFUSED for nearly everything that connect(2) refuses: a
 * live server whose queue is full (EAGAIN), a socket of datagrams
 * (EPROTOTYPE), a file in the way (ENOTDIR), no descriptor left (EMFILE). Who
 * believes it takes a live server's name away. So the C library is asked, by
 * a *datagram* socket: for a stream socket that somebody has open that gives
 * EPROTOTYPE, full queue or not, and the server is not shown a connection.
 *
 * @module
 */
import process from "node:process";
import { getSystemErrorName } from "node:util";
import type { ErrorCode } from "../../core/error.ts";
import { errorCode } from "../_shared/errors.ts";

/** A stream socket or one of datagrams that is open, or why neither is there. */
export type Standing = "stream" | "datagram" | ErrorCode;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** `sizeof(struct sockaddr_un)`: two bytes of family, 108 of name. */
const ADDRESS_SIZE = 110;

/** What is used of `bun:ffi`. */
interface ForeignFunctions {
  dlopen(library: string, functions: Record<string, Signature>): {
    readonly symbols: Record<string, ForeignFunction>;
  };
  readonly read: { i32(pointer: unknown, offset: number): number };
}

interface Signature {
  readonly args: readonly string[];
  readonly returns: string;
}

type ForeignFunction = (...args: readonly unknown[]) => unknown;

interface LibC {
  socket(family: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  errno(): number;
}

/** Null where there is none. */
let libC: LibC | null | undefined;

/**
 * Asks who stands at a path (a leading NUL: at an abstract name).
 *
 * @returns undefined where that cannot be asked: not on Linux, or no FFI.
 */
export function askPath(path: string): Standing | undefined {
  const name = new TextEncoder().encode(path);
  if (name.length > ADDRESS_SIZE - 3) return "ENAMETOOLONG";
  if (libC === undefined) libC = loadLibC();
  if (libC === null) return undefined;
  const c = libC;
  const address = new Uint8Array(ADDRESS_SIZE);
  address[0] = AF_UNIX;
  address.set(name, 2);
  // An abstract name is as long as it is told to be; a path ends with a NUL.
  const length = 2 + name.length + (name[0] === 0 ? 0 : 1);
  const fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return toStanding(c.errno());
  const failed = c.connect(fd, address, length) < 0;
  const errno = c.errno();
  c.close(fd);
  return failed ? toStanding(errno) : "datagram";
}

function toStanding(errno: number): Standing {
  const code = getSystemErrorName(-errno);
  return code === "EPROTOTYPE" ? "stream" : errorCode({ code });
}

/** The numbers above are Linux's; x86-64 and arm64 share them. */
function loadLibC(): LibC | null {
  if (process.platform !== "linux") return null;
  const musl = process.arch === "arm64" ? "aarch64" : "x86_64";
  for (const library of ["libc.so.6", `libc.musl-${musl}.so.1`]) {
    try {
      return load(library);
    } catch {
      // The other one, then.
    }
  }
  return null;
}

/**
 * `bun:ffi` is asked for, not imported: a bundler for another runtime would
 * follow the import, and fail, as dnt does.
 */
function load(library: string): LibC {
  const { dlopen, read } = process.getBuiltinModule(
    "bun:ffi",
  ) as unknown as ForeignFunctions;
  const { symbols } = dlopen(library, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const call = (name: string, ...args: readonly unknown[]): unknown =>
    symbols[name]!(...args);
  return {
    socket: (...args) => Number(call("socket", ...args)),
    connect: (...args) => Number(call("connect", ...args)),
    close: (fd) => Number(call("close", fd)),
    errno: () => {
      const at = call("__errno_location");
      return at === null ? 0 : read.i32(at, 0);
    },
  };
}
