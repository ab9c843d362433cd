/**
 * Connections in the push style: handlers are called with what arrives.
 *
 * @module
 */
import type { Closed } from "../core/connection.ts";
import { BUSY, OPENING } from "../core/connection/read_side.ts";
import { StreamChannel } from "./channel.ts";
import type { Consumer, Driver } from "./driver.ts";
import type { Handlers } from "./types.ts";

/** What `SOCKEYE_DEBUG` leaves in borrowed bytes once their handler has returned. */
const poison = 0xdb;

/** How handlers are called, the same for all connections of a server. */
export interface HandlerOptions {
  readonly borrow: boolean;
  /** Told what a handler threw; its connection is aborted already. */
  readonly onError: (error: unknown) => void;
}

/** A channel whose driver calls handlers. */
export class HandlerChannel<T> extends StreamChannel<T> implements Consumer {
  readonly #driver: Driver;
  readonly #handlers: Handlers<T>;
  readonly #options: HandlerOptions;
  /** Handlers that have not settled; `drain` is called while `data` is at work. */
  #busy = 0;

  constructor(
    driver: Driver,
    handlers: Handlers<T>,
    options: HandlerOptions,
  ) {
    super(driver);
    this.#driver = driver;
    this.#handlers = handlers;
    this.#options = options;
  }

  onOpened(): void {
    const { open } = this.#handlers;
    if (open === undefined) return;
    try {
      const context = open.call(this.#handlers, this);
      if (isPromise(context)) {
        this.#awaitContext(context);
      } else this.context = context;
    } catch (error) {
      this.#fail(error);
    }
  }

  #awaitContext(context: Promise<T>): void {
    const driver = this.#driver;
    driver.machine.withhold(OPENING);
    context.then((value) => {
      this.context = value;
      driver.machine.unwithhold(OPENING);
      driver.kick();
    }, (error) => this.#fail(error));
  }

  onData(): void {
    const { machine, inbox } = this.#driver;
    const bytes = inbox.shift(this.#options.borrow);
    machine.consume(bytes.length);
    const { data } = this.#handlers;
    if (data === undefined) return;
    try {
      const result = this.#options.borrow
        ? this.#lend(data, bytes)
        : data.call(this.#handlers, this, bytes);
      if (result !== undefined) this.#holdBack(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Calls `data` with bytes that it may use until it returns. */
  #lend(
    data: NonNullable<Handlers<T>["data"]>,
    bytes: Uint8Array,
  ): void | Promise<void> {
    const driver = this.#driver;
    if (driver.runtime.debug) {
      const lent = new Uint8Array(bytes);
      try {
        return data.call(this.#handlers, this, lent);
      } finally {
        lent.fill(poison);
      }
    }
    driver.sender.borrowed = bytes;
    try {
      return data.call(this.#handlers, this, bytes);
    } finally {
      driver.sender.borrowed = undefined;
    }
  }

  onEnd(): void {
    const { end } = this.#handlers;
    if (end !== undefined) return this.#call(end);
    const { machine, runtime } = this.#driver;
    if (machine.state !== "closed") machine.followEnd(runtime.now());
  }

  onWritable(): void {
    this.#call(this.#handlers.drain);
  }

  onSettle(): void {}

  onClosed(why: Closed): void {
    const { closed } = this.#handlers;
    if (closed === undefined) return;
    try {
      const result = closed.call(this.#handlers, this, why);
      if (isPromise(result)) result.catch(this.#options.onError);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #call(handler: Handlers<T>["end"]): void {
    if (handler === undefined) return;
    try {
      const result = handler.call(this.#handlers, this);
      if (result !== undefined) this.#holdBack(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** An asynchronous handler holds back whatever comes next until it settles. */
  #holdBack(result: unknown): void {
    if (!isPromise(result)) return;
    const driver = this.#driver;
    this.#busy++;
    driver.machine.withhold(BUSY);
    result.then(() => {
      if (--this.#busy > 0) return;
      driver.machine.unwithhold(BUSY);
      driver.kick();
    }, (error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const driver = this.#driver;
    driver.machine.unwithhold(BUSY | OPENING);
    driver.abort("handler", error);
    this.#options.onError(error);
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then ===
    "function";
}
