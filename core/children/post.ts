/**
 * What is said and handed to one child: in which order, and what waits until it
 * has answered.
 *
 * All goes in order. One handle (a listener, a connection) at a time is under
 * way: those behind it would wait in the runtime's own queue, which forgets them
 * open if the child dies. And a handle goes only when all that was said
 * before it has been read, because a child of Deno finds it with the message
 * before its own if both are there at once; so the child is asked how much it
 * has read.
 *
 * A connection may also be *offered*: it is handed over once the child has
 * answered, and comes back if that takes too long. A child that answers late is
 * given nothing before it does.
 *
 * @module
 */

/** A child that does not answer for so long, ms, gets nothing more until it does. */
export const answerWithin = 50;

/** What is to be done next with what is to be said or handed over. */
export type ChildPostOutput<Item> =
  /** Send it. */
  | { readonly do: "send"; readonly item: Item }
  /** Ask the child to say this number when it has read all that came before. */
  | { readonly do: "ask"; readonly count: number }
  /** The child does not answer, and gets this one not. */
  | { readonly do: "return"; readonly item: Item }
  /** The child will never get this one: end it. */
  | { readonly do: "discard"; readonly item: Item }
  /** The child has got a connection, or answers again for one that was returned. */
  | { readonly do: "got" }
  | { readonly do: "wait" };

interface Queued<Item> {
  readonly item: Item;
  /** Whether it is a handle: the child says when it has got it. */
  readonly awaits: boolean;
}

/**
 * The machine of one child's post.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ChildPost } from "@sockeye/net/protocols";
 *
 * const post = new ChildPost<string>();
 * post.say("settings");
 * post.hand("listener"); // goes when all that was said has been read
 * assert.deepEqual(post.pollOutput(), { do: "send", item: "settings" });
 * assert.deepEqual(post.pollOutput(), { do: "ask", count: 2 }); // a message too
 * assert.deepEqual(post.pollOutput(), { do: "wait" });
 * post.handleRead(5, 2); // both, says the child
 * assert.deepEqual(post.pollOutput(), { do: "send", item: "listener" });
 * post.offer(10, "connection");
 * post.handleTimeout(post.pollTimeout()); // no answer within 50 ms
 * assert.deepEqual(post.pollOutput(), { do: "return", item: "connection" });
 * ```
 */
export class ChildPost<Item> {
  readonly #queue: Queued<Item>[] = [];
  readonly #offers: Item[] = [];
  readonly #returned: Item[] = [];
  /** The child is still to say that it has got a handle. */
  #awaited = false;
  /** Messages without a handle: sent, asked about, and known to be read. */
  #said = 0;
  #inquired = 0;
  #read = 0;
  #wantsAnswer = false;
  #answerBy = Infinity;
  /** Offers that were returned since it answered last. */
  #unanswered = 0;
  /** Answers to be told. */
  #got = 0;
  #closed = false;

  // Inputs

  /** Something is to be said. */
  say(item: Item): void {
    this.#queue.push({ item, awaits: false });
  }

  /** A handle is to be sent. */
  hand(item: Item): void {
    this.#queue.push({ item, awaits: true });
  }

  /** A connection is to be handed over once the child has answered. */
  offer(now: number, item: Item): void {
    this.#offers.push(item);
    this.#wantsAnswer = true;
    this.#answerBy = now + answerWithin;
  }

  /** The child has read so many messages: it answers. */
  handleRead(now: number, count: number): void {
    this.#read = count;
    this.#got += this.#unanswered;
    this.#unanswered = 0;
    const offer = this.#offers.shift();
    if (offer !== undefined) this.hand(offer);
    this.#wantsAnswer = this.#offers.length > 0;
    this.#answerBy = this.#wantsAnswer ? now + answerWithin : Infinity;
  }

  /** The child has got the handle that was sent last; `connection` if it was one. */
  handleGot(connection: boolean): void {
    this.#awaited = false;
    if (connection) this.#got++;
  }

  /** Patience with its answer may be over. */
  handleTimeout(now: number): void {
    if (now >= this.#answerBy) this.takeBack();
  }

  /** Nothing that was only offered is handed over any more. */
  takeBack(): void {
    this.#answerBy = Infinity;
    this.#unanswered += this.#offers.length;
    this.#returned.push(...this.#offers.splice(0));
  }

  /** Nothing reaches the child any more. */
  handleClosed(): void {
    this.#closed = true;
  }

  // Outputs

  /** When patience is over, absolute ms; `Infinity` for never. */
  pollTimeout(): number {
    return this.#answerBy;
  }

  /** What to do next. */
  pollOutput(): ChildPostOutput<Item> {
    if (this.#got > 0) {
      this.#got--;
      return { do: "got" };
    }
    const returned = this.#returned.shift();
    if (returned !== undefined) return { do: "return", item: returned };
    return this.#closed ? this.#pollClosed() : this.#pollOpen();
  }

  #pollClosed(): ChildPostOutput<Item> {
    const head = this.#queue.shift();
    return head === undefined
      ? { do: "wait" }
      : { do: "discard", item: head.item };
  }

  #pollOpen(): ChildPostOutput<Item> {
    const head = this.#queue[0];
    if (head !== undefined && !this.#awaited) {
      const unread = head.awaits && this.#read < this.#said;
      if (!unread) return this.#send(head);
      this.#wantsAnswer = true;
    }
    if (!this.#wantsAnswer) return { do: "wait" };
    this.#wantsAnswer = false;
    // One that is under way covers all that was said.
    const asked = this.#inquired === this.#said && this.#read < this.#said;
    return asked ? { do: "wait" } : this.#ask();
  }

  #send({ item, awaits }: Queued<Item>): ChildPostOutput<Item> {
    this.#queue.shift();
    if (awaits) this.#awaited = true;
    else this.#said++;
    return { do: "send", item };
  }

  /** What asks is a message itself. */
  #ask(): ChildPostOutput<Item> {
    this.#said++;
    this.#inquired = this.#said;
    return { do: "ask", count: this.#said };
  }
}
