/**
 * The rendezvous: how a connection over FIFOs comes to be.
 *
 * A FIFO has no `accept`, so the server holds one, the *rendezvous*, whose
 * name everybody knows; a client makes a pair of its own beside it, one FIFO
 * for each direction, and announces it there. This module holds the names;
 * the machines are in `rendezvous/client.ts`, `rendezvous/server.ts` and
 * `rendezvous/sweep.ts`, the lines that they say in `rendezvous/records.ts`.
 * All of it is the state `handshaking` of `transitions.ts`, under one deadline,
 * for many clients at the same time.
 *
 * The client, in this order; no order of the two sides can deadlock:
 *
 * 1. opens the rendezvous for writing (`ENXIO`: nobody is there) and looks at
 *    what it has opened: a FIFO, and whose (`expectServer`);
 * 2. makes `path.<pid>.<32 hex>.c2s` and `.s2c`, mode 0600;
 * 3. opens s2c for reading, and an *anchor* writer on it: without a writer
 *    reading gives an end, and the server has not come yet;
 * 4. opens an anchor reader on c2s, then the writer: a writer alone gets
 *    `ENXIO`;
 * 5. writes `\nsockeye/1 connect <pid> <nonce>\n` to the rendezvous, in one
 *    write of at most 4096 bytes (`PIPE_BUF`, pipe(7)): the records of many
 *    clients never mix. The leading newline ends a predecessor's half record;
 * 6. waits on s2c for `sockeye/1 ok\n` or `sockeye/1 error <CODE>\n`, closes
 *    the anchors, and unlinks the pair. Meanwhile it writes an empty line to
 *    the rendezvous now and then: `EPIPE` tells that the server has gone.
 *
 * The server holds the rendezvous for reading and, so that it never sees an
 * end, for writing as well. For each record it derives both names (no path is
 * ever taken from a record), opens c2s for reading and s2c for writing
 * (`ENXIO`: the client is dead), looks at what it has opened (a FIFO, one
 * name, mode 0600, an allowed owner), unlinks both, and acknowledges. Then
 * plain bytes follow in both directions.
 *
 * Clients of other users need to write to the rendezvous, and not to read it:
 * `mode` 0622 lets them in, 0620 the members of `group`. Whoever may read it
 * (0666) can take other clients' records away, which costs those their time.
 *
 * What the owner of the pair proves: whoever made these two files, which
 * nobody else could open, holds their other ends. Where the listener was given
 * a `group`, the pair may have that group and mode 0660; then a member of the
 * group could have opened another member's pair.
 *
 * @module
 */
import { utf8Length } from "./address.ts";
import { SockeyeError } from "./error.ts";

/** The two FIFOs of a connection. */
export interface PairNames {
  /** From the client to the server. */
  readonly c2s: string;
  /** From the server to the client. */
  readonly s2c: string;
}

/** Bytes of a file's name, `NAME_MAX` in limits.h of Linux. */
const MAX_NAME = 255;
/** Bytes of a path, `PATH_MAX` in limits.h of Linux without the NUL. */
const MAX_PATH = 4095;
/** What stands behind the rendezvous's name in a pair's: `.2147483647.<32 hex>.c2s`. */
const SUFFIX_LENGTH = 1 + 10 + 1 + 32 + 4;

/**
 * The names of a client's pair.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pairNames } from "@sockeye/net/protocols";
 *
 * const nonce = "0123456789abcdef0123456789abcdef";
 * const { c2s, s2c } = pairNames("/run/app", 4711, nonce);
 * assert.equal(c2s, `/run/app.4711.${nonce}.c2s`);
 * assert.equal(s2c, `/run/app.4711.${nonce}.s2c`);
 * ```
 */
export function pairNames(
  path: string,
  pid: number,
  nonce: string,
): PairNames {
  const base = `${path}.${pid}.${nonce}`;
  return { c2s: `${base}.c2s`, s2c: `${base}.s2c` };
}

/**
 * Checks the length of a rendezvous's path.
 * Its name has at most 207 bytes of UTF-8, the whole path 4047: the names of
 * the pairs beside it are 48 longer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkRendezvousPath } from "@sockeye/net/protocols";
 *
 * checkRendezvousPath(`/run/${"a".repeat(207)}`);
 * const tooLong = `/run/${"ä".repeat(104)}`; // of two bytes each
 * assert.throws(() => checkRendezvousPath(tooLong), { code: "ENAMETOOLONG" });
 * ```
 *
 * @throws {SockeyeError} `ENAMETOOLONG` for a rendezvous beside which no pair
 * could be made.
 */
export function checkRendezvousPath(path: string): void {
  const name = path.slice(path.lastIndexOf("/") + 1);
  check("name", utf8Length(name), MAX_NAME - SUFFIX_LENGTH);
  check("path", utf8Length(path), MAX_PATH - SUFFIX_LENGTH);
}

function check(what: string, length: number, most: number): void {
  if (length <= most) return;
  throw new SockeyeError(
    "ENAMETOOLONG",
    `the ${what} has ${length} bytes, and those of its clients' FIFOs, which ` +
      `are ${SUFFIX_LENGTH} longer, fit up to ${most}`,
  );
}
