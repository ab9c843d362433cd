/** The library as the subject of the suite. */
import { capabilities, connect, listen, serve } from "../../mod.ts";
import { fifoReset, unixReset } from "./harness.ts";
import type { Subject, TransportName } from "./harness.ts";
import type { Capability, Feature } from "../../core/transport.ts";

/** The library over one transport. */
export function sockeye(transport: TransportName): Subject {
  return {
    name: "sockeye",
    transport,
    support: (feature) => support(transport, feature),
    connect,
    listen,
    serve,
  };
}

async function support(
  transport: TransportName,
  feature: Feature,
): Promise<Capability> {
  // The simulated network is the same on each runtime and can do everything.
  if (transport === "mem") return { support: "native" };
  if (transport === "unix" && feature === "reset") {
    return { support: "none", reason: unixReset };
  }
  if (transport === "fifo" && feature === "reset") {
    return { support: "none", reason: fifoReset };
  }
  return (await capabilities()).features[feature];
}
