/** Requests as bytes, before anybody knows what they say. */

/** Where the first head ends, behind its empty line; -1 if it does not yet. */
export function endOfHead(bytes: Uint8Array): number {
  const lf = 10, cr = 13;
  // Empty lines in front of a request are passed over: RFC 9112, section 2.2.
  let line = 0;
  while (bytes[line] === cr || bytes[line] === lf) line++;
  for (let at = line; at < bytes.length; at++) {
    if (bytes[at] !== lf) continue;
    const length = at - line - (bytes[at - 1] === cr ? 1 : 0);
    if (length <= 0) return at + 1;
    line = at + 1;
  }
  return -1;
}

/** One behind the other. */
export function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
