/**
 * What the cases are run over, and what becomes of them.
 *
 * Of its own, since these types are public and must need no types of Node.
 *
 * @module
 */
import type { ChildrenOptions } from "../api/children/types.ts";
import type { ExecOptions } from "../api/exec/types.ts";
import type { BindOptions, DatagramSocket } from "../api/datagram/types.ts";
import type {
  Connection,
  ConnectOptions,
  Handlers,
  Listener,
  ListenOptions,
  ServeOptions,
  Server,
} from "../api/types.ts";
import type { AddressLike } from "../core/address.ts";
import type { Capability, Feature } from "../core/runtime.ts";

/**
 * The transports that these cases are run over.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { conformanceCases, type TransportName } from "@sockeye/net/testing";
 *
 * const transports: TransportName[] = ["tcp", "unix", "fifo", "mem"];
 * const withoutPython = transports.filter((transport) =>
 *   conformanceCases(transport).every(({ needsPython }) => !needsPython)
 * );
 * assert.deepEqual(withoutPython, ["mem"]);
 * ```
 */
export type TransportName = "tcp" | "unix" | "fifo" | "mem";

/**
 * What is under test: the library, or a bare runtime API in a thin wrapper.
 *
 * @example
 * ```ts
 * import * as net from "@sockeye/net";
 * import assert from "node:assert/strict";
 * import {
 *   conformanceCases,
 *   type Subject,
 *   subjectOf,
 * } from "@sockeye/net/testing";
 *
 * let dialled = 0;
 * const subject: Subject = {
 *   ...subjectOf("counted", "mem", net, import.meta.url),
 *   connect: (to, options) => (dialled++, net.connect(to, options)),
 * };
 * const [first] = conformanceCases("mem");
 * await first?.run(subject);
 * assert.ok(dialled > 0);
 * ```
 */
export interface Subject {
  /** What it is called in reports. */
  readonly name: string;
  /** What it is over. */
  readonly transport: TransportName;
  /**
   * The URL of a module that exports `subject(transport)`, which gives this:
   * some cases start programs of their own, which load it.
   */
  readonly module: string;
  /** A bare runtime API, which has no notion of much that is asked. */
  readonly bare?: boolean;
  /** What it can do of a feature, and why not if it cannot. */
  support(feature: Feature): Promise<Capability>;
  /** Connects, as the verb of that name. */
  connect(to: AddressLike, options?: ConnectOptions): Promise<Connection>;
  /** Listens, as the verb of that name. */
  listen(at: AddressLike, options?: ListenOptions): Promise<Listener>;
  /** Serves with handlers, as the verb of that name. */
  serve<T>(
    at: AddressLike,
    handlers: Handlers<T>,
    options?: ServeOptions,
  ): Promise<Server>;
  /** Serves with a module's handler in children; a bare API has none. */
  serveModule?(
    at: AddressLike,
    module: URL,
    options: ChildrenOptions,
  ): Promise<Server>;
  /** Serves by a program, as the verb of that name. */
  serveExec?(
    at: AddressLike,
    command: readonly string[],
    options?: ExecOptions,
  ): Promise<Server>;
}

/**
 * What the cases about datagrams are run over: loopback by IPv4 (`udp`) or by
 * IPv6 (`udp6`), or the simulated network.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type DatagramTransport, parseAddress } from "@sockeye/net/testing";
 *
 * const anyPort: Record<DatagramTransport, string> = {
 *   udp: "udp://127.0.0.1:0",
 *   udp6: "udp://[::1]:0",
 *   mem: "mem:*",
 * };
 * assert.equal(parseAddress(anyPort.udp6).transport, "udp");
 * ```
 */
export type DatagramTransport = "udp" | "udp6" | "mem";

/**
 * What is under test: the library, or bare `node:dgram` in a thin wrapper.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { datagramCases, type DatagramSubject } from "@sockeye/net/testing";
 *
 * const subject: DatagramSubject = {
 *   name: "mine",
 *   transport: "mem",
 *   support: async () => ({ support: "none", reason: "not built yet" }),
 *   bind,
 * };
 * const multicast = datagramCases().find(({ id }) => id === "D16");
 * const outcome = await multicast?.run(subject);
 * assert.deepEqual(outcome?.notes, ["not built yet"]); // a gap, no failure
 * ```
 */
export interface DatagramSubject {
  /** What it is called in reports. */
  readonly name: string;
  /** A bare runtime API, which has no notion of much that is asked. */
  readonly bare?: boolean;
  /** What it is over. */
  readonly transport: DatagramTransport;
  /** What it can do of a feature, and why not if it cannot. */
  support(feature: Feature): Promise<Capability>;
  /** Binds a socket, as the verb of that name. */
  bind(at: AddressLike, options?: BindOptions): Promise<DatagramSocket>;
}

/**
 * How one case ended over one subject.
 *
 * @example
 * ```ts
 * import * as net from "@sockeye/net";
 * import assert from "node:assert/strict";
 * import {
 *   conformanceCases,
 *   type Outcome,
 *   subjectOf,
 * } from "@sockeye/net/testing";
 *
 * const subject = {
 *   ...subjectOf("half", "mem", net, import.meta.url),
 *   listen: () => Promise.reject(new Error("not built yet")),
 * };
 * const outcome: Outcome | undefined = await conformanceCases("mem")[0]
 *   ?.run(subject);
 * assert.equal(outcome?.verdict, "fail");
 * assert.deepEqual(outcome.notes, ["Error: not built yet"]);
 * ```
 */
export interface Outcome {
  /** Of the case. */
  readonly id: string;
  /**
   * `gap`: it holds as far as the platform lets it; `n/a`: a bare API has no
   * notion of it, which no adapter may say.
   */
  readonly verdict: "pass" | "gap" | "fail" | "hangs" | "n/a";
  /** Reasons of the gaps, or what failed. */
  readonly notes: readonly string[];
  /** What was thrown, if it failed. */
  readonly error?: unknown;
}
