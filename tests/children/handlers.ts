/**
 * What the children of the tests run: it does what the client's first line
 * says, and then echoes.
 */
import { once } from "node:events";
import process from "node:process";
import type { Connection } from "../../mod.ts";

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

export default async function serve(connection: Connection): Promise<void> {
  const say = (text: unknown): Promise<void> =>
    connection.write(new TextEncoder().encode(`${text}\n`));
  const [line, rest] = await firstLine(connection);
  switch (line) {
    case "pid":
      await say(process.pid);
      break;
    case "heard":
      await say(JSON.stringify(heard));
      break;
    case "told":
      await say(JSON.stringify(told));
      break;
    case "finish":
      await say(finishing.aborted ? "at once" : "in time");
      if (!finishing.aborted) await once(finishing, "abort");
      return await say("finished");
    case "stuck":
      await say(process.pid);
      spin();
      break;
    case "throw":
      throw new RangeError("As asked");
    default:
  }
  await connection.write(new TextEncoder().encode(rest));
  for await (const bytes of connection) await connection.write(bytes);
}
