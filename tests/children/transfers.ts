/**
 * What the children of `transfers_test.ts` run. The first byte of a connection
 * says what is done with it.
 */
import type { Closed, Connection } from "../../mod.ts";

/** How the connections of kind `watch` ended. */
const ends: string[] = [];
/** The last one that is stopped somehow. */
let stopped: Connection | undefined;
let listen: () => void = () => {};
const toListen = new Promise<void>((resolve) => listen = resolve);

/** Any broadcast has the deaf listen. */
export function onBroadcast(): void {
  listen();
}

/** The bytes of one direction of a transfer; each has its own seed. */
export function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = seed * 2654435761 % 4294967296;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** A number that tells whether bytes are the same, and in the same order. */
export class Sum {
  length = 0;
  #a = 1;
  #b = 0;

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    for (const byte of bytes) {
      this.#a = (this.#a + byte) % 65521;
      this.#b = (this.#b + this.#a) % 65521;
    }
  }

  get text(): string {
    return `${this.length} bytes, ${this.#b * 65536 + this.#a}`;
  }
}

/** Reads to the end. */
export async function sumOf(connection: Connection): Promise<string> {
  const sum = new Sum();
  for await (const bytes of connection) sum.add(bytes);
  return sum.text;
}

/** The length of what each direction carries. */
export const length = 3_000_000;
/** How much a `flood` sends. */
export const flood = 20_000_000;

async function say(connection: Connection, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

const kinds: Record<string, (connection: Connection) => Promise<void>> = {
  /** Both directions at once; what came is told behind what went. */
  async both(connection) {
    const [sum] = await Promise.all([
      sumOf(connection),
      connection.write(bytesOf(2, length)),
    ]);
    await say(connection, sum);
  },
  /** Ends its direction first, and reads what comes then. */
  async half(connection) {
    await say(connection, "over to you");
    await connection.closeWrite();
    ends.push(await sumOf(connection));
  },
  /** Reads nothing before it is told to. */
  async deaf(connection) {
    stopped = connection;
    await say(connection, "d");
    await toListen;
    await say(connection, await sumOf(connection));
  },
  async flood(connection) {
    stopped = connection;
    for (let sent = 0; sent < flood; sent += 1_000_000) {
      await connection.write(new Uint8Array(1_000_000));
    }
  },
  async watch(connection) {
    await say(connection, "w");
    const read = connection.read().then(
      (bytes) => bytes === null ? "end" : "data",
      (error) => error.code,
    );
    void connection.closed.then(async ({ how }: Closed) => {
      ends.push(`${how} ${await read}`);
    });
    await read;
  },
  async abort(connection) {
    await say(connection, "a");
    await connection.read();
    connection.abort();
  },
  /** What became of the one that is stopped. */
  async stopped(connection) {
    const { bytesRead, bytesWritten } = stopped!;
    await say(connection, JSON.stringify({ bytesRead, bytesWritten }));
  },
  async ends(connection) {
    await say(connection, ends.join(", "));
  },
};

/** The kinds of connections, by their first byte. */
export const names: readonly string[] = Object.keys(kinds);

export default async function serve(connection: Connection): Promise<void> {
  const first = new Uint8Array(1);
  if (await connection.readInto(first) === null) return;
  await kinds[names[first[0]!]!]!(connection);
}
