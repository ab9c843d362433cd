/**
 * A line client: sends what comes on standard input, prints what comes back.
 *
 *     printf 'one\ntwo\n' | deno run -A examples/client.ts tcp://:7000
 *
 * At the end of its input it ends its own direction only, and goes on printing
 * until the server has ended too: nothing of the answer is lost.
 */
import process from "node:process";
import { connect } from "../mod.ts";
import { program, whenStopped } from "./_program.ts";

await program("client.ts ADDRESS", async ({ addresses: [at] }) => {
  const connection = await connect(at, { timeout: 10_000 });
  const { stdin, stdout } = process;
  const unsent = (): void => {}; // reading tells how the connection ended
  let sent = Promise.resolve();
  stdin.on("data", (bytes: Uint8Array) => {
    stdin.pause(); // until the server has taken these
    sent = connection.write(bytes).catch(unsent).then(() => {
      stdin.resume();
    });
  });
  const end = (): void => void connection.closeWrite().catch(unsent);
  stdin.on("end", end);
  stdin.on("error", (error) => connection.abort(error));
  stdout.on("error", (error) => connection.abort(error));
  let stopping = false;
  whenStopped(() => {
    stopping = true;
    end();
  }, () => connection.abort());

  try {
    for await (const bytes of connection) {
      // Waits until the terminal or pipe has taken it.
      await new Promise<void>((taken) => stdout.write(bytes, () => taken()));
    }
  } catch (error) {
    if (!stopping) throw error;
  } finally {
    await connection.close();
    await sent;
    stdin.pause(); // destroying it would keep one runtime waiting
  }
});
