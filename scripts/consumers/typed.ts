/**
 * What a strict TypeScript program asks of the types; only compiled.
 *
 * @module
 */
import {
  type Address,
  type Channel,
  type Closed,
  connect,
  type Connection,
  type ErrorCode,
  listen,
  serve,
  type Server,
  SockeyeError,
} from "@sockeye/net";
import * as bun from "@sockeye/net/bun";
import * as core from "@sockeye/net/core";
import * as deno from "@sockeye/net/deno";
import { createSimulation } from "@sockeye/net/memory";
import * as node from "@sockeye/net/node";
import { RetryMachine } from "@sockeye/net/protocols";
import { type ConformanceCase, conformanceCases } from "@sockeye/net/testing";
import { epoll_create1, poll, type PollFd, POLLIN } from "@sockeye/net/posix";

interface Session {
  readonly name: string;
}

export async function server(): Promise<readonly Address[]> {
  const server: Server = await serve<Session>(["tcp://:0", "unix:/tmp/s"], {
    open: (channel: Channel<Session>) => ({ name: `client ${channel.id}` }),
    data(channel, bytes) {
      const name: string = channel.context.name;
      channel.send(new TextEncoder().encode(`${name}: ${bytes.length}`));
      // @ts-expect-error: bytes, not text
      channel.send("text");
    },
    closed: (_channel, { how, error }: Closed) => console.log(how, error),
  }, { borrow: true });
  // @ts-expect-error: it is a number of milliseconds
  await server.close({ grace: "soon" });
  return server.addresses;
}

export async function client(): Promise<number> {
  const connection: Connection = await connect("tcp://:7000", { timeout: 10 });
  const bytes: Uint8Array | null = await connection.read({ timeout: 10 });
  // @ts-expect-error: at the end there are none
  const length: number = (await connection.read()).length;
  for await (const chunk of connection) console.log(chunk.byteLength);
  await connection.readable.pipeTo(connection.writable);
  await connection[Symbol.asyncDispose]();
  return length + (bytes?.length ?? 0);
}

export async function ready(): Promise<number> {
  const listener = await listen({ transport: "tcp", host: "::1", port: 0 });
  const fds: PollFd[] = [{ fd: listener, events: POLLIN, revents: 0 }];
  epoll_create1();
  return await poll(fds, 10);
}

export function codeOf(error: unknown): ErrorCode | undefined {
  // @ts-expect-error: a closed union
  const wrong: ErrorCode = "ERR_NO_SUCH_CODE";
  return error instanceof SockeyeError ? error.code : wrong;
}

export const same: (typeof node.connect)[] = [deno.connect, bun.connect];
export const simulated: Promise<void> = createSimulation().advance(10);
export const address: core.Address = core.parseAddress("tcp://:1");
export const cases: readonly ConformanceCase[] = conformanceCases("tcp");
export const machine: typeof RetryMachine = RetryMachine;
