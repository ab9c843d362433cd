/**
 * A line client: sends what comes on standard input, prints what comes back.
 *
 *     printf 'one\ntwo\n' | deno run -A examples/client.ts tcp://:7000
 *
 * At the end of its input it ends its own direction only, and goes on printing
 * until the server has ended too: nothing of the answer is lost.
 */
import process from "node:process";
import { connect, stdin } from "../mod.ts";
import { program, whenStopped } from "./_program.ts";

await program("client.ts ADDRESS", async ({ addresses: [at] }) => {
  const connection = await connect(at, { timeout: 10_000 });
  const input = await stdin();
  const { stdout } = process;
  stdout.on("error", (error) => connection.abort(error));
  let stopping = false;
  whenStopped(() => {
    stopping = true;
    void input.close();
  }, () => connection.abort());

  const send = async (): Promise<void> => {
    try {
      // What is not sent yet is not read either.
      for await (const bytes of input) await connection.write(bytes);
    } catch {
      // Reading tells how the connection ended, `closed` what the input did.
    }
    await connection.closeWrite().catch(() => {});
  };
  void input.closed.then(({ error }) => error && connection.abort(error));
  const sent = send();
  try {
    for await (const bytes of connection) {
      // Waits until the terminal or pipe has taken it.
      await new Promise<void>((taken) => stdout.write(bytes, () => taken()));
    }
  } catch (error) {
    if (!stopping) throw error;
  } finally {
    await connection.close();
    await input.close();
    await sent;
  }
});
