/**
 * A client of the echo over UDP: each line of standard input is a datagram,
 * printed when it has come back.
 *
 *     printf 'one\ntwo\n' | deno run -A examples/client_udp.ts udp://:7000
 *
 * Datagrams get lost, so a line is sent again when there is no answer within
 * `--timeout MS` (1000), three times in all. The socket is connected: it hears
 * the server alone, and nobody else can answer in its place.
 */
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import {
  type Address,
  bind,
  type DatagramSocket,
  SockeyeError,
} from "../mod.ts";
import { program, whenStopped } from "./_program.ts";

const attempts = 3;

const usage = "client_udp.ts ADDRESS [--timeout MS]";
await program(usage, async ({ addresses: [at], milliseconds }) => {
  const timeout = milliseconds("timeout", 1000);
  const socket = await bind(anyPort(at));
  let lines: Interface | undefined;
  let stopping = false;
  whenStopped(() => {
    stopping = true;
    lines?.close();
    void socket.close();
  });
  try {
    await socket.connect(at);
    // It begins to read here, and what nobody waits for by then would be lost.
    lines = createInterface({ input: process.stdin });
    for await (const line of lines) {
      if (stopping) break;
      console.log(await ask(socket, line, timeout));
    }
  } catch (error) {
    if (!stopping) throw error;
  } finally {
    lines?.close();
    await socket.close();
  }
});

/** A port of our own, where the answers come: of the same family, on any interface. */
function anyPort(server: Address): Address {
  if (server.transport !== "udp") return server; // which cannot be bound
  const host = server.host.includes(":") ? "::" : "0.0.0.0";
  return { transport: "udp", host, port: 0 };
}

/** Sends a line until it is answered; late answers to earlier lines are passed over. */
async function ask(
  socket: DatagramSocket,
  line: string,
  timeout: number,
): Promise<string> {
  for (let attempt = 1;; attempt++) {
    await socket.send(new TextEncoder().encode(line));
    try {
      for (const until = performance.now() + timeout;;) {
        const left = Math.max(0, until - performance.now());
        const { bytes } = await socket.receive({ timeout: left });
        const answer = new TextDecoder().decode(bytes);
        if (answer === line) return answer;
      }
    } catch (error) {
      const code = error instanceof SockeyeError ? error.code : undefined;
      const lost = code === "ETIMEDOUT" || code === "ECONNREFUSED";
      if (!lost || attempt === attempts) throw error;
    }
  }
}
