/**
 * The library with all that it accepts relayed as to a thread. So the cases show
 * what the relay does.
 */
import { createVerbs, type Verbs } from "../../api/verbs.ts";
import {
  type Subject,
  subjectOf,
  type TransportName,
} from "../../conformance/mod.ts";
import type { Runtime } from "../../core/runtime.ts";

let loading: Promise<Runtime> | undefined;

async function load(): Promise<Runtime> {
  return await (await import("./relayed_runtime.ts")).relayedRuntime();
}

const verbs: Verbs = createVerbs(() => loading ??= load());

/** The library over one transport, relayed. */
export function subject(transport: TransportName): Subject {
  return subjectOf("relayed", transport, verbs, import.meta.url);
}
