/**
 * What is going to happen, in order of time and then of arrangement.
 *
 * @module
 */

/** Something that will happen; made by {@linkcode EventQueue.add}. */
export interface Event {
  readonly time: number;
  readonly callback: () => void;
  /** Orders events of one time. */
  readonly sequence: number;
  /** Its place in the heap; -1 once it is out. */
  index: number;
}

/** A binary heap of events by (time, sequence); they can be taken back. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the earliest event; `Infinity` when there is none. */
  get next(): number {
    return this.#heap[0]?.time ?? Infinity;
  }

  /** With `last`, it comes behind all others of that time, later ones included. */
  add(time: number, callback: () => void, last = false): Event {
    const sequence = last ? Infinity : this.#sequence++;
    const event = { time, callback, sequence, index: this.#heap.length };
    this.#heap.push(event);
    this.#rise(event);
    return event;
  }

  /** Takes the earliest one out. */
  shift(): Event | undefined {
    const event = this.#heap[0];
    if (event !== undefined) this.remove(event);
    return event;
  }

  /** Takes one back; does nothing if it is out already. */
  remove(event: Event): void {
    const { index } = event;
    if (index < 0) return;
    event.index = -1;
    const tail = this.#heap.pop()!;
    if (tail === event) return;
    this.#place(tail, index);
    this.#rise(tail);
    this.#sink(tail);
  }

  #place(event: Event, index: number): void {
    this.#heap[index] = event;
    event.index = index;
  }

  #rise(event: Event): void {
    while (event.index > 0) {
      const parent = this.#heap[(event.index - 1) >> 1]!;
      if (!isBefore(event, parent)) return;
      this.#swap(event, parent);
    }
  }

  #sink(event: Event): void {
    for (;;) {
      const left = this.#heap[2 * event.index + 1];
      const right = this.#heap[2 * event.index + 2];
      const child = right !== undefined && isBefore(right, left!)
        ? right
        : left;
      if (child === undefined || !isBefore(child, event)) return;
      this.#swap(child, event);
    }
  }

  #swap(a: Event, b: Event): void {
    const index = a.index;
    this.#place(a, b.index);
    this.#place(b, index);
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
