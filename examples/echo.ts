/**
 * Echo for many clients at once, on any number of addresses.
 *
 *     deno run -A examples/echo.ts tcp://:7000 unix:echo.sock
 *
 * Bytes are borrowed: what is sent back is the very memory that they arrived
 * in. When a client reads more slowly than it writes, `send` gives false, and
 * its data is withheld until the queue is empty; nothing is to be done here.
 */
import { serve } from "../mod.ts";
import {
  grace,
  program,
  sayClosed,
  sayListening,
  whenStopped,
} from "./_program.ts";

await program("echo.ts ADDRESS…", async ({ addresses }) => {
  const server = await serve(addresses, {
    data(channel, bytes) {
      channel.send(bytes);
    },
  }, { borrow: true });
  whenStopped(() => void server.close({ grace }));
  sayListening(server.addresses);

  await sayClosed(server);
});
