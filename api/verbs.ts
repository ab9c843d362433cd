/**
 * The verbs, bound to a runtime that may still have to be loaded.
 *
 * @module
 */
import { type AddressLike, parseAddress } from "../core/address.ts";
import type { Capabilities, Runtime } from "../core/runtime.ts";
import { startListening } from "./acceptor.ts";
import { connectOver } from "./connect.ts";
import { bindOver } from "./datagram.ts";
import type { BindOptions, DatagramSocket } from "./datagram/types.ts";
import { StreamListener } from "./listener.ts";
import {
  capacityOf,
  checkOptions,
  limitsOf,
  listenRequestOf,
  onErrorOf,
} from "./options.ts";
import type { ChildrenOptions, ModuleLocation } from "./children/types.ts";
import { serveByProgram } from "./exec.ts";
import type { ExecOptions } from "./exec/types.ts";
import { type Handler, serveOver } from "./serve.ts";
import { isModule, serveByChildren } from "./children/serve.ts";
import { stdinOf } from "./stdin.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  ServeOptions,
  Server,
  StandardInput,
} from "./types.ts";

/**
 * Gives the runtime. Asked at each call of a verb, not before: it keeps what it
 * loaded.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { createSimulation } from "@sockeye/net/memory";
 * import { createVerbs, type LoadRuntime } from "@sockeye/net/testing";
 *
 * let asked = 0;
 * const { runtime } = createSimulation();
 * const load: LoadRuntime = () => (asked++, runtime);
 * const { capabilities } = createVerbs(load);
 * assert.equal(asked, 0);
 * await capabilities();
 * assert.equal(asked, 1);
 * ```
 */
export type LoadRuntime = () => Runtime | Promise<Runtime>;

/**
 * See {@linkcode Verbs.connect}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type Connect, listen } from "@sockeye/net";
 *
 * // Tries again by itself.
 * const reconnect: Connect = (to, options) =>
 *   connect(to, { retry: { attempts: 5 }, ...options });
 *
 * const listener = await listen("mem:reconnect");
 * const client = await reconnect("mem:reconnect", { timeout: 1000 });
 * assert.equal(client.state, "open");
 * client.abort();
 * await listener.close();
 * ```
 */
export type Connect = (
  to: AddressLike,
  options?: ConnectOptions,
) => Promise<Connection>;

/**
 * See {@linkcode Verbs.listen}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Listen, listen } from "@sockeye/net";
 *
 * // Lets in no more than ten at a time, unless told otherwise.
 * const listenForFew: Listen = (at, options) =>
 *   listen(at, { maxConnections: 10, ...options });
 *
 * const listener = await listenForFew("mem:few");
 * assert.deepEqual(listener.address, { transport: "mem", name: "few" });
 * await listener.close();
 * ```
 */
export type Listen = (
  at: AddressLike,
  options?: ListenOptions,
) => Promise<Listener>;

/**
 * See {@linkcode Verbs.serve}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Handler, serve, type Serve, type Server } from "@sockeye/net";
 *
 * // Both forms: handlers run here, a module's in children.
 * function start(verb: Serve, handler: Handler | URL): Promise<Server> {
 *   return handler instanceof URL
 *     ? verb("mem:both forms", handler, { strategy: "workers" })
 *     : verb("mem:both forms", handler);
 * }
 *
 * const server = await start(serve, { data: () => {} });
 * assert.equal(server.stats.children, undefined);
 * await server.close();
 * ```
 */
export interface Serve {
  /** Handlers or a function, on this thread's loop. */
  <T = unknown>(
    at: AddressLike | readonly AddressLike[],
    handler: Handler<T>,
    options?: ServeOptions,
  ): Promise<Server>;
  /** The handler that a module exports, in children. */
  (
    at: AddressLike | readonly AddressLike[],
    module: ModuleLocation,
    options: ChildrenOptions,
  ): Promise<Server>;
}

/**
 * See {@linkcode Verbs.serveExec}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serveExec, type ServeExec } from "@sockeye/net";
 *
 * // Programs see nothing of our environment.
 * const serveCleanly: ServeExec = (at, command, options) =>
 *   serveExec(at, command, { env: {}, ...options });
 *
 * const server = await serveCleanly("tcp://:0", ["/usr/bin/env"]);
 * const client = await connect(server.addresses[0]!);
 * const text = new TextDecoder().decode((await client.read())!);
 * assert.match(text, /^PROTO=TCP$/m); // what tells of the connection is there
 * assert.doesNotMatch(text, /^HOME=/m);
 * await client.close();
 * await server.close();
 * ```
 */
export type ServeExec = (
  at: AddressLike | readonly AddressLike[],
  command: readonly string[],
  options?: ExecOptions,
) => Promise<Server>;

/**
 * See {@linkcode Verbs.bind}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind, type Bind, type Datagram } from "@sockeye/net";
 *
 * // A test may hand in the verb of a simulation.
 * async function ask(bind: Bind, server: string): Promise<Datagram> {
 *   await using socket = await bind("mem:*");
 *   await socket.connect(server);
 *   await socket.send(new Uint8Array([1]));
 *   return await socket.receive({ timeout: 1000 });
 * }
 *
 * const server = await bind("mem:oracle", {
 *   onDatagram: ({ from }, socket) => socket.send(new Uint8Array([42]), from),
 * });
 * assert.deepEqual([...(await ask(bind, "mem:oracle")).bytes], [42]);
 * await server.close();
 * ```
 */
export type Bind = (
  at: AddressLike,
  options?: BindOptions,
) => Promise<DatagramSocket>;

/**
 * The verbs of one runtime.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Verbs } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * // Takes its verbs, so that a test may bring those of a simulation.
 * async function isThere(to: string, { connect }: Pick<Verbs, "connect">) {
 *   const connection = await connect(to).catch(() => undefined);
 *   connection?.abort();
 *   return connection !== undefined;
 * }
 *
 * const { run, ...verbs } = createSimulation();
 * assert.equal(await run(() => isThere("mem:anybody", verbs)), false);
 * ```
 */
export interface Verbs {
  /** Makes a connection. */
  readonly connect: Connect;
  /** Waits for connections, in the pull style. */
  readonly listen: Listen;
  /** Runs handlers for connections. */
  readonly serve: Serve;
  /** Runs a program for each connection. */
  readonly serveExec: ServeExec;
  /** Makes a socket for datagrams. */
  readonly bind: Bind;
  /** The standard input of the process. */
  readonly stdin: () => Promise<StandardInput>;
  /** What the runtime can do. */
  readonly capabilities: () => Promise<Capabilities>;
}

/**
 * Binds the verbs to a runtime, which each call of one asks for.
 *
 * @example
 * ```ts
 * import { createSimulation } from "@sockeye/net/memory";
 * import { createVerbs } from "@sockeye/net/testing";
 *
 * const { runtime } = createSimulation(); // or an adapter of your own
 * const { capabilities } = createVerbs(() => runtime);
 * console.log((await capabilities()).runtime);
 * ```
 */
export function createVerbs(load: LoadRuntime): Verbs {
  return {
    connect: async (to, options = {}) =>
      await connectOver(await load(), to, options),
    listen: async (at, options = {}) => {
      const runtime = await load();
      const address = parseAddress(at);
      checkOptions(options);
      const request = listenRequestOf(options);
      limitsOf(options);
      capacityOf(options);
      onErrorOf(options);
      const handle = await startListening(
        runtime,
        address,
        request,
        options.signal,
      );
      return new StreamListener(runtime, handle, options);
    },
    serve: async <T>(
      at: AddressLike | readonly AddressLike[],
      served: Handler<T> | ModuleLocation,
      options: ServeOptions | ChildrenOptions = {},
    ) => {
      const runtime = await load();
      return isModule(served)
        ? await serveByChildren(runtime, at, served, options as ChildrenOptions)
        : await serveOver(runtime, at, served, options as ServeOptions);
    },
    serveExec: async (at, command, options = {}) =>
      await serveByProgram(await load(), at, command, options),
    bind: async (at, options = {}) => await bindOver(await load(), at, options),
    stdin: async () => stdinOf(await load()),
    capabilities: async () => (await load()).capabilities(),
  };
}
