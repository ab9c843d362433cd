/**
 * Preloaded by Deno's test runner alone (`--preload`), for each file: there, an
 * error or a rejection outside of a test's body would let the run pass.
 *
 * It fails the file once its tests are over: to exit at once would end the
 * run, and with it the tests of the files that follow.
 *
 * @module
 */
import process from "node:process";

let failed = false;

function note(event: Event, kind: string, reason: unknown): void {
  event.preventDefault();
  failed = true;
  console.error(`${kind} outside of a test:`, reason);
}

// Named types: the handlers' own differ between the runtimes' declarations.
globalThis.addEventListener("error", (event: Event) => {
  note(event, "Error", (event as ErrorEvent).error);
});
globalThis.addEventListener("unhandledrejection", (event: Event) => {
  note(event, "Rejection", (event as PromiseRejectionEvent).reason);
});
globalThis.addEventListener("unload", () => {
  if (failed) process.exit(1);
});
