/**
 * Those who wait for a source to become ready.
 *
 * @module
 */

type Watcher = (arrived: number) => void;

/** Watchers of one source. Most have none, so the set is made for the first. */
export class Watchers {
  readonly #report: (error: unknown) => void;
  #all: Set<Watcher> | undefined;

  /** `report` is told what a watcher throws; the others are told all the same. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Adds one; gives the way to take it out again. */
  add(watcher: Watcher): () => void {
    const all = this.#all ??= new Set();
    all.add(watcher);
    return () => all.delete(watcher);
  }

  /** Tells all of them what arrived: bits of `core/readiness.ts`. */
  tell(arrived: number): void {
    if (this.#all === undefined) return;
    for (const watcher of this.#all) {
      try {
        watcher(arrived);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
