/**
 * The classic client of the poll server: five bytes, one at a time, for each of
 * which it expects an asterisk before it sends the next.
 *
 *     deno run -A examples/star_client.ts unix:star.sock
 *
 * With `--sleep MS` it connects, sends nothing, and leaves after that time, or
 * when it is told to.
 */
import { connect, type Connection, SockeyeError } from "../mod.ts";
import { program, whenStopped } from "./_program.ts";

const usage = "star_client.ts ADDRESS [--sleep MS]";
await program(usage, async ({ addresses: [at], milliseconds }) => {
  const sleep = milliseconds("sleep", 0);
  const connection = await connect(at, { timeout: 10_000 });
  whenStopped(() => connection.setDeadline(0)); // ends whatever waits
  try {
    if (sleep > 0) await sleepOn(connection, sleep);
    else await converse(connection);
  } finally {
    await connection.close();
  }
});

/** Nobody answers who is sent nothing: the wait ends by its timeout. */
async function sleepOn(connection: Connection, ms: number): Promise<void> {
  const began = performance.now();
  console.log("sleeping");
  try {
    await connection.read({ timeout: ms });
    throw new Error("The server ended it");
  } catch (error) {
    if (!(error instanceof SockeyeError)) throw error;
    if (error.code !== "ETIMEDOUT") throw error;
  }
  console.log(`slept ${Math.round(performance.now() - began)} ms`);
}

async function converse(connection: Connection): Promise<void> {
  let got = "";
  for (const byte of new TextEncoder().encode("hello")) {
    await connection.write(Uint8Array.of(byte));
    const answer = await connection.read({ timeout: 10_000 });
    if (answer === null) throw new Error(`The server ended after "${got}"`);
    got += new TextDecoder().decode(answer);
  }
  console.log(`got ${got}`);
}
