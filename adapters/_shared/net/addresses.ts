/**
 * Addresses as Node writes them, and the probe of a Unix socket.
 *
 * @module
 */
import { connect } from "node:net";
import {
  isAbstract,
  MAX_UNIX_PATH,
  type TcpAddress,
  type UnixAddress,
  utf8Length,
} from "../../../core/address.ts";
import { type ErrorCode, SockeyeError } from "../../../core/error.ts";
import { errorCode } from "../errors.ts";
import { systemPath } from "../unix_address.ts";

export function tcpAddress(host: string, port: number): TcpAddress {
  return { transport: "tcp", host, port };
}

/**
 * As Node writes it.
 *
 * @throws {SockeyeError} `ENAMETOOLONG`: Node 20 and 22 would cut it.
 */
export function nodePath(address: UnixAddress): string {
  if (
    utf8Length(address.path) > MAX_UNIX_PATH + (isAbstract(address) ? 1 : 0)
  ) {
    throw new SockeyeError(
      "ENAMETOOLONG",
      `the system takes ${MAX_UNIX_PATH} bytes of a path`,
    );
  }
  return systemPath(address);
}

/** Connects to a path, and disconnects at once. */
export function probe(path: string): Promise<"alive" | ErrorCode> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve("alive");
    });
    socket.on("error", (error) => resolve(errorCode(error)));
  });
}
