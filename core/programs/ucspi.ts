/**
 * What a program is told of its connection, in its environment: the Unix
 * Client-Server Program Interface, as tcpserver and unixserver speak it and
 * programs that run under them expect.
 *
 * Sources: D. J. Bernstein, "UCSPI" and "tcp-environ"
 * (cr.yp.to/proto/ucspi.txt, cr.yp.to/ucspi-tcp/environ.html); B. Guenter,
 * unixserver(1) of ucspi-unix. Names that a look-up would give (TCPREMOTEHOST,
 * TCPLOCALHOST, TCPREMOTEINFO) are left out, which these call "not available".
 *
 * @module
 */
import type { Address } from "../address.ts";
import type { Environment } from "../programs.ts";

/** The two ends of a connection. */
export interface Ends {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
}

/** Every variable of the interface; what we cannot tell is not told by somebody else either. */
const told = [
  "PROTO",
  "TCPLOCALHOST",
  "TCPLOCALIP",
  "TCPLOCALPORT",
  "TCPREMOTEHOST",
  "TCPREMOTEINFO",
  "TCPREMOTEIP",
  "TCPREMOTEPORT",
  "UNIXLOCALGID",
  "UNIXLOCALPATH",
  "UNIXLOCALPID",
  "UNIXLOCALUID",
  "UNIXREMOTEEGID",
  "UNIXREMOTEEUID",
  "UNIXREMOTEPATH",
  "UNIXREMOTEPID",
];

/**
 * An environment for a program that serves this connection: the given one, with
 * the variables of the interface. Those that came from outside are taken out: a
 * server may itself run under another.
 */
export function environmentFor(given: Environment, ends: Ends): Environment {
  const env: Record<string, string> = { ...given };
  for (const name of told) delete env[name];
  return Object.assign(env, ucspiOf(ends));
}

/** The variables that tell of a connection. */
export function ucspiOf(
  { localAddress: local, remoteAddress: remote }: Ends,
): Environment {
  if (local.transport === "tcp" && remote.transport === "tcp") {
    return {
      PROTO: "TCP",
      TCPLOCALIP: plainIp(local.host),
      TCPLOCALPORT: String(local.port),
      TCPREMOTEIP: plainIp(remote.host),
      TCPREMOTEPORT: String(remote.port),
    };
  }
  if (local.transport !== "unix") return {};
  return { PROTO: "UNIX", UNIXLOCALPATH: local.path };
}

/** An IPv4 client of an IPv6 wildcard comes as ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2). */
function plainIp(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  return mapped === null ? host : mapped[1]!;
}
