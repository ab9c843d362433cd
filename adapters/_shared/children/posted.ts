/**
 * One child, a process or a thread, as far as both are alike: what goes to it
 * when, `core/children/post.ts` decides, and how it goes is its own.
 *
 * @module
 */
import type { ChildEvents, ChildHandle } from "../../../core/children.ts";
import {
  ChildPost,
  type ChildPostOutput,
} from "../../../core/children/post.ts";
import type { ListenHandle, StreamHandle } from "../../../core/transport.ts";
import { Alarm } from "../alarm.ts";
import { scheduler } from "../scheduler.ts";

/** What goes to a child. */
export type Letter =
  | { readonly message: unknown }
  | { readonly listener: ListenHandle; readonly index: number }
  | Given;

/** A connection that goes to a child. */
export interface Given {
  readonly connection: StreamHandle;
  readonly index: number;
}

/** A child with its post. */
export abstract class PostedChild implements ChildHandle {
  abstract readonly pid: number | undefined;
  abstract readonly thread: number | undefined;
  protected readonly events: ChildEvents;
  /** It has ended, and nothing is told of it any more. */
  protected over = false;

  readonly #post: ChildPost<Letter> = new ChildPost();
  readonly #patience: Alarm = new Alarm(() => {
    this.#post.handleTimeout(scheduler.now());
    this.#drain();
  });

  constructor(events: ChildEvents) {
    this.events = events;
  }

  /** Puts it on its way. */
  protected abstract carry(letter: Letter): void;
  /** It will never come there: if it is a connection, that ends. */
  protected abstract discard(letter: Letter): void;
  abstract kill(): void;

  send(message: unknown): void {
    this.#post.say({ message });
    this.#drain();
  }

  share(listener: ListenHandle, index: number): void {
    this.#post.hand({ listener, index });
    this.#drain();
  }

  give(connection: StreamHandle, index: number): void {
    this.#post.hand({ connection, index });
    this.#drain();
  }

  offer(connection: StreamHandle, index: number): void {
    this.#post.offer(scheduler.now(), { connection, index });
    this.#drain();
  }

  takeBack(): void {
    this.#post.takeBack();
    this.#drain();
  }

  /** It said something: of its post, or to its parent. */
  protected heard(message: unknown): void {
    const { say, count, of } = (message ?? {}) as {
      readonly say?: unknown;
      readonly count?: number;
      readonly of?: unknown;
    };
    if (say === "here") this.#post.handleRead(scheduler.now(), count!);
    else if (say === "got") this.#post.handleGot(of === "connection");
    else if (!this.over) this.events.message(message);
    this.#drain();
  }

  /** Its channel is closed: what is carried from now on would be lost. */
  protected handleUnreachable(): void {
    this.#post.handleClosed();
  }

  /** It has ended: what was only offered comes back, the rest is discarded. */
  protected closePost(): void {
    this.#post.takeBack();
    this.#post.handleClosed();
    this.#drain();
  }

  #drain(): void {
    for (;;) {
      const output = this.#post.pollOutput();
      if (output.do === "wait") break;
      this.#obey(output);
    }
    this.#patience.set(this.#post.pollTimeout());
  }

  #obey(output: Exclude<ChildPostOutput<Letter>, { do: "wait" }>): void {
    switch (output.do) {
      case "send":
        return this.carry(output.item);
      case "ask":
        return this.carry({ message: output });
      case "discard":
        return this.discard(output.item);
      case "return": {
        const { connection, index } = output.item as Given;
        return this.events.returned(connection, index);
      }
      case "got":
        return this.events.got();
      default:
        output satisfies never;
    }
  }
}
