/**
 * Child processes by `node:child_process`, alike on Node, Deno and Bun.
 *
 * What was found (Linux; Node 20.20, Deno 2.9.5, Bun 1.4.4), and is relied on:
 *
 * - A `net.Server` sent to children (`send(message, server)`) accepts in each of
 *   them, and goes on accepting here; 500 connections, TCP and Unix, none lost.
 *   So a listener is never without a process that holds it, whatever happens to
 *   the children, and what is accepted here is handed on. `node:cluster` would
 *   let nobody but them hold it; and on Deno its `fork` puts `run` before the
 *   arguments, so that nothing can be put before Deno.
 * - A socket of a server with `pauseOnConnect` can be sent unread.
 * - `setpriv --pdeathsig KILL` before the command hands the channel through, and
 *   has the kernel kill the child when we are gone, whatever it is doing.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { type Address, isAbstract } from "../../core/address.ts";
import type { Children } from "../../core/children.ts";
import type {
  ListenRequest,
  ListenStartEvents,
  Pending,
} from "../../core/transport.ts";
import { commandFor } from "./children/command.ts";
import type { Grants } from "./grants.ts";
import { listenAtPath, listenDirectly } from "./net/listener.ts";
import { fateOfParent } from "./children/orphans.ts";
import { findProgram } from "./programs.ts";
import { onSignals } from "./children/signals.ts";
import { SpawnedChild } from "./children/spawned.ts";
import type { StartProgram } from "./programs/start.ts";
import { refuse } from "./unsupported.ts";

/** Children of this process; as far as the runtime lets us. */
export function childrenOf(
  grants: Grants,
  startProgram: StartProgram,
): Children {
  return {
    listen,
    start: (module, events) => {
      const command = [...fateOfParent(grants), ...commandFor(module)];
      return new SpawnedChild(command, events);
    },
    find: (request) => findProgram(request, grants, startProgram),
    copy: copyByJson,
    parallelism: () => availableParallelism(),
    onSignals,
  };
}

/** Channels between processes write JSON; what becomes of the rest differs. */
function copyByJson(data: unknown): unknown {
  if (data === undefined) return undefined;
  const text: string | undefined = JSON.stringify(data);
  if (text !== undefined) return JSON.parse(text);
  throw new TypeError(`JSON does not write a ${typeof data}`);
}

function listen(
  at: Address,
  request: ListenRequest,
  events: ListenStartEvents,
): Pending {
  if (at.transport === "tcp" || (at.transport === "unix" && isAbstract(at))) {
    return listenDirectly(at, request, events, false);
  }
  if (at.transport === "unix") {
    return listenAtPath(at, request, events, false);
  }
  return refuse("its connections cannot be handed to a child", events);
}
