/** A module whose process crashes soon after it has begun. */
import process from "node:process";
import type { Handlers } from "../../api/types.ts";

// A signal that nothing here listens to, and that ends whom it hits.
setTimeout(() => process.kill(process.pid, "SIGALRM"), 50);

const handlers: Handlers = {};
export default handlers;
