/**
 * An HTTP/1.1 server for the files of a directory.
 *
 *     deno run -A examples/http_files.ts tcp://:8080 public
 *     curl -i http://127.0.0.1:8080/
 *
 * The handler is written as if there were one client only: it reads a request,
 * answers, and reads the next one. All of them run on one event loop, and a
 * client that sends half a line and sleeps holds nobody up but itself: its
 * head is wanted within `--timeout` (10 s), then it gets a 408. A client that
 * takes no byte of its answer for so long is aborted.
 *
 * What a request says is read in `http/head.ts` and `http/request.ts`; which
 * file that is, and never one outside of the directory, in `http/find.ts`.
 */
import { setMaxListeners } from "node:events";
import { realpath } from "node:fs/promises";
import { type Connection, serve } from "../mod.ts";
import { HttpError } from "./http/error.ts";
import { answerFile } from "./http/file.ts";
import { HeadReader } from "./http/head.ts";
import type { Request } from "./http/request.ts";
import { grace, program, sayListening, whenStopped } from "./_program.ts";

const usage = "http_files.ts ADDRESS ROOT [--timeout MS]";

await program(usage, async ({ addresses, words, milliseconds }) => {
  const root = await realpath(words[0]!);
  const timeout = milliseconds("timeout", 10_000);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // one for each connection that waits

  /** Answers the requests of one connection, until either side has enough. */
  async function handle(connection: Connection): Promise<void> {
    const heads = new HeadReader(connection, timeout, stopping.signal);
    for (let last = false; !last;) {
      let request: Request | undefined;
      try {
        request = await heads.next();
        if (request === undefined) return;
        last = request.isLast || stopping.signal.aborted;
        await answerFile(connection, root, request, { last, timeout });
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        last ||= error.endsConnection;
        const body = request?.method !== "HEAD";
        await connection.write(error.toBytes({ last, body }), { timeout });
      }
    }
  }

  const server = await serve(addresses, handle);
  whenStopped(() => {
    stopping.abort();
    void server.close({ grace });
  });
  sayListening(server.addresses);

  const { drained, aborted } = await server.closed;
  console.log(`closed: ${drained} drained, ${aborted} aborted`);
});
