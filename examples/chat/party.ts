/**
 * What the two sides of a chat have in common, and what is typed there.
 */
import type { Datagram } from "../../mod.ts";

/** One side: the room, or a guest in it. Times are ms on any clock. */
export interface Party {
  /** Whether it takes another line that is typed, for now. */
  readonly takesLines: boolean;
  /** Whether something was sent that is to be acknowledged. */
  readonly isWaiting: boolean;
  /** Whether it has left, and all that it said has arrived, or will not. */
  isOver(now: number): boolean;
  typed(line: string, now: number): void;
  /** Nothing is typed any more, which a server need not mind. */
  ended?(now: number): void;
  received(datagram: Datagram, now: number): void;
  /** Sends again what should have been acknowledged by now. */
  resend(now: number): void;
  /** Gives a sign of life, and drops whoever has been silent for too long. */
  look(now: number): void;
  leave(now: number): void;
}

/** Code points of a line; longer ones are taken as several. */
const maxLine = 250;

/** Makes lines of bytes as they come; one without text is none. */
export class Typewriter {
  readonly #decoder = new TextDecoder();
  #begun = "";

  /** @param bytes null at the end of all */
  lines(bytes: Uint8Array | null): string[] {
    const text = bytes === null
      ? `${this.#decoder.decode()}\n`
      : this.#decoder.decode(bytes, { stream: true });
    const whole = (this.#begun + text).split(/\r?\n/);
    this.#begun = whole.pop()!;
    if (this.#begun.length > 4 * maxLine) {
      whole.push(this.#begun);
      this.#begun = "";
    }
    return whole.flatMap((line) => line.match(piece) ?? []);
  }
}

const piece = new RegExp(`.{1,${maxLine}}`, "gsu");

/** A name like the one that is wanted, and like none that is taken. */
export function freeName(wanted: string, taken: readonly string[]): string {
  const word = wanted.replace(/[^\p{L}\p{N}_-]/gu, "").slice(0, 20) || "guest";
  for (let i = 1;; i++) {
    const name = i === 1 ? word : `${word}${i}`;
    if (!taken.includes(name)) return name;
  }
}

/** Shows a line; whatever else it may say, nothing to the terminal. */
export function print(line: string): void {
  console.log(line.replace(/\p{Cc}/gu, "·"));
}
