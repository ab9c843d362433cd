/**
 * `serveExec`: a program for each connection.
 *
 * @module
 */
import type { AddressLike } from "../core/address.ts";
import type { Children } from "../core/children.ts";
import { SockeyeError, textOf } from "../core/error.ts";
import type { Program, ProgramRequest } from "../core/programs.ts";
import type { Runtime } from "../core/runtime.ts";
import { execPolicyOf, programRequestOf } from "./exec/options.ts";
import type { ExecOptions } from "./exec/types.ts";
import {
  checkHandshakes,
  checkProgramAddress,
  childrenOf,
} from "./children/handing.ts";
import {
  capacityOf,
  checkOptions,
  limitsOf,
  listenRequestOf,
  onErrorOf,
} from "./options.ts";
import { PoolServer } from "./children/pool_server.ts";
import { ProgramStaff } from "./exec/staff.ts";
import { listenOnAll } from "./serve.ts";
import { addressesOf } from "./children/serve.ts";
import type { Server } from "./types.ts";

/** Serves over a runtime by a program; see `serveExec` in `mod.ts`. */
export async function serveByProgram(
  runtime: Runtime,
  at: AddressLike | readonly AddressLike[],
  command: readonly string[],
  options: ExecOptions,
): Promise<Server> {
  checkOptions(options);
  const request = programRequestOf(command, options);
  const addresses = addressesOf(at);
  const children = childrenOf(runtime, "exec", "a program");
  for (const address of addresses) checkProgramAddress(runtime, address);
  checkHandshakes(options, "a program");
  const policy = execPolicyOf(options);
  const limits = limitsOf(options);
  listenRequestOf(options);
  const onError = onErrorOf(options);
  const capacity = { ...capacityOf(options), maxConnections: Infinity };
  const program = find(children, request);
  try {
    const handles = await listenOnAll(
      children,
      addresses,
      listenRequestOf(options),
      options.signal,
    );
    return new PoolServer({
      runtime,
      children,
      handles,
      staff: (pool, events) =>
        new ProgramStaff({ runtime, program, limits }, pool, events),
      policy,
      capacity,
      onError,
    });
  } catch (error) {
    program.close();
    throw error;
  }
}

function find(children: Children, request: ProgramRequest): Program {
  try {
    return children.find(request);
  } catch (error) {
    if (!(error instanceof SockeyeError)) throw error;
    const [name] = request.command;
    throw new SockeyeError(
      error.code,
      `Cannot serve by ${name}: ${textOf(error)}`,
      { cause: error.cause ?? error },
    );
  }
}
