/**
 * Connecting.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
} from "../core/address.ts";
import { checkConnectRequest } from "../core/credentials.ts";
import { SockeyeError } from "../core/error.ts";
import { RetryMachine } from "../core/retry.ts";
import type { Deadlined } from "../core/timers.ts";
import type { Runtime } from "../core/runtime.ts";
import type {
  ConnectEvents,
  ConnectRequest,
  Pending,
  StreamHandle,
} from "../core/transport.ts";
import { explain, refuseDatagrams } from "./acceptor.ts";
import { StreamConnection } from "./connection.ts";
import { Driver } from "./driver.ts";
import { Loop } from "./loop.ts";
import {
  checkOptions,
  connectRequestOf,
  limitsOf,
  type Retry,
  retryOf,
} from "./options.ts";
import type { Connection, ConnectOptions } from "./types.ts";
import { checkSignal, deadlineOf, Waiter } from "./wait.ts";

/** Connects over a runtime; see `connect` in `mod.ts`. */
export async function connectOver(
  runtime: Runtime,
  to: AddressLike,
  options: ConnectOptions,
): Promise<Connection> {
  const address = connectable(parseAddress(to));
  checkOptions(options);
  const limits = limitsOf(options);
  const request = connectRequestOf(options);
  const retry = retryOf(options);
  checkConnectRequest(address, request);
  checkSignal(options.signal);
  const handle = await new Dialing(runtime, address, request, options, retry)
    .start();
  const driver = new Driver(Loop.of(runtime), handle, limits, false);
  const connection = new StreamConnection(driver);
  driver.start(connection);
  return connection;
}

function connectable(address: Address): Address {
  refuseDatagrams(address, "connect to");
  if ("port" in address && address.port === 0) {
    throw new SockeyeError(
      "ERR_SOCKEYE_ADDRESS",
      `Cannot connect to ${formatAddress(address)}: port 0 is for listening`,
    );
  }
  return address;
}

/** The attempts to make one connection; a deadline or a signal ends them. */
class Dialing implements ConnectEvents, Deadlined {
  timerIndex = -1;

  readonly #runtime: Runtime;
  readonly #loop: Loop;
  readonly #address: Address;
  readonly #request: ConnectRequest;
  readonly #retry: Retry;
  readonly #machine: RetryMachine;
  readonly #waiter: Waiter<StreamHandle>;
  #pending: Pending | undefined;
  /** Why the last attempt failed. */
  #error: SockeyeError | undefined;
  #over = false;

  constructor(
    runtime: Runtime,
    address: Address,
    request: ConnectRequest,
    options: ConnectOptions,
    retry: Retry,
  ) {
    this.#runtime = runtime;
    this.#loop = Loop.of(runtime);
    this.#address = address;
    this.#request = request;
    this.#retry = retry;
    this.#machine = new RetryMachine(retry.limits);
    this.#waiter = new Waiter(
      deadlineOf(options, runtime.now()),
      options.signal,
      (reason) => this.#giveUp(reason),
    );
  }

  /** A connected handle. */
  start(): Promise<StreamHandle> {
    this.#drain();
    return this.#waiter.promise;
  }

  /** Does what the machine says, after every mutation of it. */
  #drain(): void {
    const runtime = this.#runtime;
    const output = this.#machine.pollOutput(runtime.now());
    switch (output) {
      case "attempt":
        this.#pending = runtime.connect(this.#address, this.#request, this);
        break;
      case "failed":
        this.#over = true;
        this.#waiter.reject(this.#error);
        break;
      case "wait":
        break;
      default:
        output satisfies never;
    }
    this.#loop.update(this);
  }

  // What the transport tells of an attempt

  connected(handle: StreamHandle): void {
    this.#end();
    this.#waiter.resolve(handle);
  }

  failed(error: SockeyeError): void {
    const { runtime } = this.#loop;
    const explained = explain(error, this.#action);
    this.#error = explained;
    this.#pending = undefined;
    this.#machine.handleFailed(runtime.now(), error.code, runtime.random());
    const { failures } = this.#machine;
    const { onFailure } = this.#retry;
    if (onFailure !== undefined) {
      this.#tell(() => onFailure(explained, failures));
    }
    this.#drain();
  }

  /** What `onFailure` throws must not stop the attempts. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#loop.report(thrown);
    }
  }

  // What the loop's timer tells

  pollTimeout(): number {
    if (this.#over) return Infinity;
    return Math.min(this.#waiter.deadline, this.#machine.pollTimeout());
  }

  handleTimeout(now: number): void {
    if (now < this.#waiter.deadline) return this.#drain();
    const { failures } = this.#machine;
    const count = failures === 1 ? "1 attempt" : `${failures} attempts`;
    const last = failures > 0 ? `, ${count} had failed` : "";
    this.#giveUp(
      new SockeyeError(
        "ETIMEDOUT",
        `Cannot ${this.#action}: the time was over${last}`,
        this.#error === undefined ? {} : { cause: this.#error },
      ),
    );
  }

  // The end

  #giveUp(reason: unknown): void {
    this.#end();
    this.#pending?.cancel();
    this.#waiter.reject(reason);
  }

  #end(): void {
    this.#over = true;
    this.#machine.handleOver();
    this.#loop.update(this);
  }

  get #action(): string {
    return `connect to ${formatAddress(this.#address)}`;
  }
}
