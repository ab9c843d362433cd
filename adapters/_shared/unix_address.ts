/**
 * Unix addresses as the system writes them, the same on all runtimes.
 *
 * @module
 */
import { isAbstract, type UnixAddress } from "../../core/address.ts";

/** A peer on a Unix socket has no name: no runtime lets a client bind one. */
export const nameless: UnixAddress = { transport: "unix", path: "" };

/** As the system wants it: an abstract name begins with a NUL. */
export function systemPath(address: UnixAddress): string {
  return isAbstract(address) ? `\0${address.path.slice(1)}` : address.path;
}
