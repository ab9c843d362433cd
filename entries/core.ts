/**
 * The pure core: machines that decide, for those who write an adapter, a
 * simulation, or another driver. It knows no runtime, clock, promise or timer.
 *
 * It holds what every connection needs and stays under 25 kB, minified. What
 * only some need is in `@sockeye/net/protocols`: names on disk, handshakes,
 * retries, datagrams, pools.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatAddress, parseAddress } from "@sockeye/net/core";
 *
 * const address = parseAddress("tcp://:7000");
 * assert.deepEqual(address, { transport: "tcp", host: "127.0.0.1", port: 7000 });
 * assert.equal(formatAddress(address), "tcp://127.0.0.1:7000");
 * ```
 *
 * @module
 */
export * from "../core/address.ts";
export * from "../core/admission.ts";
export * from "../core/children/messages.ts";
export * from "../core/children.ts";
export * from "../core/programs.ts";
export * from "../core/connection.ts";
export * from "../core/connection/ending.ts";
export * from "../core/error.ts";
export * from "../core/listener.ts";
export * from "../core/connection/read_side.ts";
export * from "../core/readiness.ts";
export * from "../core/runtime.ts";
export * from "../core/timers.ts";
export * from "../core/transitions.ts";
export * from "../core/transport.ts";
export * from "../core/wait.ts";
export * from "../core/connection/write_side.ts";
