/** Datagram sockets for tests: closed at the end of the test, whatever happens. */
import {
  bind as bindAny,
  type BindOptions,
  type DatagramSocket,
  type UdpAddress,
} from "../../mod.ts";

/** Binds a socket that the test need not close. */
export type Bind = (
  at?: string,
  options?: BindOptions,
) => Promise<DatagramSocket>;

/** Runs a test with sockets of its own; by default on IPv4 loopback. */
export function withSockets(
  play: (bind: Bind) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const sockets: DatagramSocket[] = [];
    try {
      await play(async (at = "udp://:0", options = {}) => {
        const socket = await bindAny(at, options);
        sockets.push(socket);
        return socket;
      });
    } finally {
      await Promise.all(sockets.map((socket) => socket.close()));
    }
  };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The text of the next datagram. */
export async function hear(socket: DatagramSocket): Promise<string> {
  return textOf((await socket.receive({ timeout: 10_000 })).bytes);
}

export function portOf(socket: DatagramSocket): number {
  return (socket.localAddress as UdpAddress).port;
}
