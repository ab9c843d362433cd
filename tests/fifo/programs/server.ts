/** An echo server: `server ADDRESS`. Says `up`, or the code of its failure. */
import process from "node:process";
import { serve } from "../../../mod.ts";

const [address = ""] = process.argv.slice(2);
try {
  await serve(address, {
    data: (channel, bytes) => void channel.send(bytes),
    end: (channel) => channel.end(),
  }, { onError: () => {} });
  process.stdout.write("up\n");
} catch (error) {
  process.stdout.write(`${(error as { code?: unknown }).code}\n`);
}
