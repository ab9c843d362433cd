/**
 * Options of servers that run a program for each connection: types only.
 *
 * @module
 */
import type { ListenOptions } from "../types.ts";

/**
 * Options of `serveExec`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, type ExecOptions, serveExec } from "@sockeye/net";
 *
 * const options: ExecOptions = { env: { GREETING: "hello" }, maxChildren: 8 };
 * const program = ["/bin/sh", "-c", 'printf %s "$GREETING"'];
 * const server = await serveExec("tcp://:0", program, options);
 * const client = await connect(server.addresses[0]!);
 * const greeting = new TextDecoder().decode((await client.read())!);
 * assert.equal(greeting, "hello");
 * await client.close();
 * await server.close();
 * ```
 */
export interface ExecOptions
  extends Omit<ListenOptions, "identify" | "allowUsers" | "handshakeTimeout"> {
  /**
   * The whole environment of the program, as of `spawn` in Node; what tells of
   * the connection is added. Default: that of this process.
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** The directory that it runs in. Default: this process's own. */
  cwd?: string | { readonly href: string };
  /**
   * A file that its standard error is appended to; it is opened anew at SIGHUP
   * and by `restart()`. Default: this process's standard error.
   */
  log?: string | { readonly href: string };
  /** Programs that run at once; whoever comes beyond waits in the queue. Default 64. */
  maxChildren?: number;
  /**
   * Whether the server heeds signals: SIGTERM and SIGINT close it, a second one
   * aborts what is left, SIGHUP opens the log anew. Default true.
   */
  signals?: boolean;
  /** What programs are given to finish after SIGTERM or SIGINT, milliseconds. Default 5000. */
  grace?: number;
}
