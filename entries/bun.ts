/**
 * The verbs of `@sockeye/net`, bound to the adapter of Bun.
 *
 * For bundles and single-file programs: nothing is loaded lazily, and nothing
 * of another runtime is named.
 *
 * ```ts
 * import { connect, serve } from "@sockeye/net/bun";
 *
 * const server = await serve("mem:echo", { // or tcp://:7000, unix:/run/echo
 *   data: (channel, bytes) => void channel.send(bytes),
 * });
 * const client = await connect("mem:echo");
 * await client.write(new TextEncoder().encode("hello"));
 * console.log(new TextDecoder().decode((await client.read())!));
 * await client.close();
 * await server.close();
 * ```
 *
 * @module
 */
import { runtime as bun } from "../adapters/bun/runtime.ts";
import { withMemory } from "../adapters/memory/runtime.ts";
import { isMainModule, type ModuleMeta, type Program } from "../api/is_main.ts";
import { Poller as AnyPoller } from "../api/poller.ts";
import {
  type Bind,
  type Connect,
  createVerbs,
  type Listen,
  type Serve,
  type ServeExec,
  type Verbs,
} from "../api/verbs.ts";
import type { StandardInput } from "../api/types.ts";
import type { Capabilities, Runtime } from "../core/runtime.ts";

export * from "../api/exports.ts";

const runtime: Runtime = withMemory(bun);
const verbs: Verbs = createVerbs(() => runtime);

/**
 * Connects to an address; see `connect` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect } from "@sockeye/net/bun";
 *
 * await assert.rejects(connect("mem:nobody"), { code: "ECONNREFUSED" });
 * ```
 */
export const connect: Connect = verbs.connect;
/**
 * Listens on an address; see `listen` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net/bun";
 *
 * const listener = await listen("mem:door");
 * const client = await connect("mem:door");
 * const connection = await listener.accept();
 * await connection.write(new TextEncoder().encode("come in"));
 * assert.equal(new TextDecoder().decode((await client.read())!), "come in");
 * await Promise.all([client.close(), connection.close(), listener.close()]);
 * ```
 */
export const listen: Listen = verbs.listen;
/**
 * Serves addresses with handlers; see `serve` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve } from "@sockeye/net/bun";
 *
 * const server = await serve("mem:length", async (connection) => {
 *   const bytes = await connection.read();
 *   await connection.write(new Uint8Array([bytes!.length]));
 * });
 * const client = await connect("mem:length");
 * await client.write(new Uint8Array(5));
 * assert.deepEqual([...(await client.read())!], [5]);
 * await client.close();
 * await server.close();
 * ```
 */
export const serve: Serve = verbs.serve;
/**
 * Serves addresses with a program; see `serveExec` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import { isMain, serveExec } from "@sockeye/net/bun";
 *
 * if (isMain(import.meta)) {
 *   const server = await serveExec("tcp://:7000", ["tr", "a-z", "A-Z"]);
 *   const { error } = await server.closed; // by SIGTERM or SIGINT
 *   if (error !== undefined) throw error;
 * }
 * ```
 */
export const serveExec: ServeExec = verbs.serveExec;
/**
 * Binds a socket for datagrams; see `bind` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net/bun";
 *
 * await using socket = await bind("mem:*"); // or udp://:0
 * await socket.connect(socket.localAddress);
 * await socket.send(new Uint8Array([1, 2])); // to itself
 * assert.deepEqual([...(await socket.receive()).bytes], [1, 2]);
 * ```
 */
export const bind: Bind = verbs.bind;
/**
 * Standard input; see `stdin` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import { isMain, stdin } from "@sockeye/net/bun";
 *
 * if (isMain(import.meta)) {
 *   const input = await stdin();
 *   for await (const bytes of input) console.log(`${bytes.length} bytes`);
 * }
 * ```
 */
export const stdin: () => Promise<StandardInput> = verbs.stdin;
/**
 * Whether a module is the program; see `isMain` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import { type Handlers, isMain, serve } from "@sockeye/net/bun";
 *
 * export const echo: Handlers = {
 *   data: (channel, bytes) => void channel.send(bytes),
 * };
 *
 * if (isMain(import.meta)) await serve("tcp://:7000", echo); // not if imported
 * ```
 */
export function isMain(meta: ModuleMeta): boolean {
  return isMainModule(meta, globalThis as Program);
}
/**
 * What this runtime can do; see `capabilities` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import { capabilities, isMain } from "@sockeye/net/bun";
 *
 * if (isMain(import.meta)) {
 *   const { runtime, features } = await capabilities();
 *   console.log(runtime, features.tcp.support); // bun native
 * }
 * ```
 */
export const capabilities: () => Promise<Capabilities> = verbs.capabilities;

/**
 * Waits for many sources at once; see `Poller` of `@sockeye/net`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, Poller, PollEvents } from "@sockeye/net/bun";
 *
 * const listener = await listen("mem:polled");
 * const client = await connect("mem:polled");
 * using poller = new Poller<string>();
 * poller.add(listener, { readable: true }, "somebody is there");
 * const events = new PollEvents<string>(8);
 * assert.equal(await poller.wait(events), 1);
 * assert.equal(events.at(0)?.data, "somebody is there");
 * client.abort();
 * await listener.close();
 * ```
 */
export class Poller<T = unknown> extends AnyPoller<T> {
  constructor() {
    super(() => runtime);
  }
}
