/**
 * What the children of the tests run: it does what the client's first line
 * says, and then echoes.
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, threadId } from "node:worker_threads";
import { type Connection, isMain } from "../../mod.ts";

/** Of the process, or of the thread. */
const id = isMainThread ? process.pid : threadId;

let heard: unknown = "nothing";
let told: unknown;
let finishing: AbortSignal;

/** Told of `childData` before anybody is served; that may take a while. */
export async function onStart(data: unknown, signal: AbortSignal) {
  await new Promise((resolve) => setTimeout(resolve, 10));
  [told, finishing] = [data, signal];
}

/** Told of each broadcast. */
export function onBroadcast(message: unknown): void {
  heard = message;
}

/** The first line, and what came behind it. */
async function firstLine(
  connection: Connection,
): Promise<[line: string, rest: string]> {
  let text = "";
  while (!text.includes("\n")) {
    const bytes = await connection.read();
    if (bytes === null) return [text, ""];
    text += new TextDecoder().decode(bytes);
  }
  const end = text.indexOf("\n");
  return [text.slice(0, end), text.slice(end + 1)];
}

function spin(): never {
  for (;;);
}

/** Ends all of it, and not just a connection. */
async function endBy(how: string): Promise<void> {
  switch (how) {
    case "exit":
      return process.exit(3);
    case "throw":
      setTimeout(() => {
        throw new RangeError("Nobody catches this");
      }, 1);
      break;
    default:
      void Promise.reject(new RangeError("Nobody catches this"));
  }
  await new Promise(() => {});
}

export default async function serve(connection: Connection): Promise<void> {
  const say = (text: unknown): Promise<void> =>
    connection.write(new TextEncoder().encode(`${text}\n`));
  const [line, rest] = await firstLine(connection);
  switch (line) {
    case "id":
      await say(id);
      break;
    case "process":
      await say(`${process.pid} ${isMain(import.meta)}`);
      break;
    case "uid":
      await say(connection.credentials?.uid);
      break;
    case "heard":
      await say(JSON.stringify(heard));
      break;
    case "told":
      await say(JSON.stringify(told));
      break;
    case "count":
      Atomics.add((told as { memory: Int32Array }).memory, 0, 1);
      await say("counted");
      break;
    case "finish":
      await say(finishing.aborted ? "at once" : "in time");
      if (!finishing.aborted) await once(finishing, "abort");
      return await say("finished");
    case "stuck":
      await say(id);
      spin();
      break;
    case "flood":
      // Until it breaks.
      for (;;) await connection.write(new Uint8Array(65_536));
    case "throw":
      throw new RangeError("As asked");
    case "dies":
      await say(id);
      await endBy(rest.trim() || (await firstLine(connection))[0]);
      break;
    default:
  }
  await connection.write(new TextEncoder().encode(rest));
  for await (const bytes of connection) await connection.write(bytes);
}
