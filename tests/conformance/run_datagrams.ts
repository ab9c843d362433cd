/**
 * Runs cases of the datagram part over one subject; see `runner.ts`:
 *
 *     run_datagrams.ts SUBJECT TRANSPORT [ID…]
 *     run_datagrams.ts list
 */
import process from "node:process";
import { datagrams } from "../../conformance/cases/datagrams.ts";
import {
  datagramTransports,
  runDatagramCase,
} from "../../conformance/datagrams.ts";
import { listAll, runAll } from "./runner.ts";
import type {
  DatagramSubject,
  DatagramTransport,
} from "../../conformance/subject.ts";

const [name = "sockeye", transport = "udp", ...ids] = process.argv.slice(2);
if (name === "list") {
  listAll(datagrams);
  process.exit(0);
}
const subject = await subjectNamed(name, transportNamed(transport));
await runAll(datagrams, ids, (item) => runDatagramCase(item, subject));
// What a control leaves behind must not keep the process from ending.
process.exit(0);

/** Each is imported only where it is asked for. */
async function subjectNamed(
  name: string,
  over: DatagramTransport,
): Promise<DatagramSubject> {
  switch (name) {
    case "sockeye":
      return (await import("./sockeye_datagrams.ts")).sockeyeDatagrams(over);
    case "dgram":
      return (await import("./controls/dgram.ts")).dgram(over);
    default:
      throw new Error(`No subject is called "${name}"`);
  }
}

function transportNamed(name: string): DatagramTransport {
  const found = datagramTransports.find((each) => each === name);
  if (found === undefined) throw new Error(`No transport is called "${name}"`);
  return found;
}
