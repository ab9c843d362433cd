/**
 * The conformance suite, for those who write an adapter: what every adapter of
 * this library has to do, as cases that any test runner can run.
 *
 * An adapter is a `Runtime`; {@linkcode createVerbs} binds the verbs to it, and
 * {@linkcode subjectOf} makes of them what the cases are run over. A case that
 * the platform cannot hold is a `gap`, with the reason; none is left out.
 *
 * The cases start processes and open sockets, so they need all permissions,
 * and most of their foreign peers are Python's.
 *
 * @example
 * ```ts
 * import { capabilities, connect, listen, serve } from "@sockeye/net";
 * import { conformanceCases, subjectOf } from "@sockeye/net/testing";
 *
 * const verbs = { connect, listen, serve, capabilities };
 * const subject = subjectOf("mine", "mem", verbs, import.meta.url);
 * for (const { id, sentence, run } of conformanceCases("mem").slice(0, 3)) {
 *   const { verdict, notes } = await run(subject); // in a test of its own
 *   console.log(id, sentence, verdict, ...notes);
 * }
 * ```
 *
 * @module
 */
import type { Verbs } from "../api/verbs.ts";
import type { Capability, Feature } from "../core/runtime.ts";
import { casesOver } from "./cases/all.ts";
import { datagrams } from "./cases/datagrams.ts";
import { runDatagramCase } from "./datagrams.ts";
import { fifoReset, runCase, unixReset } from "./harness.ts";
import type {
  DatagramSubject,
  Outcome,
  Subject,
  TransportName,
} from "./subject.ts";

export * from "../api/exports.ts";
export { createVerbs, type LoadRuntime } from "../api/verbs.ts";
export type { Runtime } from "../core/runtime.ts";
export type {
  DatagramSubject,
  DatagramTransport,
  Outcome,
  Subject,
  TransportName,
} from "./subject.ts";

/**
 * One sentence of the suite, about connections or about datagrams.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   type ConformanceCase,
 *   conformanceCases,
 *   datagramCases,
 * } from "@sockeye/net/testing";
 *
 * const idOf = ({ id }: ConformanceCase<never>) => id;
 * const ids = [...conformanceCases("tcp"), ...datagramCases()].map(idOf);
 * assert.equal(new Set(ids).size, ids.length); // no two are alike
 * ```
 */
export interface ConformanceCase<S = Subject> {
  /** As in `A1`; stays the same from version to version. */
  readonly id: string;
  /** What has to be true. */
  readonly sentence: string;
  /** Whether `python3` must be there, for the foreign peers. */
  readonly needsPython: boolean;
  /**
   * Runs it over a subject; never rejects. What it opened is closed when it
   * resolves, and what hangs counts as `hangs` after 20 s or what it needs.
   */
  readonly run: (subject: S) => Promise<Outcome>;
}

/**
 * The cases about connections, listeners, servers and readiness.
 *
 * @param transport those that are about it; most are about all
 *
 * @example
 * ```ts
 * import { conformanceCases } from "@sockeye/net/testing";
 *
 * const needed = conformanceCases("unix").filter((each) => each.needsPython);
 * console.log(`${needed.length} cases need python3`);
 * ```
 */
export function conformanceCases(
  transport: TransportName,
): readonly ConformanceCase[] {
  return casesOver(transport).map((item) => ({
    id: item.id,
    sentence: item.title,
    needsPython: transport === "fifo" ||
      (item.needsPython === true && transport !== "mem"),
    run: (subject) => runCase(item, subject),
  }));
}

/**
 * The cases about datagrams.
 *
 * @example
 * ```ts
 * import { bind, capabilities } from "@sockeye/net";
 * import { datagramCases } from "@sockeye/net/testing";
 *
 * const [first] = datagramCases();
 * const outcome = await first?.run({
 *   name: "mine",
 *   transport: "udp",
 *   support: async (feature) => (await capabilities()).features[feature],
 *   bind,
 * });
 * console.log(first?.sentence, outcome?.verdict);
 * ```
 */
export function datagramCases(): readonly ConformanceCase<DatagramSubject>[] {
  return datagrams.map((item) => ({
    id: item.id,
    sentence: item.title,
    needsPython: false,
    run: (subject) => runDatagramCase(item, subject),
  }));
}

/**
 * The verbs of an adapter over one transport, as the cases want them.
 *
 * @param name what it is called in reports
 * @param transport what the cases are to be run over
 * @param verbs those of the adapter
 * @param module the URL of a module that exports `subject`, a function that
 * gives this again for a transport: some cases start programs, which load it
 *
 * @example
 * ```ts
 * import * as verbs from "@sockeye/net/deno";
 * import { type Subject, subjectOf } from "@sockeye/net/testing";
 * import type { TransportName } from "@sockeye/net/testing";
 *
 * export function subject(transport: TransportName): Subject {
 *   return subjectOf("mine", transport, verbs, import.meta.url);
 * }
 * ```
 */
export function subjectOf(
  name: string,
  transport: TransportName,
  verbs:
    & Pick<Verbs, "capabilities" | "connect" | "listen" | "serve">
    & Partial<Pick<Verbs, "serveExec">>,
  module: string,
): Subject {
  const { capabilities, connect, listen, serve } = verbs;
  const support = async (feature: Feature): Promise<Capability> =>
    noResetOver(transport, feature) ?? (await capabilities()).features[feature];
  const { serveExec } = verbs;
  return {
    ...{ name, transport, module, support, connect, listen, serve },
    serveModule: (at, module, options) => serve(at, module, options),
    ...(serveExec && { serveExec }),
  };
}

/** What the transport itself lacks, whatever the runtime can do. */
function noResetOver(
  transport: TransportName,
  feature: Feature,
): Capability | undefined {
  // The simulated network is the same on each runtime and can do everything.
  if (transport === "mem") return { support: "native" };
  if (feature !== "reset") return undefined;
  if (transport === "unix") return { support: "none", reason: unixReset };
  if (transport === "fifo") return { support: "none", reason: fifoReset };
  return undefined;
}
