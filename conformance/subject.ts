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

/** The transports that these cases are run over. */
export type TransportName = "tcp" | "unix" | "fifo" | "mem";

/** What is under test: the library, or a bare runtime API in a thin wrapper. */
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

/** What the cases about datagrams are run over. */
export type DatagramTransport = "udp" | "udp6" | "mem";

/** What is under test: the library, or bare `node:dgram` in a thin wrapper. */
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

/** How one case ended over one subject. */
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
