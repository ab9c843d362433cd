/**
 * What accepted connections and those that were made have in common.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { StreamRequest } from "../../core/transport.ts";

/** Deno's form of an address in ours. */
export function fromDeno(address: Deno.Addr): Address {
  if (address.transport === "tcp") {
    return { transport: "tcp", host: address.hostname, port: address.port };
  }
  // Deno gives null for a socket without a name, whatever its types say.
  const path = (address as { path?: string | null }).path ?? "";
  return {
    transport: "unix",
    path: path.startsWith("\0") ? `@${path.slice(1)}` : path,
  };
}

/** Sets what was asked for. Deno has no way to set the keep-alive's delay. */
export function configure(conn: Deno.Conn, request: StreamRequest): void {
  if (!("setNoDelay" in conn)) return;
  const tcp = conn as Deno.TcpConn;
  try {
    if (request.noDelay) tcp.setNoDelay(true);
    if (request.keepAlive) tcp.setKeepAlive(true);
  } catch {
    // The peer has gone already: the first read or write tells.
  }
}
