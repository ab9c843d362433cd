/**
 * The verbs of `@sockeye/net`, bound to the adapter of Deno.
 *
 * For bundles and single-file programs: nothing is loaded lazily, and nothing
 * of another runtime is named.
 *
 * ```ts
 * import { connect, serve } from "@sockeye/net/deno";
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
import { runtime as deno } from "../adapters/deno/runtime.ts";
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

const runtime: Runtime = withMemory(deno);
const verbs: Verbs = createVerbs(() => runtime);

/** Connects to an address; see `connect` of `@sockeye/net`. */
export const connect: Connect = verbs.connect;
/** Listens on an address; see `listen` of `@sockeye/net`. */
export const listen: Listen = verbs.listen;
/** Serves addresses with handlers; see `serve` of `@sockeye/net`. */
export const serve: Serve = verbs.serve;
/** Serves addresses with a program; see `serveExec` of `@sockeye/net`. */
export const serveExec: ServeExec = verbs.serveExec;
/** Binds a socket for datagrams; see `bind` of `@sockeye/net`. */
export const bind: Bind = verbs.bind;
/** Standard input; see `stdin` of `@sockeye/net`. */
export const stdin: () => Promise<StandardInput> = verbs.stdin;
/** Whether a module is the program; see `isMain` of `@sockeye/net`. */
export function isMain(meta: ModuleMeta): boolean {
  return isMainModule(meta, globalThis as Program);
}
/** What this runtime can do; see `capabilities` of `@sockeye/net`. */
export const capabilities: () => Promise<Capabilities> = verbs.capabilities;

/** Waits for many sources at once; see `Poller` of `@sockeye/net`. */
export class Poller<T = unknown> extends AnyPoller<T> {
  constructor() {
    super(() => runtime);
  }
}
