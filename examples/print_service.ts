/**
 * A print spooler: many clients at once, their jobs whole, and in order for
 * each of them. It prints a line for each job: who sent it, and what.
 *
 *     deno run -A examples/print_service.ts unix:/tmp/printer
 *     deno run -A examples/print_service.ts fifo:/tmp/printer
 *     deno run -A examples/print_service.ts tcp://:7000
 *
 * Only the address says what it runs over. On Unix sockets and FIFOs a client
 * shows which user it acts for (`--everybody` lets in others than our own); over
 * TCP nobody can tell.
 *
 * The generic API of clients and servers that such programs were written with:
 *
 * | there               | here                        |
 * | ------------------- | --------------------------- |
 * | `new_server`        | `serve(address, function)`  |
 * | `accept_client`     | the function is called      |
 * | `connect_to`        | `connect(address)`          |
 * | `send_info`         | `sendInfo`, over `write`    |
 * | `recv_info`         | `recvInfo`, over `read`     |
 * | `disconnect_from`   | `connection.close()`        |
 * | `destroy_server`    | `server.close()`            |
 */
import { createHash } from "node:crypto";
import { type Connection, serve } from "../mod.ts";
import { Receiver, sendInfo } from "./_jobs.ts";
import {
  grace,
  messageOf,
  program,
  sayListening,
  whenStopped,
} from "./_program.ts";

let jobs = 0;

const usage = "print_service.ts ADDRESS [--everybody]";
await program(usage, async ({ addresses: [at], flag }) => {
  // new_server; accept_client is the call of the function.
  const server = await serve(at, printJobs, {
    identify: at.transport !== "tcp",
    mode: flag("everybody") ? 0o666 : 0o600,
    onError: (error) => console.error(messageOf(error)), // and the next one
  });
  // destroy_server: those who are connected may finish.
  whenStopped(() => void server.close({ grace }));
  sayListening(server.addresses);

  const { drained, aborted } = await server.closed;
  console.log(`closed: ${jobs} jobs, ${drained} drained, ${aborted} aborted`);
});

/** One client, from its first job to its end; disconnect_from is the return. */
async function printJobs(connection: Connection): Promise<void> {
  const receiver = new Receiver(connection);
  for (;;) {
    const job = await receiver.recvInfo();
    if (job === null) return;
    const number = ++jobs;
    const digest = createHash("sha256").update(job.bytes).digest("hex");
    console.log(
      `job ${number} from ${whoIs(connection)}: ${JSON.stringify(job.text)}, ` +
        `${job.bytes.length} bytes, sha256 ${digest}`,
    );
    await sendInfo(connection, `job ${number}`);
  }
}

function whoIs({ id, credentials }: Connection): string {
  if (credentials === undefined) return `client ${id}, whoever that is`;
  return `client ${id}, user ${credentials.uid}, process ${credentials.claimedPid}`;
}
