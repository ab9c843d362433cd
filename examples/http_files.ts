/**
 * An HTTP/1.1 server for the files of a directory.
 *
 *     deno run -A examples/http_files.ts tcp://:8080 public --strategy prefork
 *     curl -i http://127.0.0.1:8080/
 *
 * The handler is written as if there were one client only: it reads a request,
 * answers, and reads the next one. Where it runs is chosen when the program is
 * started: on one event loop, in a process for each client, in some processes or
 * threads that were started before. A client that sends half a line and sleeps
 * holds nobody up: its head is wanted within `--timeout` (10 s), then it gets a
 * 408. A client that takes no byte of its answer for so long is aborted.
 *
 * What a request says is read in `http/head.ts` and `http/request.ts`; which
 * file that is, and never one outside of the directory, in `http/find.ts`.
 */
import { setMaxListeners } from "node:events";
import { realpath } from "node:fs/promises";
import { type Connection, isMain, serve } from "../mod.ts";
import { HttpError } from "./http/error.ts";
import { answerFile } from "./http/file.ts";
import { HeadReader } from "./http/head.ts";
import type { Request } from "./http/request.ts";
import {
  grace,
  program,
  sayClosed,
  sayListening,
  whenStopped,
} from "./_program.ts";

/** What to serve, and how long to wait for a client, ms. */
interface Settings {
  readonly root: string;
  readonly timeout: number;
}

let settings: Settings;
let stopping: AbortSignal;

/** Called in every process and thread that serves, before it does. */
export function onStart(given: Settings, signal: AbortSignal): void {
  [settings, stopping] = [given, signal];
  setMaxListeners(0, stopping); // one for each connection that waits
}

/** Answers the requests of one connection, until either side has enough. */
export default async function handle(connection: Connection): Promise<void> {
  const { root, timeout } = settings;
  const heads = new HeadReader(connection, timeout, stopping);
  for (let last = false; !last;) {
    let request: Request | undefined;
    try {
      request = await heads.next();
      if (request === undefined) return;
      last = request.isLast || stopping.aborted;
      await answerFile(connection, root, request, { last, timeout });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      last ||= error.endsConnection;
      const body = request?.method !== "HEAD";
      await connection.write(error.toBytes({ last, body }), { timeout });
    }
  }
}

const strategies = ["loop", "process", "prefork", "workers"] as const;
const usage = "http_files.ts ADDRESS ROOT " +
  `[--strategy ${strategies.join("|")}] [--timeout MS]`;

if (isMain(import.meta)) {
  await program(usage, async ({ addresses, words, milliseconds, choice }) => {
    const root = await realpath(words[0]!);
    const childData = { root, timeout: milliseconds("timeout", 10_000) };
    const strategy = choice<typeof strategies[number]>("strategy");
    if (strategy === "loop") {
      const stop = new AbortController();
      onStart(childData, stop.signal);
      const server = await serve(addresses, handle);
      whenStopped(() => {
        stop.abort();
        void server.close({ grace });
      });
      sayListening(server.addresses);
      return await sayClosed(server);
    }
    const module = new URL(import.meta.url);
    const server = await serve(addresses, module, {
      strategy,
      childData,
      grace,
      // A client that says nothing has a process as well, until its time is up.
      ...(strategy === "process" && { maxChildren: 200 }),
    });
    sayListening(server.addresses);
    await sayClosed(server);
  });
}
