/** What was sent, piece by piece, against what was received. */

/** What was sent, and how much of it the connection took; unknown while it waits, and after a signal. */
export interface Piece {
  readonly content: Uint8Array;
  taken: number | undefined;
}

/** What lent bytes are filled with once they are ours again. */
export const decoy = 0xee;

/** Whether bytes begin as the pieces do, whatever was taken of those of which that is unknown. */
export function isStartOf(
  received: readonly number[],
  pieces: readonly Piece[],
): boolean {
  return matches(received, 0, pieces, 0, false);
}

/** Whether they are all of what was taken. */
export function isAllOf(
  received: readonly number[],
  pieces: readonly Piece[],
): boolean {
  return matches(received, 0, pieces, 0, true);
}

function matches(
  received: readonly number[],
  from: number,
  pieces: readonly Piece[],
  first: number,
  all: boolean,
): boolean {
  let at = from;
  for (let index = first; index < pieces.length; index++) {
    const { content, taken } = pieces[index]!;
    const most = Math.min(taken ?? content.length, received.length - at);
    let same = 0;
    while (same < most && received[at + same] === content[same]) same++;
    if (taken === undefined) {
      for (let length = same; length >= 0; length--) {
        if (matches(received, at + length, pieces, index + 1, all)) return true;
      }
      return false;
    }
    if (same < most) return false;
    if (same < taken) return !all;
    at += same;
  }
  return at === received.length;
}
