/**
 * An adapter on a runtime that it is not for, as `@sockeye/net/node` loaded by
 * Deno is: it says so, where its parts would throw anywhere, or hang (Deno's
 * `node:net` behind the adapter of Node connects, and then never reads).
 *
 * @module
 */
import process from "node:process";
import { SockeyeError } from "../../core/error.ts";
import type { Runtime, RuntimeName } from "../../core/runtime.ts";
import { refuse } from "./unsupported.ts";

/** The runtime itself where it is the one that runs, and what refuses everything elsewhere. */
export function onlyAtHome(runtime: Runtime): Runtime {
  const here = runningRuntime();
  if (runtime.name === here) return runtime;
  const reason = `the adapter of ${names[runtime.name]} does not run on ` +
    `${names[here]}: import @sockeye/net, or @sockeye/net/${here}`;
  const fail = (what: string): never => {
    throw new SockeyeError(
      "ERR_SOCKEYE_UNSUPPORTED",
      `Cannot ${what}: ${reason}`,
    );
  };
  return {
    ...runtime,
    children: undefined,
    threads: undefined,
    capabilities: () => fail("tell what this runtime can do"),
    descriptors: () => undefined,
    connect: (_to, _request, events) => refuse(reason, events),
    listen: (_at, _request, events) => refuse(reason, events),
    bind: (_at, _request, events) => refuse(reason, events),
    stdin: () => fail("read standard input"),
  };
}

const names: Readonly<Record<RuntimeName, string>> = {
  node: "Node",
  deno: "Deno",
  bun: "Bun",
  memory: "the simulation",
};

/** Bun and Deno tell a version of Node's too. */
function runningRuntime(): Exclude<RuntimeName, "memory"> {
  if (process.versions["bun"] !== undefined) return "bun";
  return process.versions["deno"] === undefined ? "node" : "deno";
}
