/**
 * Echo for one client at a time: the contrast to all the others.
 *
 *     deno run -A examples/echo_sequential.ts tcp://:7000
 *
 * A client that connects and sleeps keeps everybody else waiting; that is what
 * concurrent servers are for.
 */
import { type Connection, listen } from "../mod.ts";
import { messageOf, program, sayListening, whenStopped } from "./_program.ts";

await program("echo_sequential.ts ADDRESS", async ({ addresses: [at] }) => {
  const listener = await listen(at);
  let current: Connection | undefined;
  whenStopped(() => void listener.close(), () => current?.abort());
  sayListening([listener.address]);

  for await (const connection of listener) {
    current = connection;
    try {
      for await (const bytes of connection) await connection.write(bytes);
      await connection.close();
    } catch (error) {
      console.error(messageOf(error)); // this one is lost, the next one waits
    }
  }
});
