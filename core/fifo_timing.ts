/**
 * How long to wait where a FIFO tells nothing by itself.
 *
 * @module
 */

/**
 * How often idle writers ask whether their reader is still there, ms. Asking
 * costs 6 to 10 µs: a thousand connections spend 1 % of a core on it.
 */
export const readerCheckInterval = 1000;

/**
 * After a write that nobody will read: how long the peer may go without
 * sending before what it sent counts as all, ms. A process that dies closes
 * both of its FIFOs in the same moment, so the end is nearly always there.
 */
export const leftoverPause = 100;

/**
 * Most bytes fetched behind a failed write, whether anybody reads or not: a
 * FIFO holds 64 KiB, and 1 MiB at most for who may not ask for more
 * (`/proc/sys/fs/pipe-max-size`, pipe(7)).
 */
export const longestLeftover: number = 1024 * 1024;
