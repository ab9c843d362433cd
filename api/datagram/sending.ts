/**
 * One datagram that is being sent.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { Outgoing } from "../../core/datagram.ts";
import { TimedWaiter, type WaiterHost } from "../timed_waiter.ts";

/** A datagram on its way out, and who waits for it. */
export class Sending extends TimedWaiter<void> implements Outgoing {
  readonly bytes: Uint8Array;
  readonly length: number;
  to: Address;
  refusals = 0;

  constructor(
    host: WaiterHost,
    bytes: Uint8Array,
    to: Address,
    deadline: number,
    signal: AbortSignal | undefined,
  ) {
    super(host, deadline, signal);
    this.bytes = bytes;
    this.length = bytes.length;
    this.to = to;
  }
}
