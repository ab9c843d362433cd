/**
 * `Runtime.turn` asks the kernel: what is there already is told after two.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Address } from "../../core/address.ts";
import { connect, listen, turns } from "./drive.ts";

const rounds = 50;

for (const transport of ["tcp", "unix"] as const) {
  test(`${transport}: two turns show what the kernel has`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
    const at: Address = transport === "tcp"
      ? { transport, host: "127.0.0.1", port: 0 }
      : { transport, path: join(directory, "s") };
    const listening = await listen(at);
    for (let round = 0; round < rounds; round++) {
      const client = await connect(listening.handle.address);
      await turns(2);
      assert.equal(listening.accepted.length, 1, "a connection");
      const server = await listening.accept();
      server.handle.startRead();
      await turns(2);
      client.offer(new Uint8Array(round + 1));
      await turns(2);
      assert.equal(server.receivedLength, round + 1, "to a waiting read");
      server.handle.stopRead();
      await turns(2);
      await client.end();
      server.handle.startRead();
      await turns(2);
      assert.ok(server.told.includes("readClosed"), "to a new read");
      await server.end();
    }
    await listening.end();
    rmSync(directory, { recursive: true });
  });
}
