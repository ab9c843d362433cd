/**
 * What every example needs around its subject: its arguments, the lines that
 * say that it is ready, and a graceful end.
 */
import process from "node:process";
import {
  type Address,
  formatAddress,
  type Server,
  type ServerClosed,
  SockeyeError,
} from "../mod.ts";
import { type Arguments, readArguments } from "./_arguments.ts";

/** How long clients may go on after SIGTERM or SIGINT, ms. */
export const grace = 2000;

/**
 * Runs an example. Its usage says what it takes (`_arguments.ts`). Wrong usage is
 * told with exit status 2, an error that `main` did not catch with status 1.
 */
export async function program(
  usage: string,
  main: (given: Arguments) => Promise<void>,
): Promise<void> {
  let given: Arguments | undefined;
  try {
    given = readArguments(usage);
    await main(given);
  } catch (error) {
    process.exitCode = given === undefined ? 2 : 1;
    console.error(messageOf(error));
    if (given === undefined) console.error(`Usage: ${usage}`);
  }
  forgetSignals();
}

/** What to tell of an error: a line, no stack. */
export function messageOf(error: unknown): string {
  if (error instanceof SockeyeError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Says that it is ready: a line for each address. */
export function sayListening(addresses: readonly Address[]): void {
  for (const each of addresses) console.log(`listening ${formatAddress(each)}`);
}

/** Waits for the end of a server, and says how it went. */
export async function sayClosed(server: Server): Promise<void> {
  const closed = await server.closed;
  const { children } = server.stats;
  if (children !== undefined) {
    const { started, reaped, lost } = children;
    console.log(`children: ${started} started, ${reaped} reaped, ${lost} lost`);
  }
  sayEnded(closed);
}

/**
 * Says how the connections of a server ended. One that closed by itself has
 * told `onError` why, and the exit status is 1.
 */
export function sayEnded({ drained, aborted, error }: ServerClosed): void {
  console.log(`closed: ${drained} drained, ${aborted} aborted`);
  if (error !== undefined) process.exitCode = 1;
}

/** Waits for signals no more; some runtimes live as long as one is waited for. */
export let forgetSignals: () => void = () => {};

/**
 * Calls `stop` at the first SIGTERM or SIGINT, and `giveUp` if the example has
 * not ended when the grace is over. A second signal ends the process at once.
 */
export function whenStopped(stop: () => void, giveUp?: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onSignal = (): void => {
    forgetSignals();
    if (giveUp !== undefined) timer = setTimeout(giveUp, grace);
    stop();
  };
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, onSignal);
  forgetSignals = () => {
    for (const name of ["SIGTERM", "SIGINT"]) process.off(name, onSignal);
    clearTimeout(timer);
  };
}
