/**
 * A program for each connection, as under inetd(8) or tcpserver(1).
 *
 *     deno run -A examples/exec.ts unix:exec.sock -- cat
 *     deno run -A examples/exec.ts tcp://:7000 -- sh -c 'echo you are $TCPREMOTEIP'
 *
 * The connection is the program's standard input and output, and nothing stands
 * in between: it reads, writes and ends as it does in a pipe. What it is told of
 * its client is in its environment (`TCPREMOTEIP`, `UNIXLOCALPATH` and others).
 * A shell is there only where the command says so.
 */
import process from "node:process";
import { serveExec } from "../mod.ts";
import {
  grace,
  messageOf,
  program,
  sayEnded,
  sayListening,
} from "./_program.ts";

await program("exec.ts ADDRESS -- COMMAND…", async ({ addresses, words }) => {
  // Signals are heeded by the server: SIGTERM and SIGINT let the programs
  // finish, a second one ends those that are left.
  const server = await serveExec(addresses, words, {
    grace,
    onError: (error) => console.error(messageOf(error)),
  });
  sayListening(server.addresses);
  console.log(`parent ${process.pid}`);

  const closed = await server.closed;
  const { accepted, failed } = server.stats;
  console.log(`programs: ${accepted} run, ${failed} failed`);
  sayEnded(closed);
});
