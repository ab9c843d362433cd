/**
 * The accounts of a server's children: what each was given and has told, what
 * those told that are gone, and which places that frees.
 *
 * A child tells totals, now and then; what is new in them is worked out here.
 *
 * @module
 */
import type { ChildCounts } from "./messages.ts";

/** What is new in the counts of a child. */
export interface ChildNews {
  /** Connections that it took by itself. */
  readonly taken: number;
  /** Connections of it that are over. */
  readonly left: number;
  /** Those of them that it had been given: their places are free again. */
  readonly freed: number;
}

/** One child's account. */
interface Account {
  /** Connections given to it. */
  given: number;
  /** Connections given to it whose places are free again. */
  freed: number;
  /** What it told last. */
  counts: ChildCounts;
}

/** Accounts by the numbers of children. */
export class ChildLedger {
  readonly #accounts: Map<number, Account> = new Map();
  #gone: ChildCounts = noCounts;
  #given = 0;
  #drained = 0;
  #aborted = 0;

  /** Connections given to children, in all. */
  get given(): number {
    return this.#given;
  }
  /** Connections that were finished while the server was closing. */
  get drained(): number {
    return this.#drained;
  }
  /** Connections that were aborted while it was. */
  get aborted(): number {
    return this.#aborted;
  }
  /** What all children told, those that are gone included. */
  get total(): ChildCounts {
    let total = this.#gone;
    for (const { counts } of this.#accounts.values()) {
      total = sum(total, counts);
    }
    return total;
  }

  /** What a child told last. */
  countsOf(id: number): ChildCounts {
    return this.#accounts.get(id)?.counts ?? noCounts;
  }

  // Inputs

  /** A child has been started. */
  handleStarted(id: number): void {
    this.#accounts.set(id, { given: 0, freed: 0, counts: noCounts });
  }

  /** It was given a connection. */
  handleGiven(id: number): void {
    this.#given++;
    const account = this.#accounts.get(id);
    if (account !== undefined) account.given++;
  }

  /** It did not get one that it was given. */
  handleReturned(id: number): void {
    this.#given--;
    const account = this.#accounts.get(id);
    if (account !== undefined) account.given--;
  }

  /** It told its counts; nothing is new in those of a child that is gone. */
  handleCounts(id: number, counts: ChildCounts): ChildNews {
    const account = this.#accounts.get(id);
    if (account === undefined) return { taken: 0, left: 0, freed: 0 };
    const before = account.counts;
    account.counts = counts;
    return {
      taken: Math.max(counts.taken - before.taken, 0),
      left: Math.max(counts.left - before.left, 0),
      freed: free(account, counts.left),
    };
  }

  /** It finished while the server was closing; what it had ended so. */
  handleClosed(drained: number, aborted: number): void {
    this.#drained += drained;
    this.#aborted += aborted;
  }

  /** A connection that nobody was given was aborted. */
  handleDropped(): void {
    this.#aborted++;
  }

  /** It is gone; gives how many places that frees. */
  handleGone(id: number): number {
    const account = this.#accounts.get(id);
    if (account === undefined) return 0;
    this.#accounts.delete(id);
    this.#gone = sum(this.#gone, account.counts);
    return free(account, account.given);
  }
}

/** How many places are free now that `left` connections are over. */
function free(account: Account, left: number): number {
  const over = Math.min(left, account.given);
  const freed = Math.max(over - account.freed, 0);
  account.freed += freed;
  return freed;
}

/** Those of a child that has told nothing yet. */
export const noCounts: ChildCounts = {
  taken: 0,
  left: 0,
  failed: 0,
  rejected: 0,
  acceptErrors: 0,
  bytesRead: 0,
  bytesWritten: 0,
};

function sum(a: ChildCounts, b: ChildCounts): ChildCounts {
  return {
    taken: a.taken + b.taken,
    left: a.left + b.left,
    failed: a.failed + b.failed,
    rejected: a.rejected + b.rejected,
    acceptErrors: a.acceptErrors + b.acceptErrors,
    bytesRead: a.bytesRead + b.bytesRead,
    bytesWritten: a.bytesWritten + b.bytesWritten,
  };
}
