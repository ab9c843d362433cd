/**
 * Echo over UDP: one socket serves all clients, and knows none of them.
 *
 *     deno run -A examples/echo_udp.ts udp://:7000
 *
 * There is nothing to accept and nothing to hang up: a datagram comes, with the
 * address of its sender, and goes back there, whole. A client that is gone by
 * then, or never was there, costs a line at most.
 */
import { bind } from "../mod.ts";
import { messageOf, program, sayListening, whenStopped } from "./_program.ts";

await program("echo_udp.ts ADDRESS", async ({ addresses: [at] }) => {
  const socket = await bind(at);
  whenStopped(() => void socket.close());
  sayListening([socket.localAddress]);

  for await (const { bytes, from } of socket) {
    try {
      await socket.send(bytes, from);
    } catch (error) {
      console.error(messageOf(error)); // one client less, not one server
    }
  }
  const { received, sent, dropped } = socket.stats;
  console.log(`closed: ${received} received, ${sent} sent, ${dropped} dropped`);
});
