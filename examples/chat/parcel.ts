/**
 * What a datagram of a chat looks like:
 *
 *     chat SESSION NUMBER ACKNOWLEDGED ⏎ line ⏎ line …
 *
 * SESSION tells programs apart that had the same address in turn.
 */
const encoder = new TextEncoder(), decoder = new TextDecoder();

/** What a datagram says. */
export interface Parcel {
  readonly session: string;
  /** From 1 up; 0 is no parcel, but an acknowledgement or a sign of life. */
  readonly number: number;
  /** Number of the last parcel that came from the other side. */
  readonly acknowledged: number;
  readonly lines: readonly string[];
}

/** Reads a datagram; undefined if it is none of ours. */
export function parse(bytes: Uint8Array): Parcel | undefined {
  const [head = "", ...lines] = decoder.decode(bytes).split("\n");
  const [, session, number, acknowledged] =
    /^chat ([0-9a-z]{1,16}) (\d{1,9}) (\d{1,9})$/.exec(head) ?? [];
  if (session === undefined) return undefined;
  return {
    session,
    number: Number(number),
    acknowledged: Number(acknowledged),
    lines,
  };
}

export function write(parcel: Parcel): Uint8Array {
  const { session, number, acknowledged, lines } = parcel;
  const head = `chat ${session} ${number} ${acknowledged}`;
  return encoder.encode([head, ...lines].join("\n"));
}

/** Bytes that a line takes in a datagram. */
export function lengthOf(line: string): number {
  return encoder.encode(line).length + 1;
}
