/** A server that runs a program, clients of it, and what must be left: nothing. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Address,
  type ChildStats,
  connect,
  type ExecOptions,
  serveExec,
  type Server,
} from "../../mod.ts";
import { Client, isThere } from "./fixtures.ts";

/** A client by bytes as well as by lines. */
export class ExecClient extends Client {
  /** Sends these, and ends our direction. */
  override async finish(bytes?: Uint8Array): Promise<string> {
    const { connection } = this;
    if (bytes !== undefined) await connection.write(bytes);
    await connection.closeWrite();
    return "";
  }

  /** All that comes until the end. */
  async rest(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const bytes = await this.connection.read({ timeout: 20_000 });
      if (bytes === null) return Buffer.concat(chunks);
      chunks.push(bytes);
    }
  }

  /** The same, as text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.rest());
  }
}

/** What a test plays with. */
export interface World {
  readonly server: Server;
  /** The TCP address, and the Unix one. */
  readonly addresses: readonly Address[];
  /** A directory that is to be left as it was. */
  readonly directory: string;
  /** A new connection; closed when the test is over. */
  client(at?: number): Promise<ExecClient>;
  /** The programs that run. */
  alive(): readonly ChildStats[];
}

/** Something, or the way to make it once the directory is there. */
type Within<T> = T | ((directory: string) => T);

/** Plays with a server over both transports, and looks that nothing is left. */
export async function withProgram(
  command: Within<readonly string[]>,
  options: Within<ExecOptions>,
  play: (world: World) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  const clients: ExecClient[] = [];
  try {
    const before = typeof command === "function" ? command(directory) : command;
    const server = await serveExec(
      ["tcp://:0", `unix:${join(directory, "s")}`],
      before,
      {
        signals: false,
        ...(typeof options === "function" ? options(directory) : options),
      },
    );
    const alive = (): readonly ChildStats[] => server.stats.children!.alive;
    const seen = new Set<number>();
    try {
      await play({
        server,
        addresses: server.addresses,
        directory,
        client: async (at = 0) => {
          const to = server.addresses[at]!;
          const client = new ExecClient(await connect(to));
          clients.push(client);
          return client;
        },
        alive,
      });
    } finally {
      for (const { pid } of alive()) if (pid !== undefined) seen.add(pid);
      for (const client of clients) client.connection.abort();
      await server.close({ grace: 1000 });
    }
    const { started, reaped } = server.stats.children!;
    assert.equal(reaped, started, "every program is reaped");
    assert.equal(server.stats.open, 0);
    for (const pid of seen) assert.ok(!isThere(pid), `${pid} is left`);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Bytes that repeat nowhere near. */
export function bytesFrom(count: number): Uint8Array {
  const words = new Uint32Array(count / 4);
  let x = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer);
}

/** Where two differ, which is shorter to print than both; undefined if they do not. */
export function differs(a: Uint8Array, b: Uint8Array): string | undefined {
  if (a.length !== b.length) return `${a.length} bytes for ${b.length}`;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at === -1 ? undefined : `at ${at}`;
}
