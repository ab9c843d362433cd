/**
 * Sends files to the print spooler, one after the other.
 *
 *     deno run -A examples/print_job.ts unix:/tmp/printer letter.txt picture.png
 *
 * It says for each what the spooler made of it. When one cannot be read, or the
 * spooler goes away, that is told, with exit status 1; what was printed is.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { connect } from "../mod.ts";
import { Receiver, sendInfo } from "./_jobs.ts";
import { program, whenStopped } from "./_program.ts";

const usage = "print_job.ts ADDRESS FILE…";
await program(usage, async ({ addresses: [at], words: files }) => {
  // connect_to; a spooler on this machine is shown who we are.
  const connection = await connect(at, {
    identify: at.transport !== "tcp",
    timeout: 10_000,
  });
  whenStopped(() => connection.abort());
  try {
    const receiver = new Receiver(connection);
    for (const file of files) {
      const bytes = await readFile(file);
      await sendInfo(connection, basename(file), bytes);
      const answer = await receiver.recvInfo();
      if (answer === null) {
        throw new Error(`The spooler left before it had printed ${file}`);
      }
      console.log(`${file}: ${answer.text}, ${bytes.length} bytes`);
    }
  } finally {
    await connection.close(); // disconnect_from
  }
});
