/**
 * Echo, with a process for each connection, as fork(2) after accept(2).
 *
 *     deno run -A examples/echo_process.ts tcp://:7000 unix:echo.sock
 *
 * This one file is both: the program that listens, and the module whose default
 * export each child runs. The handler is written as if there were one client
 * only. What it does to its process (a loop without end, a crash) costs its own
 * connection and nobody else's; SIGHUP has it loaded anew.
 */
import process from "node:process";
import { type Connection, isMain, serve } from "../mod.ts";
import { grace, program, sayClosed, sayListening } from "./_program.ts";

/** Serves one client; its process ends when this is through. */
export default async function echo(connection: Connection): Promise<void> {
  for await (const bytes of connection) await connection.write(bytes);
}

if (isMain(import.meta)) {
  await program("echo_process.ts ADDRESS…", async ({ addresses }) => {
    const module = new URL(import.meta.url);
    // Signals are heeded by the server: SIGTERM and SIGINT drain it, a second
    // one aborts what is left.
    const server = await serve(addresses, module, {
      strategy: "process",
      maxChildren: 100,
      grace,
    });
    sayListening(server.addresses);
    console.log(`parent ${process.pid}`);

    await sayClosed(server);
  });
}
