/** Servers with children as programs, watched and loaded from outside. */
import assert from "node:assert/strict";
import type { ServerClosed, ServerStats } from "../../../mod.ts";
import {
  commandOf,
  type Program,
  type Server,
  type Stage,
} from "../../examples/programs.ts";
import {
  type Watched,
  watcher,
  zombieLimit,
} from "../../../conformance/programs/watcher.ts";
import { idOf } from "../../outside.ts";
import { load } from "./python.ts";

export { idOf, linux } from "../../outside.ts";

/** What a server is given besides its addresses, as JSON. */
export type Given = Readonly<Record<string, unknown>>;

/** Its command. */
export function serverCommand(given: Given, at: readonly string[]): string[] {
  return [
    ...commandOf("../children/faults/server"),
    JSON.stringify(given),
    ...at,
  ];
}

/** Starts a server at a TCP address and a Unix one, and waits until it listens. */
export async function startServer(
  stage: Stage,
  given: Given,
  prefix: readonly string[] = [],
): Promise<Server> {
  const at = ["tcp://:0", stage.unix()];
  const server = stage.start([...prefix, ...serverCommand(given, at)]);
  await server.said("parent ");
  const addresses = server.lines.filter((line) => line.startsWith("listening "))
    .map((line) => line.slice("listening ".length));
  return Object.assign(server, { addresses });
}

/** What a server told last by this word. */
export function told<T>(server: Program, word: string): T {
  const line = server.lines.filter((each) => each.startsWith(`${word} `)).at(
    -1,
  );
  assert.ok(line !== undefined, `it has not told its ${word}`);
  return JSON.parse(line.slice(word.length + 1));
}

/** Its statistics now. */
export async function statsOf(server: Program): Promise<ServerStats> {
  const count = (): number =>
    server.lines.filter((line) => line.startsWith("stats ")).length;
  const before = count();
  server.write("stats\n");
  await server.until("its statistics", () => count() > before);
  return told(server, "stats");
}

/** How it closed. */
export function closedOf(server: Program): ServerClosed {
  return told(server, "closed");
}

/** Watches a server's children. */
export async function watch(stage: Stage, server: Server): Promise<Program> {
  const program = stage.python(watcher, String(idOf(server)));
  await program.said("watching");
  return program;
}

/** What was seen; to be asked when the server has ended. */
export async function seenBy(watching: Program): Promise<Watched> {
  watching.write("end\n");
  await watching.ended();
  return JSON.parse(watching.lines.at(-1)!);
}

/** What became of connections. */
export interface Loaded {
  readonly right: number;
  readonly broken: number;
  readonly wrong: readonly string[];
  /** Children that were killed, and signals that asked one to end. */
  readonly killed: number;
  readonly asked: number;
  /** Children that served somebody. */
  readonly children: number;
}

/** Loads a server with connections, while so many children are killed or asked to end. */
export async function loadWith(
  stage: Stage,
  server: Server,
  count: number,
  kills: number,
): Promise<Loaded> {
  return await loadedBy(startLoad(stage, server, count, kills));
}

/** Loads a server until `endLoad`. */
export async function loadOn(stage: Stage, server: Server): Promise<Program> {
  const loading = startLoad(stage, server, 0, 0);
  await loading.said("loading");
  return loading;
}

/** Ends a load, and tells what became of it. */
export async function endLoad(loading: Program): Promise<Loaded> {
  loading.write("end\n");
  return await loadedBy(loading);
}

function startLoad(
  stage: Stage,
  server: Server,
  count: number,
  kills: number,
): Program {
  const numbers = [count, idOf(server), kills].map(String);
  return stage.python(load, ...numbers, ...server.addresses);
}

async function loadedBy(loading: Program): Promise<Loaded> {
  // Many children take longer to start than one condition may take.
  while (loading.running) await new Promise((go) => setTimeout(go, 10));
  assert.equal(await loading.ended(), 0, loading.errors);
  return JSON.parse(loading.lines.at(-1)!);
}

/** No zombie lasts longer than 100 ms, as far as the machine shows it, and no child is left. */
export function assertReaped(watched: Watched): void {
  const { zombie, pace } = watched;
  const limit = zombieLimit(watched);
  assert.ok(zombie <= limit, `a zombie for ${zombie} ms, at a pace of ${pace}`);
  assert.deepEqual(watched.left, [], "children are left");
}
