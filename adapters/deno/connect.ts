/**
 * Connecting by `Deno.connect`.
 *
 * @module
 */
import type { TcpAddress, UnixAddress } from "../../core/address.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
} from "../../core/transport.ts";
import { systemPath } from "../_shared/unix_address.ts";
import { configure, fromDeno } from "./conn.ts";
import { translateError } from "./errors.ts";
import { DenoStream } from "./stream.ts";

/** Connects to a TCP or Unix address. */
export function connectStream(
  to: TcpAddress | UnixAddress,
  request: ConnectRequest,
  events: ConnectEvents,
): Pending {
  const controller = new AbortController();
  let cancelled = false;
  open(to, controller.signal).then((conn) => {
    if (cancelled) return conn.close();
    configure(conn, request);
    // The peer of a Unix socket was bound elsewhere, before it got its name.
    const remote = to.transport === "unix" ? to : fromDeno(conn.remoteAddr);
    const local = fromDeno(conn.localAddr);
    events.connected(new DenoStream(conn, local, remote));
  }, (error) => {
    if (!cancelled) events.failed(translateError(error));
  });
  return {
    cancel(): void {
      cancelled = true;
      // On a Unix socket nothing heeds it: that is made or refused at once.
      controller.abort();
    },
  };
}

async function open(
  to: TcpAddress | UnixAddress,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  return to.transport === "tcp"
    ? await Deno.connect({ hostname: to.host, port: to.port, signal })
    : await Deno.connect({ transport: "unix", path: systemPath(to) });
}
