/**
 * A module whose process crashes soon after it has begun, once there is a file
 * of the name that it is given: before, it stays, so that a server can start.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import type { Handlers } from "../../api/types.ts";

export function onStart(flag: unknown): void {
  setInterval(() => {
    // A signal that nothing here listens to, and that ends whom it hits.
    if (existsSync(String(flag))) process.kill(process.pid, "SIGALRM");
  }, 50).unref();
}

const handlers: Handlers = {};
export default handlers;
