/** A server with children, clients of it, and what must be left: nothing. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Address,
  type ChildrenOptions,
  type ChildStats,
  connect,
  type Connection,
  serve,
  type Server,
} from "../../mod.ts";
import { isThere } from "../outside.ts";

export { isThere, until } from "../outside.ts";

export const strategies = ["process", "prefork", "workers"] as const;
/** Those whose children are processes, which can be killed, and not threads. */
export const forking = ["process", "prefork"] as const;
/** Those with members that were started before. */
export const pools = ["prefork", "workers"] as const;

/** A module of this folder, as source or as built. */
export function moduleNamed(name: string): URL {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return new URL(`./${name}${extension}`, import.meta.url);
}

/** A child, as its handlers call themselves: by process, or by thread. */
export function idOf({ pid, thread }: ChildStats): number {
  return (pid ?? thread)!;
}

/** What a test plays with. */
export interface World {
  readonly server: Server;
  /** The TCP address, and the Unix one. */
  readonly addresses: readonly Address[];
  /** A connection that has said its first line; closed when the test is over. */
  client(line: string, at?: number): Promise<Client>;
  /** The children that are ready. */
  ready(): readonly ChildStats[];
  /** Whether a child is there, as a zombie or not. */
  lives(id: number): boolean;
}

/** Plays with a server over both transports, and looks that nothing is left. */
export async function withChildren(
  options: ChildrenOptions,
  play: (world: World) => Promise<void>,
  name = "handlers",
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  const clients: Client[] = [];
  try {
    const server = await serve(
      ["tcp://:0", `unix:${join(directory, "s")}`],
      moduleNamed(name),
      { signals: false, ...options },
    );
    const alive = (): readonly ChildStats[] => server.stats.children!.alive;
    const seen = new Set<number>();
    try {
      await play({
        server,
        addresses: server.addresses,
        client: async (line, at = 0) => {
          const client = await Client.connect(server.addresses[at]!, line);
          clients.push(client);
          return client;
        },
        ready: () => alive().filter(({ state }) => state === "ready"),
        lives: (id) =>
          options.strategy === "workers"
            ? alive().some(({ thread }) => thread === id)
            : isThere(id),
      });
    } finally {
      for (const { pid } of alive()) if (pid !== undefined) seen.add(pid);
      for (const client of clients) client.connection.abort();
      await server.close({ grace: 2000 });
    }
    const { started, reaped } = server.stats.children!;
    assert.equal(reaped, started, "every child is reaped");
    for (const pid of seen) assert.ok(!isThere(pid), `${pid} is left`);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A client by lines. */
export class Client {
  readonly connection: Connection;
  #text = "";

  constructor(connection: Connection) {
    this.connection = connection;
  }

  static async connect(to: Address, line: string): Promise<Client> {
    const client = new Client(await connect(to));
    await client.say(line);
    return client;
  }

  async say(line: string): Promise<void> {
    await this.connection.write(new TextEncoder().encode(`${line}\n`));
  }

  /** The next line; `null` at the end, or when the connection breaks. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const op = { timeout: 20_000 };
      const bytes = await this.connection.read(op).catch((error) => {
        if (error.code === "ETIMEDOUT") throw error;
        return null;
      });
      if (bytes === null) return null;
      this.#text += new TextDecoder().decode(bytes);
    }
  }

  /** Ends our direction, and gives what comes until the peer ends its own. */
  async finish(): Promise<string> {
    await this.connection.closeWrite();
    for (;;) {
      const bytes = await this.connection.read({ timeout: 20_000 });
      if (bytes === null) break;
      this.#text += new TextDecoder().decode(bytes);
    }
    await this.connection.close();
    return this.#text;
  }
}
