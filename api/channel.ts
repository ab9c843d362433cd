/**
 * What every user of a connection holds, whatever the style: the part of
 * `Connection` that `Channel` names.
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import type { Closed } from "../core/connection.ts";
import { SockeyeError } from "../core/error.ts";
import type { State } from "../core/transitions.ts";
import type { Credentials } from "../core/transport.ts";
import type { Driver } from "./driver.ts";
import type { Channel } from "./types.ts";
import { checkBytes } from "./wait.ts";

/** A channel over a driver. */
export class StreamChannel<T = unknown> implements Channel<T> {
  context!: T;
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get id(): number {
    return this.#driver.id;
  }
  get state(): State {
    return this.#driver.machine.state;
  }
  get localAddress(): Address {
    return this.#driver.localAddress;
  }
  get remoteAddress(): Address {
    return this.#driver.remoteAddress;
  }
  get credentials(): Credentials | undefined {
    return this.#driver.credentials;
  }
  get bytesRead(): number {
    return this.#driver.machine.bytesRead;
  }
  get bytesWritten(): number {
    return this.#driver.machine.bytesWritten;
  }
  get bytesQueued(): number {
    return this.#driver.machine.queued;
  }
  get closed(): Promise<Closed> {
    return this.#driver.whenClosed;
  }

  send(bytes: Uint8Array): boolean {
    checkBytes(bytes, "send");
    const driver = this.#driver;
    const { machine } = driver;
    if (machine.canWrite) driver.send(bytes);
    else if (machine.endedHere && machine.state !== "closed") {
      throw driver.failure("send to");
    }
    return machine.writable;
  }

  pause(): void {
    this.#driver.machine.pause();
  }

  resume(): void {
    this.#driver.machine.resume();
    this.#driver.kick();
  }

  end(): void {
    const driver = this.#driver;
    if (driver.machine.state === "closed") return;
    driver.closeWrite();
  }

  close(): Promise<Closed> {
    return this.#driver.close();
  }

  abort(reason?: unknown): void {
    this.#driver.abort(
      "abort",
      reason ??
        new SockeyeError(
          "ECONNABORTED",
          this.#driver.describe("go on with", "it was aborted here"),
        ),
    );
  }
}
