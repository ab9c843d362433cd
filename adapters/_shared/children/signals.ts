/**
 * Signals that a server heeds.
 *
 * @module
 */
import process from "node:process";
import type { ServerSignal } from "../../../core/children.ts";

/** As `Starter.onSignals`. */
export function onSignals(
  names: readonly ServerSignal[],
  callback: (name: ServerSignal) => void,
): () => void {
  const listeners = names.map((name) => [name, () => callback(name)] as const);
  for (const [name, listener] of listeners) process.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
}
