/** Addresses as programs other than the library know them. */
import type { AddressLike } from "../core/address.ts";
import { parseAddress } from "../mod.ts";

/** The path in an address that is one. */
export function pathOf(at: AddressLike): string {
  const { transport, ...rest } = parseAddress(at);
  if ("path" in rest) return rest.path;
  throw new Error(`A ${transport} address has no path`);
}

/** The options by which `node:net` knows an address. */
export function netAddress(
  at: AddressLike,
): { path: string } | { host: string; port: number } {
  if (typeof at !== "string") {
    if (at.transport === "unix") return { path: at.path };
    if (at.transport === "tcp") return { host: at.host, port: at.port };
    throw new Error(`node:net knows no ${at.transport}`);
  }
  if (at.startsWith("unix:")) return { path: at.slice(5) };
  const url = new URL(at);
  return { host: url.hostname, port: Number(url.port) };
}
