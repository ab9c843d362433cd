/**
 * Interfaces of the machine, as `node:dgram` wants them named for multicast:
 * by one of their addresses for IPv4, by their zone for IPv6.
 *
 * @module
 */
import type { networkInterfaces } from "node:os";
import { SockeyeError } from "../../../core/error.ts";
import { canonicalHost, familyOf } from "../../../core/datagram/ip.ts";

/** What `networkInterfaces` of `node:os` gives. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * An interface that is given by its name or an address.
 *
 * @param list gives undefined where the interfaces may not be looked at
 * @throws {SockeyeError} `ENODEV` if there is none, `EACCES` if that cannot be known
 */
export function interfaceFor(
  given: string,
  isIPv6: boolean,
  list: () => Interfaces | undefined,
): string {
  const interfaces = list();
  if (interfaces === undefined) {
    // An address needs no look, and is refused by the system if it is wrong.
    if (familyOf(given) === 4 && !isIPv6) return given;
    throw new SockeyeError("EACCES", "The interfaces may not be looked at");
  }
  const wanted = canonicalHost(given);
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const own = addresses.map(({ address }) => canonicalHost(address));
    if (name !== given && !own.includes(wanted)) continue;
    if (isIPv6) return `::%${name}`;
    if (own.includes(wanted)) return wanted;
    const address = own.find((each) => familyOf(each) === 4);
    if (address !== undefined) return address;
  }
  throw new SockeyeError("ENODEV", `There is no interface ${given}`);
}
