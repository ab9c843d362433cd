/**
 * A write that is given up: from then on its bytes are the caller's, and what
 * had been taken of them arrives as it was.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout } from "node:timers";
import { connect, type Connection, listen, SockeyeError } from "../mod.ts";

/** More than a connection whose peer does not read can take. */
const size = 32 * 1024 * 1024;

const ways: Record<
  string,
  (client: Connection, bytes: Uint8Array) => Promise<void>
> = {
  "a timeout": (client, bytes) => client.write(bytes, { timeout: 100 }),
  "a deadline set while it waits": (client, bytes) => {
    const writing = client.write(bytes);
    client.setDeadline(100, "write");
    return writing;
  },
  "a signal": (client, bytes) => {
    const controller = new AbortController();
    const writing = client.write(bytes, { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    return writing;
  },
};

for (const transport of ["tcp://:0", "mem:lending"]) {
  for (const [way, give] of Object.entries(ways)) {
    test(`${transport}: after ${way}, altering the bytes alters nothing that arrives`, async () => {
      const listener = await listen(transport);
      const client = await connect(listener.address);
      const server = await listener.accept();
      server.pause();

      const bytes = new Uint8Array(size).fill(1);
      const error = await give(client, bytes).catch((error) => error);
      bytes.fill(2);
      assert.ok(error instanceof Error);
      client.setDeadline(null);
      server.resume();
      const ended = client.closeWrite();
      let arrived = 0;
      for await (const chunk of server) {
        assert.ok(chunk.every((byte) => byte === 1), `altered at ${arrived}`);
        arrived += chunk.length;
      }
      await ended;
      if (error instanceof SockeyeError) {
        assert.equal(arrived, error.bytesTaken);
      }
      assert.equal(arrived, client.bytesWritten);

      client.abort();
      server.abort();
      await listener.close();
    });
  }
}
