/**
 * Echo by a pool of threads that were started before anybody came.
 *
 *     deno run -A examples/echo_workers.ts tcp://:7000 unix:echo.sock
 *
 * This thread accepts, and gives each client to the thread that has the fewest;
 * the bytes pass through here, since a socket cannot change threads. So threads
 * are for handlers that compute: one that is busy delays its own clients alone.
 * One that dies is replaced at once. SIGHUP replaces all of them, one by one,
 * and no client notices.
 */
import process from "node:process";
import { isMain, serve } from "../mod.ts";
import { grace, program, sayClosed, sayListening } from "./_program.ts";
import type { Handlers } from "../mod.ts";

/** The very same object that `serve` takes without a strategy. */
const echo: Handlers = {
  data: (channel, bytes) => void channel.send(bytes),
};
export default echo;

const usage = "echo_workers.ts ADDRESS…";

if (isMain(import.meta)) {
  await program(usage, async ({ addresses }) => {
    const module = new URL(import.meta.url);
    const server = await serve(addresses, module, {
      strategy: "workers",
      children: 4,
      borrow: true,
      grace,
    });
    sayListening(server.addresses);
    console.log(`parent ${process.pid}`);

    await server.closed;
    console.log(`accepted ${server.stats.accepted}`);
    await sayClosed(server);
  });
}
