/**
 * Descriptors kept back, for the time when there are none left.
 *
 * At the limit Bun's listener cannot accept, does not say so, and asks the
 * kernel again without a pause: a whole core, for as long as one client waits
 * (`ulimit -n 64`, 200 clients: 100 % on an idle machine). Nothing of Bun's API
 * stops a listener for a while. What cures it is a free descriptor: with one,
 * Bun accepts every waiting client in turn, and the driver resets those that
 * it has no room for, each before the next is accepted (`terminate()` within
 * `open()` gives the descriptor back at once).
 *
 * So while listeners stand, four descriptors are kept, and every 100 ms one
 * more is opened for a moment. When that fails the listeners are told,
 * `acceptFailed(EMFILE)`: now the driver takes no more connections than it
 * has. And one of the four is given up, and stays so until there is room for
 * it and one more, and nothing has failed for a second: who comes meanwhile is
 * accepted by way of the free one, and nothing spins. With a limit of 64 and
 * 200 clients, 50 were served and 150 reset; 50 more a second, each fifth in
 * the place of one that left, cost 0.5 % of a core, and 6 % in a second in
 * which the reserve had grown and was needed again.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { clearInterval, setInterval } from "node:timers";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import { errorCode } from "../_shared/errors.ts";

/** Descriptors kept back: others in the process may take a free one first. */
const RESERVE = 4;
/** Between two checks, ms. Bun spins for at most so long. */
const CHECK_EVERY = 100;
/** Checks that must pass before the reserve grows: a second. */
const QUIET_CHECKS = 10;

/** Who is told that accepting fails. */
export interface Accepting {
  acceptFailed(error: SockeyeError): void;
}

const accepting = new Set<Accepting>();
const reserve: number[] = [];
let timer: ReturnType<typeof setInterval> | undefined;
let quietChecks = 0;

/** Watches over a listener; the reserve and its timer live as long as any is watched. */
export function watch(listener: Accepting): void {
  accepting.add(listener);
  if (timer !== undefined) return;
  while (reserve.length < RESERVE && keepOne());
  quietChecks = 0;
  timer = setInterval(check, CHECK_EVERY);
  timer.unref();
}

/** Ends it. */
export function unwatch(listener: Accepting): void {
  if (!accepting.delete(listener) || accepting.size > 0) return;
  clearInterval(timer);
  timer = undefined;
  for (const fd of reserve.splice(0)) closeSync(fd);
}

/**
 * Why no descriptor can be had now, if none can: `EMFILE` or `ENFILE`. Bun says
 * ECONNREFUSED for a connect that got none, and nothing for a listen.
 */
export function descriptorsExhausted(): ErrorCode | undefined {
  const fd = open();
  if (typeof fd === "string") return fd;
  closeSync(fd);
  return undefined;
}

function check(): void {
  const code = descriptorsExhausted();
  if (code === undefined) {
    quietChecks++;
    if (reserve.length < RESERVE && quietChecks >= QUIET_CHECKS) keepOne();
    return;
  }
  quietChecks = 0;
  const error = new SockeyeError(code, "no descriptor is left, accept");
  for (const listener of [...accepting]) listener.acceptFailed(error);
  const fd = reserve.pop();
  if (fd !== undefined) closeSync(fd);
}

/** Keeps one more back, unless it would be the last. */
function keepOne(): boolean {
  const fd = open();
  if (typeof fd === "string") return false;
  const last = descriptorsExhausted() !== undefined;
  if (last) closeSync(fd);
  else reserve.push(fd);
  return !last;
}

function open(): number | ErrorCode {
  try {
    return openSync(devNull, "r");
  } catch (error) {
    return errorCode(error);
  }
}
