/** The datagram part of the suite: over IPv4, over IPv6 where there is one, in memory. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { datagrams } from "../../conformance/cases/datagrams.ts";
import {
  datagramTransports,
  runDatagramCase,
} from "../../conformance/datagrams.ts";
import { sockeyeDatagrams } from "./sockeye_datagrams.ts";

const hasIPv6 = Object.values(networkInterfaces()).flat()
  .some((each) => each?.address === "::1");

for (const transport of datagramTransports) {
  const skip = transport === "udp6" && !hasIPv6 && "no IPv6 on loopback";
  for (const item of datagrams) {
    test(`${item.id} ${transport} ${item.title}`, { skip }, async () => {
      const outcome = await runDatagramCase(item, sockeyeDatagrams(transport));
      const { verdict, error, notes } = outcome;
      if (verdict === "pass" || verdict === "gap") return;
      throw error instanceof Error ? error : assert.fail(notes.join("\n"));
    });
  }
}
