/**
 * A server on this thread's event loop: one address or several, handlers for
 * every connection.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  parseAddress,
} from "../core/address.ts";
import { Admission } from "../core/admission.ts";
import type { Closed, ConnectionLimits } from "../core/connection.ts";
import { SockeyeError } from "../core/error.ts";
import type { Deadlined } from "../core/timers.ts";
import type { Runtime, RuntimeBase } from "../core/runtime.ts";
import type {
  ListenHandle,
  ListenRequest,
  StreamHandle,
} from "../core/transport.ts";
import type { ChildrenOptions } from "./children/types.ts";
import { Acceptor, startListening, type Taker } from "./acceptor.ts";
import { StreamConnection } from "./connection.ts";
import { Driver } from "./driver.ts";
import { HandlerChannel, type HandlerOptions } from "./handlers.ts";
import { Loop } from "./loop.ts";
import {
  borrowOf,
  type Capacity,
  capacityOf,
  checkOptions,
  limitsOf,
  listenRequestOf,
  onErrorOf,
} from "./options.ts";
import type {
  Connection,
  Handlers,
  ServeOptions,
  Server,
  ServerClosed,
  ServerStats,
} from "./types.ts";

/**
 * What `serve` calls: handlers in the push style, or a function that is given
 * each connection.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type Handler, serve } from "@sockeye/net";
 *
 * const echoes: readonly Handler[] = [
 *   { data: (channel, bytes) => void channel.send(bytes) },
 *   async (connection) => {
 *     for await (const bytes of connection) await connection.write(bytes);
 *   },
 * ];
 * for (const echo of echoes) {
 *   const server = await serve("mem:either style", echo);
 *   const client = await connect("mem:either style");
 *   await client.write(new Uint8Array([42]));
 *   assert.deepEqual([...(await client.read())!], [42]);
 *   await client.close();
 *   await server.close();
 * }
 * ```
 */
export type Handler<T = unknown> =
  | Handlers<T>
  | ((connection: Connection) => void | Promise<void>);

/** How long `close` lets connections finish, ms. */
export const defaultGrace = 5000;

/** Serves over a runtime; see `serve` in `mod.ts`. */
export async function serveOver<T>(
  runtime: Runtime,
  at: AddressLike | readonly AddressLike[],
  handler: Handler<T>,
  options: ServeOptions,
): Promise<Server> {
  checkOptions(options);
  checkStrategy(options);
  checkHandler(handler);
  const addresses = (Array.isArray(at) ? at as AddressLike[] : [at])
    .map((one) => parseAddress(one as AddressLike));
  if (addresses.length === 0) {
    throw new SockeyeError("EINVAL", "Cannot serve: no address is given");
  }
  const capacity = capacityOf(options);
  limitsOf(options);
  borrowOf(options);
  onErrorOf(options);
  const request = listenRequestOf(options);
  const { signal } = options;
  const handles = await listenOnAll(runtime, addresses, request, signal);
  return new LoopServer(runtime, handles, handler, options, capacity);
}

function checkStrategy(
  { strategy = "loop" }: { readonly strategy?: unknown },
): void {
  if (strategy === "loop") return;
  if (isChildStrategy(strategy)) {
    throw new SockeyeError(
      "EINVAL",
      `Cannot serve: strategy "${strategy}" takes the URL of a module`,
    );
  }
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot serve: strategy is ${
      JSON.stringify(strategy)
    }, only "loop", "process", "prefork" and "workers" are there`,
  );
}

/** Whether a strategy is one by children. */
export function isChildStrategy(
  strategy: unknown,
): strategy is ChildrenOptions["strategy"] {
  return strategy === "process" || strategy === "prefork" ||
    strategy === "workers";
}

/** @throws {SockeyeError} `EINVAL` for what is no handler. */
export function checkHandler(handler: unknown): void {
  if (typeof handler === "function") return;
  if (typeof handler === "object" && handler !== null) {
    return checkHandlers(handler as Record<string, unknown>);
  }
  throw new SockeyeError(
    "EINVAL",
    `Cannot serve: expected handlers or a function, got ${typeof handler}`,
  );
}

function checkHandlers(handlers: Record<string, unknown>): void {
  for (const name of ["open", "data", "drain", "end", "closed"]) {
    const given = handlers[name];
    if (given === undefined || typeof given === "function") continue;
    throw new SockeyeError(
      "EINVAL",
      `Cannot serve: handler ${name} is ${typeof given}, expected a function`,
    );
  }
}

/** All of them stand, or none is left. */
export async function listenOnAll(
  runtime: Pick<Runtime, "listen">,
  addresses: readonly Address[],
  request: ListenRequest,
  signal?: AbortSignal,
): Promise<ListenHandle[]> {
  const handles: ListenHandle[] = [];
  try {
    for (const address of addresses) {
      handles.push(
        await startListening(runtime, address, request, signal),
      );
    }
  } catch (error) {
    await Promise.all(handles.map(closeHandle));
    throw error;
  }
  return handles;
}

/** What is wrong with a grace, if anything. */
export function checkGrace(grace: unknown): SockeyeError | undefined {
  if (typeof grace === "number" && grace >= 0) return undefined;
  return new SockeyeError(
    "EINVAL",
    `Cannot close: grace is ${String(grace)}, expected milliseconds from 0 up`,
  );
}

/** Closes a listener that nobody took connections of. */
export function closeHandle(handle: ListenHandle): Promise<void> {
  return new Promise((resolve) => {
    handle.attach({
      connection: (late) => late.abort(),
      acceptFailed: () => {},
      refused: () => {},
      closed: () => resolve(),
    });
    handle.close();
  });
}

/** A server over acceptors. */
export class LoopServer<T> implements Server, Taker, Deadlined {
  readonly addresses: readonly Address[];
  readonly closed: Promise<ServerClosed>;
  timerIndex = -1;
  /** Told when a connection has come or gone. */
  onChange: (() => void) | undefined;

  readonly #runtime: RuntimeBase;
  readonly #loop: Loop;
  readonly #handler: Handler<T>;
  readonly #limits: ConnectionLimits;
  readonly #handlerOptions: HandlerOptions;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #admission: Admission;
  readonly #acceptors: Acceptor[];
  readonly #drivers: Set<Driver> = new Set();
  /** The acceptor that the last free place was offered to first. */
  #first = 0;
  #standing: number;
  #closing = false;
  #over = false;
  #abortAt = Infinity;
  #resolveClosed!: (how: ServerClosed) => void;

  #accepted = 0;
  #acceptErrors = 0;
  #refused = 0;
  #failed = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #drained = 0;
  #aborted = 0;

  constructor(
    runtime: RuntimeBase,
    handles: readonly ListenHandle[],
    handler: Handler<T>,
    options: ServeOptions,
    capacity: Capacity,
  ) {
    this.#runtime = runtime;
    this.#loop = Loop.of(runtime);
    this.#handler = handler;
    this.#limits = limitsOf(options);
    this.#onError = options.onError;
    this.#handlerOptions = {
      borrow: borrowOf(options),
      onError: (error) => this.#report(error),
    };
    this.#admission = new Admission(capacity.maxConnections);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.addresses = handles.map((handle) => handle.address);
    this.#standing = handles.length;
    this.#acceptors = handles.map((handle) =>
      new Acceptor(runtime, handle, capacity, this.#admission)
    );
    for (const acceptor of this.#acceptors) {
      acceptor.machine.setWanted(Infinity);
      acceptor.start(this);
    }
  }

  get stats(): ServerStats {
    let bytesRead = this.#bytesRead;
    let bytesWritten = this.#bytesWritten;
    for (const { machine } of this.#drivers) {
      bytesRead += machine.bytesRead;
      bytesWritten += machine.bytesWritten;
    }
    const count = (of: (acceptor: Acceptor) => number): number =>
      this.#acceptors.reduce((sum, acceptor) => sum + of(acceptor), 0);
    return {
      accepted: this.#accepted,
      open: this.#drivers.size,
      waiting: count(({ machine }) => machine.waiting),
      rejected: count(({ machine }) => machine.rejected),
      acceptErrors: this.#acceptErrors,
      refused: this.#refused,
      failed: this.#failed,
      bytesRead,
      bytesWritten,
      children: undefined,
    };
  }

  restart(): void {}

  broadcast(): number {
    return 0;
  }

  // Closing

  close(options: { grace?: number } = {}): Promise<ServerClosed> {
    const { grace = defaultGrace } = options;
    const wrong = checkGrace(grace);
    if (wrong !== undefined) return Promise.reject(wrong);
    this.#closing = true;
    this.#abortAt = Math.min(this.#abortAt, this.#runtime.now() + grace);
    for (const acceptor of this.#acceptors) {
      acceptor.machine.close();
      acceptor.drain();
    }
    if (grace === 0) this.#abortAll();
    this.#settle();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  pollTimeout(): number {
    return this.#drivers.size > 0 ? this.#abortAt : Infinity;
  }

  handleTimeout(): void {
    this.#abortAll();
  }

  #abortAll(): void {
    for (const driver of [...this.#drivers]) {
      driver.abort(
        "drain",
        new SockeyeError(
          "ECONNABORTED",
          driver.describe("serve", "the server was closed"),
        ),
      );
    }
  }

  #settle(): void {
    this.#loop.update(this);
    if (this.#over || !this.#closing) return;
    if (this.#standing > 0 || this.#drivers.size > 0) return;
    this.#over = true;
    this.#resolveClosed({ drained: this.#drained, aborted: this.#aborted });
  }

  // What the acceptors tell

  onConnection(handle: StreamHandle): void {
    const push = typeof this.#handler !== "function";
    const driver = new Driver(this.#loop, handle, this.#limits, push);
    this.#accepted++;
    this.#drivers.add(driver);
    this.onChange?.();
    driver.onOver = (why) => this.#left(driver, why);
    driver.start(
      typeof this.#handler === "function"
        ? this.#run(driver, this.#handler)
        : new HandlerChannel(driver, this.#handler, this.#handlerOptions),
    );
  }

  /** Runs a function for a connection: it is closed when that returns, aborted when it throws. */
  #run(
    driver: Driver,
    handler: (connection: Connection) => void | Promise<void>,
  ): StreamConnection {
    const run = async (): Promise<void> => {
      try {
        await handler(connection);
        void connection.close();
      } catch (error) {
        const over = driver.machine.reason;
        driver.abort("handler", error);
        // A peer that resets is no fault of the handler's: it is counted.
        if (over === undefined || !isFailureOf(over, error)) {
          this.#report(error);
        }
      }
    };
    const connection = new StreamConnection(driver, run);
    return connection;
  }

  onArrived(): void {}

  onAcceptFailed(error: SockeyeError): void {
    this.#acceptErrors++;
    // Counted already: a client that left the queue is no news by itself.
    if (this.#onError !== undefined) this.#report(error);
  }

  onRefused(error: SockeyeError): void {
    this.#refused++;
    if (this.#onError !== undefined) this.#report(error);
  }

  onOver(error: SockeyeError | undefined): void {
    this.#standing--;
    if (error !== undefined) this.#report(error);
    this.#settle();
  }

  #left(driver: Driver, why: Closed): void {
    this.#drivers.delete(driver);
    this.#bytesRead += driver.machine.bytesRead;
    this.#bytesWritten += driver.machine.bytesWritten;
    if (why.how !== "close" && why.how !== "end") this.#failed++;
    if (why.how === "drain") this.#aborted++;
    else if (this.#closing) this.#drained++;
    this.onChange?.();
    this.#admission.handleLeft(true);
    this.#fillPlace();
    this.#settle();
  }

  /** Each address in turn comes first, so that a crowd at one starves no other. */
  #fillPlace(): void {
    const count = this.#acceptors.length;
    this.#first = (this.#first + 1) % count;
    for (let i = 0; i < count; i++) {
      this.#acceptors[(this.#first + i) % count]!.drain();
    }
  }

  /** Tells `onError`, or the runtime where nobody asked to be told. */
  #report(error: unknown): void {
    try {
      if (this.#onError === undefined) this.#runtime.report(error);
      else this.#onError(error);
    } catch (thrown) {
      this.#runtime.report(thrown);
    }
  }
}

/** Whether an error says no more than that the connection had ended so. */
function isFailureOf(why: Closed, error: unknown): boolean {
  return error instanceof SockeyeError && why.error !== undefined &&
    error.cause === why.error;
}
