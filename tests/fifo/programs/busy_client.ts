/** Connects, echoes a few bytes and leaves, five at a time, for ever: `busy_client ADDRESS`. */
import process from "node:process";
import { connect } from "../../../mod.ts";

const [address = ""] = process.argv.slice(2);
process.stdout.write("up\n");

async function client(): Promise<void> {
  for (;;) {
    try {
      const connection = await connect(address, { handshakeTimeout: 2000 });
      await connection.write(new Uint8Array(100));
      await connection.read();
      await connection.close();
    } catch {
      // The server may be down just now.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

await Promise.all(Array.from({ length: 5 }, client));
