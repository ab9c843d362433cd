/** The library as the subject of the datagram part. */
import { bind, capabilities } from "../../mod.ts";
import type { Capability, Feature } from "../../core/runtime.ts";
import type {
  DatagramSubject,
  DatagramTransport,
} from "../../conformance/subject.ts";

/** The library over one transport. */
export function sockeyeDatagrams(
  transport: DatagramTransport,
): DatagramSubject {
  return {
    name: "sockeye",
    transport,
    support: (feature) => support(transport, feature),
    bind,
  };
}

async function support(
  transport: DatagramTransport,
  feature: Feature,
): Promise<Capability> {
  if (transport !== "mem") return (await capabilities()).features[feature];
  return feature === "multicast"
    ? { support: "none", reason: "The simulated network has no groups" }
    : { support: "native" };
}
