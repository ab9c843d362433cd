/**
 * Echo by a pool of processes that were started before anybody came.
 *
 *     deno run -A examples/echo_prefork.ts tcp://:7000 unix:echo.sock
 *
 * The members share the addresses: whichever is free takes the next client. One
 * that dies is replaced at once, and its clients alone notice. SIGHUP replaces
 * all of them, one by one, and no client notices at all.
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

const usage = "echo_prefork.ts ADDRESS…";

if (isMain(import.meta)) {
  await program(usage, async ({ addresses }) => {
    const module = new URL(import.meta.url);
    const server = await serve(addresses, module, {
      strategy: "prefork",
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
