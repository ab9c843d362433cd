/**
 * A client of the rendezvous that stops: `step_client PATH STEP`. Does so many
 * effects of the protocol, says `stopped EFFECT`, and waits for a line; then it
 * does the rest, and says `open` or the code of its failure.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants, lstatSync, openSync, readSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { found } from "../../../adapters/_shared/disk_name/found.ts";
import { errorCode } from "../../../adapters/_shared/errors.ts";
import { RendezvousFiles } from "../../../adapters/_shared/fifo/rendezvous_files.ts";
import { RendezvousClient } from "../../../core/rendezvous/client.ts";
import type {
  ClientEffect,
  FoundFile,
} from "../../../core/rendezvous/effects.ts";

const [path = "", step = "0"] = process.argv.slice(2);
const files = new RendezvousFiles();
const machine = new RendezvousClient(performance.now(), {
  path,
  pid: process.pid,
  nonce: randomBytes(16).toString("hex"),
  expectServer: undefined,
  timeout: 10_000,
});
/** Of s2c, a second time, for `receive`. */
let ear = -1;
let steps = 0;
let receiving = false;

for (;;) {
  const effect = machine.pollEffect();
  // A server that is busy has it receive several times: these are one step.
  const again = receiving && effect.do === "receive";
  receiving = effect.do === "receive";
  if (!again && steps++ === Number(step)) {
    say(`stopped ${effect.do}`);
    const input = createInterface({ input: process.stdin });
    await new Promise((resolve) => input.once("line", resolve));
    input.close();
  }
  if (effect.do === "done") {
    say("open");
    break;
  }
  if (effect.do === "failed") {
    say(effect.error.code);
    break;
  }
  await act(effect);
}

async function act(effect: ClientEffect): Promise<void> {
  try {
    const outcome = await perform(effect);
    if (outcome === "told") return;
    if (outcome === undefined) machine.handleDone(performance.now());
    else machine.handleFound(performance.now(), outcome);
  } catch (error) {
    machine.handleFailed(performance.now(), errorCode(error), error);
  }
}

async function perform(
  effect: ClientEffect,
): Promise<FoundFile | undefined | "told"> {
  switch (effect.do) {
    case "inspect":
      return found(lstatSync(effect.path, { bigint: true }));
    case "makeFifos":
      spawnSync("mkfifo", ["-m", "600", ...effect.paths]);
      return;
    case "wait":
    case "receive":
      await receive();
      return "told";
    case "open":
      if (effect.end === "s2c") {
        const { O_NONBLOCK, O_NOFOLLOW, O_RDONLY } = constants;
        ear = openSync(effect.path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
      }
      return files.perform(effect);
    case "chmod":
    case "chown":
    case "done":
    case "failed":
      throw new Error(`Not among the steps of this test: ${effect.do}`);
    default:
      return files.perform(effect);
  }
}

async function receive(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const bytes = new Uint8Array(64);
  try {
    const count = readSync(ear, bytes);
    machine.handleBytes(performance.now(), bytes.slice(0, count));
  } catch {
    machine.handleTimeout(performance.now());
  }
}

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}
