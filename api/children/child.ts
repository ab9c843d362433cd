/**
 * The side of a child: serves what its parent gives it, with the handler of a
 * module, until it is told to finish.
 *
 * @module
 */
import {
  type ChildCounts,
  type ChildTask,
  type FromChild,
  isToChild,
  writeError,
} from "../../core/children/messages.ts";
import type { Parent, ParentEvents } from "../../core/children.ts";
import type { Runtime, RuntimeBase } from "../../core/runtime.ts";
import { capacityOf } from "../options.ts";
import {
  checkHandler,
  closeHandle,
  type Handler,
  listenOnAll,
  LoopServer,
} from "../serve.ts";
import type { ServeOptions } from "../types.ts";

/** How old the counts of connections may be that the parent has of us, ms. */
const countsEvery = 20;
/** The same of bytes alone, while connections stay. */
const bytesEvery = 500;

/** What a handler module exports. */
interface HandlerModule {
  readonly default?: unknown;
  /** Told of `childData` and of the end to come, before anybody is served. */
  readonly onStart?: unknown;
  /** Told of each `Server.broadcast`. */
  readonly onBroadcast?: unknown;
}

/** What a child finds where it runs. */
export interface ChildPlace {
  readonly runtime: RuntimeBase;
  readonly parent: Parent;
  /** Imports a module by its URL. */
  load(url: string): Promise<unknown>;
  /** The way to listen by itself, which few do and which takes long to load. */
  listening(): Promise<Pick<Runtime, "listen">>;
}

/** Serves as a child; over when the parent has said so, or is gone. */
export function serveAsChild(place: ChildPlace): void {
  place.parent.attach(new Child(place));
  place.parent.send({ say: "hello" });
}

class Child implements ParentEvents {
  readonly #place: ChildPlace;
  readonly #runtime: RuntimeBase;
  readonly #parent: Parent;
  /** Aborted when there is nothing more to begin. */
  readonly #finishing: AbortController = new AbortController();
  #exclusive = false;
  #module: HandlerModule = {};
  #server: LoopServer<unknown> | undefined;
  #timer: unknown;
  #bytesTimer: unknown;
  /** No connection has come or gone since the last counts. */
  #told = true;
  #grace: number | undefined;
  #over = false;
  #isOrphan = false;

  constructor(place: ChildPlace) {
    this.#place = place;
    this.#runtime = place.runtime;
    this.#parent = place.parent;
  }

  // What the parent tells

  message(message: unknown): void {
    if (!isToChild(message)) return;
    switch (message.do) {
      case "begin":
        this.#begin(message.task).catch((error) => this.#fail(error));
        break;
      case "retire":
        this.#retire(message.grace ?? Infinity);
        break;
      case "end":
        this.#parent.leave();
        break;
      case "hear":
        this.#hear(message.message);
        break;
      default:
        message satisfies never;
    }
  }

  gone(): void {
    this.#isOrphan = true;
    if (this.#over || this.#server === undefined) this.#parent.leave();
    else this.#retire(0);
  }

  asked(): void {
    this.#say({ say: "leaving" });
  }

  // Serving

  async #begin(task: ChildTask): Promise<void> {
    this.#exclusive = task.exclusive;
    const module = await this.#place.load(task.module) as HandlerModule;
    if (this.#over) return;
    const handler = module.default;
    checkHandler(handler);
    if (typeof module.onStart === "function") {
      await module.onStart(task.data, this.#finishing.signal);
    }
    const options: ServeOptions = { ...task.options };
    if (task.reports) {
      options.onError = (error) =>
        this.#say({ say: "error", error: writeError(error) });
    }
    const { addresses, request } = task;
    const own = request.reusePort
      ? await listenOnAll(await this.#place.listening(), addresses, request)
      : [];
    if (this.#over) return void own.forEach(closeHandle);
    this.#module = module;
    this.#server = new LoopServer(
      this.#runtime,
      [...this.#parent.listeners(addresses, request), ...own],
      handler as Handler,
      options,
      capacityOf(options),
    );
    this.#server.onChange = () => this.#changed();
    this.#say({ say: "ready" });
    if (this.#grace !== undefined) this.#retire(this.#grace);
  }

  #fail(error: unknown): void {
    this.#say({ say: "failed", error: writeError(error) });
    this.#finish();
  }

  #retire(grace: number): void {
    this.#grace = grace;
    // With its last connection comes the word to finish; that is no hurry yet.
    if (!this.#exclusive || grace !== Infinity) this.#finishing.abort();
    const server = this.#server;
    if (server === undefined) return;
    void server.close({ grace }).then(({ drained, aborted }) => {
      if (this.#over) return;
      this.#say({ say: "closed", counts: this.#counts(), drained, aborted });
      this.#finish();
    });
  }

  /**
   * The channel stays open until the parent has heard the last word: Deno drops
   * what it still had to send, though it says that it is sent.
   */
  #finish(): void {
    this.#over = true;
    this.#runtime.clearTimer(this.#timer);
    this.#runtime.clearTimer(this.#bytesTimer);
    if (this.#isOrphan) this.#parent.leave();
  }

  #hear(message: unknown): void {
    const { onBroadcast } = this.#module;
    if (typeof onBroadcast !== "function") return;
    try {
      onBroadcast(message);
    } catch (error) {
      this.#runtime.report(error);
    }
  }

  // Counting

  /**
   * Told at once, before a handler can block us, and then no more for a while:
   * a message costs more than a connection does.
   */
  #changed(): void {
    if (this.#over) return;
    this.#told = false;
    if (this.#timer !== undefined) return;
    this.#tell();
  }

  #tell(): void {
    this.#told = true;
    const counts = this.#counts();
    this.#say({ say: "counts", counts });
    this.#timer = this.#runtime.setTimer(() => {
      this.#timer = undefined;
      if (!this.#told) this.#tell();
    }, countsEvery);
    this.#watchBytes(counts.bytesRead + counts.bytesWritten);
  }

  /** Has the counts told when more has passed than `told` bytes, as long as anybody is there. */
  #watchBytes(told: number): void {
    this.#runtime.clearTimer(this.#bytesTimer);
    this.#bytesTimer = this.#runtime.setTimer(() => {
      const { open, bytesRead, bytesWritten } = this.#server!.stats;
      if (bytesRead + bytesWritten > told) this.#changed();
      else if (open > 0) this.#watchBytes(told);
    }, bytesEvery);
  }

  #counts(): ChildCounts {
    const { accepted, open, waiting, rejected, ...more } = this.#server!.stats;
    const { received, missed } = this.#parent;
    const taken = accepted + waiting + rejected - (received - missed);
    return {
      taken,
      left: received + taken - open - waiting,
      failed: more.failed,
      rejected,
      acceptErrors: more.acceptErrors,
      bytesRead: more.bytesRead,
      bytesWritten: more.bytesWritten,
    };
  }

  #say(message: FromChild): void {
    this.#parent.send(message);
  }
}
