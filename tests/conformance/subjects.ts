/** Subjects by name; each is imported only where it is asked for. */
import type { Subject, TransportName } from "../../conformance/subject.ts";

/** The subject of this name over this transport. */
export async function subjectNamed(
  name: string,
  transport: string,
): Promise<Subject> {
  const over = transportNamed(transport);
  switch (name) {
    case "sockeye":
      return (await import("./sockeye.ts")).sockeye(over);
    case "net":
      return (await import("./controls/net.ts")).net(over);
    case "deno":
      return (await import("./controls/deno.ts")).deno(over);
    case "bun":
      return (await import("./controls/bun.ts")).bun(over);
    default:
      throw new Error(`No subject is called "${name}"`);
  }
}

function transportNamed(name: string): TransportName {
  const known = ["tcp", "unix", "fifo", "mem"] as const;
  const found = known.find((each) => each === name);
  if (found !== undefined) return found;
  throw new Error(`No transport is called "${name}"`);
}
