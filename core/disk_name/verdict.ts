/**
 * Whether what stands at a name is stale, and how a start that fails says so.
 *
 * @module
 */
import type { DiskFlow, DiskResult, Found, NameKind } from "./effects.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";

/** Troubles of this process, which say nothing about what stands at a path. */
const ownTroubles: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
]);

const kindNames: Readonly<Record<Found["kind"], string>> = {
  socket: "a socket",
  fifo: "a FIFO",
  file: "a plain file",
  directory: "a directory",
  link: "a symbolic link",
  other: "a device",
};

/** What stands at the name with nobody behind it; undefined if nothing does by now. */
export function* judge(
  path: string,
  kind: NameKind,
  gone: ErrorCode,
): DiskFlow<Found | undefined> {
  const inspected = yield { do: "inspect", path };
  const { found } = inspected;
  if (inspected.code === "ENOENT") return undefined;
  if (!found) throw failure(inspected, "what stands there cannot be seen");
  if (found.kind !== kind) {
    throw inUse(`${kindNames[found.kind]} stands there`);
  }
  const probed = yield { do: "probe", path };
  if (probed.code === gone) return found;
  if (probed.code === "ENOENT") return undefined;
  if (!probed.code || probed.code === "EAGAIN") {
    throw inUse("a server answers there");
  }
  if (ownTroubles.has(probed.code)) {
    throw failure(probed, "whoever is there cannot be asked");
  }
  throw inUse(
    `${kindNames[found.kind]} stands there, and asking for a server ` +
      `behind it gives ${probed.code}`,
    probed.cause,
  );
}

/** What failed, and what the system said. */
export function failure(result: DiskResult, what: string): SockeyeError {
  const code = result.code ?? "EIO";
  const { cause } = result;
  const said = cause instanceof Error ? `: ${cause.message}` : "";
  return new SockeyeError(code, `${what}${said}`, { cause });
}

/** Somebody else has the name. */
export function inUse(what: string, cause?: unknown): SockeyeError {
  return new SockeyeError("EADDRINUSE", what, cause ? { cause } : {});
}
