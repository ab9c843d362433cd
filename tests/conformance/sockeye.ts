/** The library as the subject of the suite. */
import {
  type Subject,
  subjectOf,
  type TransportName,
} from "../../conformance/mod.ts";
import * as verbs from "../../mod.ts";

/** The library over one transport. */
export function sockeye(transport: TransportName): Subject {
  return subjectOf("sockeye", transport, verbs, import.meta.url);
}

export { sockeye as subject };
