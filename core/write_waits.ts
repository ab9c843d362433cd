/**
 * How a writer waits for room in a full pipe: until it is told, or for a time.
 *
 * To be told is quick, and costs more than to look: 170 µs of processor time
 * on Deno (by a stream for each wait), 50 on Bun. A slow reader makes room page by page and would wake its
 * writer for each, so such a writer looks by itself instead, at a pace at which
 * about half of the pipe has been read: its reader always has the other half.
 *
 * Measured with a reader in C of 4 KiB at a time, 40 MB, as processor time when
 * each page is told and with this, ms: one that sleeps 0.2 ms between, Deno
 * 1,700 and 840, Bun 550 and 140; one that sleeps 2 ms, Deno 3,500 and 870, Bun
 * 1,060 and 390. The bytes for each second stay as they were.
 *
 * @module
 */
import { Backoff } from "./backoff.ts";

/** First and longest pause at a reader's pace, ms. */
const firstPause = 1;
const longestPause = 20;

/**
 * Longest pause where nobody tells, ms: as pauses double, a reader that comes
 * back is met within as long again as it was away, or this. 256 writers that
 * wait for readers that never come take 23 % of a core at 20 ms, 9 at this.
 */
const longestUntold = 100;

/** What a slow reader has made room for when it is told of: a page. */
const page = 4096;
/** So many times in a row that was all. */
const slowAfter = 4;

/** Bytes that should fit after a pause; a pipe holds 64 KiB by default (pipe(7)). */
const least = 16 * 1024;
const most = 32 * 1024;

/** The waits of one writer. */
export class WriteWaits {
  #backoff: Backoff | undefined;
  /** Bytes taken since the last wait. */
  #taken = 0;
  /** Times in a row that being told brought no more than a page. */
  #pages = 0;
  /** The pause that the reader's speed asks for, ms; 0 is to be told. */
  #pace = 0;

  /** Bytes were taken. */
  handleTaken(count: number): void {
    this.#taken += count;
    if (count > 0) this.#backoff?.reset();
  }

  /** The pipe is full: how long to wait before looking again, ms; 0 is until told of room. */
  nextWait(): number {
    const taken = this.#taken;
    this.#taken = 0;
    if (this.#pace > 0) this.#pace = this.#nextPace(taken);
    else this.#pages = taken > page ? 0 : this.#pages + 1;
    if (this.#pages >= slowAfter && this.#pace === 0 && taken > 0) {
      this.#pace = firstPause;
    }
    return this.#pace;
  }

  /** A reader that took nothing may sleep for long; a fast one needs no pauses. */
  #nextPace(taken: number): number {
    if (taken === 0) return 0;
    if (taken < least) return Math.min(2 * this.#pace, longestPause);
    if (taken < most) return this.#pace;
    if (this.#pace > firstPause) return this.#pace / 2;
    this.#pages = 0;
    return 0;
  }

  /** As `nextWait`, where nobody can tell of room. */
  nextPause(): number {
    this.#backoff ??= new Backoff(firstPause, longestUntold);
    return this.#backoff.next();
  }
}
