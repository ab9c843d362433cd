/**
 * Who is calling: the credential challenge on Unix sockets.
 *
 * No runtime tells a server which user is at the other end of a Unix socket
 * (`SO_PEERCRED`, unix(7)). So the caller shows it by what it can put on the
 * disk. For a server at `run/app.sock`:
 *
 * 1. The server owns the directory `run/app.sock.auth`, mode 01733: everybody
 *    may put something into it, nobody but the server can list it, and nobody
 *    can touch what others put there. (0700 where the socket's own mode lets
 *    only the same user in.) Every directory above it must be root's or the
 *    server's own, and not writable by others unless it is sticky.
 * 2. To each connection it sends a nonce of 128 random bits, and nothing else:
 *    never a path.
 * 3. The client derives a name from the nonce and from the device and inode
 *    number of the socket file that it connected to, and makes a directory of
 *    that name there, mode 0700, which is its **proof**.
 * 4. The server looks at that name once (lstat(2)), takes the owner for the
 *    caller, removes it, and opens the connection.
 *
 * | who | line |
 * | --- | --- |
 * | server | `sockeye/1 identify <nonce: 32 lower-case hex>` |
 * | client | `sockeye/1 ready <its process id>` |
 * | server | `sockeye/1 ok <uid>`, or `sockeye/1 error <CODE>` and the end |
 *
 * Plain bytes follow in both directions. A client is ten lines in any language:
 *
 * ```py
 * s = socket.socket(socket.AF_UNIX); s.connect(path)
 * f = s.makefile("rwb", buffering=0)
 * nonce = f.readline().decode().split()[2]
 * assert re.fullmatch("[0-9a-f]{32}", nonce)
 * at = os.stat(path)
 * os.mkdir(f"{path}.auth/{at.st_dev}-{at.st_ino}-{nonce}", 0o700)
 * f.write(f"sockeye/1 ready {os.getpid()}\n".encode())
 * assert f.readline().startswith(b"sockeye/1 ok ")
 * ```
 *
 * **What it proves:** a process with this effective user id chose to answer
 * this socket, within the last seconds. A relay gives another name, since the
 * name has the relay's own socket in it. A symbolic link, a second name of
 * somebody's file, or an old file that was moved to the name is no proof: it
 * must be a fresh one, of mode 0700.
 *
 * **What it does not prove:** it does not stop root, nor other processes of the
 * same user. A program that is set-user-id shows its effective user. The
 * process id is a claim. There is no group: a set-group-id directory gives its
 * own to what is made in it. The overflow user (65534, commonly `nobody`)
 * stands for users whom this namespace does not know, and is refused.
 *
 * **Why a directory.** A socket of mode 0700 with one name, made in the same
 * place, is taken as a proof as well, but is the weaker one: whoever owns a
 * directory can move other people's files out of it. A server that is called
 * by a user can so move that user's fresh socket to where another server looks
 * for it, and be taken for that user there. To move a directory to another
 * parent one must be able to write to it (rename(2), EACCES), which with 0700
 * only its owner is. It also needs no descriptor, and no path of at most 107
 * bytes.
 *
 * **The client's side:** it resolves all symbolic links first, wants every
 * directory above the socket to be root's, the server's or its own, as the
 * server does, and the socket to be the same before and after it connected. So
 * nobody but the server's user and root can lead it elsewhere. `expectServer`
 * says who the server's user must be; with it, or with `identify`, these checks
 * come before anything is sent.
 *
 * What a client that was killed leaves in the directory is removed at the end
 * of its handshake, when the server closes, and when the next one starts.
 *
 * @module
 */
import { type Address, formatAddress, isAbstract } from "./address.ts";
import { SockeyeError } from "./error.ts";
import type { ConnectRequest, ListenRequest } from "./transport.ts";

export { answerChallenge, type CallRequest } from "./credentials/client.ts";
export { challenge, type ChallengeRequest } from "./credentials/server.ts";

/**
 * Checks that a listener can do what is asked about its callers.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkListenRequest } from "@sockeye/net/protocols";
 *
 * const wanted = {
 *   noDelay: true,
 *   keepAlive: true,
 *   keepAliveDelay: 0, // ms, as is the next
 *   handshakeTimeout: 5000,
 *   backlog: 511,
 *   ipv6Only: false,
 *   mode: 0o666,
 *   group: undefined,
 *   allowUsers: [1000],
 *   identify: false,
 * };
 * const at = { transport: "unix", path: "/run/app" } as const;
 * assert.throws(() => checkListenRequest(at, wanted), { code: "EINVAL" });
 * checkListenRequest(at, { ...wanted, identify: true });
 * checkListenRequest({ transport: "fifo", path: "/run/app" }, wanted); // FIFOs tell
 * ```
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` for `identify` where nobody
 * can show who it is, `EINVAL` for `allowUsers` where nobody has to.
 */
export function checkListenRequest(at: Address, request: ListenRequest): void {
  const action = `listen on ${formatAddress(at)}`;
  if (request.identify) checkIdentify(at, action);
  if (request.allowUsers === undefined) return;
  if (!hasFile(at)) {
    throw new SockeyeError(
      "EINVAL",
      `Cannot ${action}: allowUsers needs to know who calls, and ` +
        `${nameOf(at)} does not tell`,
    );
  }
  if (at.transport === "unix" && !request.identify) {
    throw new SockeyeError(
      "EINVAL",
      `Cannot ${action}: allowUsers needs to know who calls, so on Unix ` +
        "sockets identify must be true",
    );
  }
}

/**
 * Checks that a connection can be made with what is asked of its server.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkConnectRequest } from "@sockeye/net/protocols";
 *
 * const wanted = {
 *   noDelay: true,
 *   keepAlive: true,
 *   keepAliveDelay: 0, // ms, as is the next
 *   handshakeTimeout: 5000,
 *   identify: true,
 *   expectServer: undefined,
 * };
 * checkConnectRequest({ transport: "unix", path: "/run/app" }, wanted);
 * const to = { transport: "tcp", host: "127.0.0.1", port: 7000 } as const;
 * assert.throws(() => checkConnectRequest(to, wanted), {
 *   code: "ERR_SOCKEYE_UNSUPPORTED",
 * });
 * ```
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` for `identify` where nobody
 * can show who it is, `EINVAL` for `expectServer` where no file has an owner.
 */
export function checkConnectRequest(
  to: Address,
  request: ConnectRequest,
): void {
  const action = `connect to ${formatAddress(to)}`;
  if (request.identify) checkIdentify(to, action);
  if (request.expectServer === undefined || hasFile(to)) return;
  throw new SockeyeError(
    "EINVAL",
    `Cannot ${action}: expectServer is about the owner of a file, and ` +
      `${nameOf(to)} has none`,
  );
}

/** FIFOs show their user by themselves: there it may be asked for, and changes nothing. */
function checkIdentify(address: Address, action: string): void {
  if (hasFile(address)) return;
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot ${action}: identify needs a Unix socket with a path, or a FIFO; ` +
      `${nameOf(address)} cannot show who calls`,
  );
}

function hasFile(address: Address): boolean {
  return address.transport === "fifo" ||
    address.transport === "unix" && !isAbstract(address);
}

function nameOf(address: Address): string {
  return address.transport === "unix" ? "an abstract name" : address.transport;
}
