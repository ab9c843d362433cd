/** Ends of simulated connections that note what they are told, and when. */
import assert from "node:assert/strict";
import {
  createMemoryRuntime,
  type MemoryRuntime,
  type MemoryRuntimeOptions,
} from "../../adapters/memory/runtime.ts";
import type { MemAddress } from "../../core/address.ts";
import type { SockeyeError } from "../../core/error.ts";
import type {
  ListenEvents,
  ListenHandle,
  Pending,
  StreamEvents,
  StreamHandle,
} from "../../core/transport.ts";
import { connectRequest, listenRequest } from "../requests.ts";

export const mem = (name: string): MemAddress => ({ transport: "mem", name });

export const bytes = (length: number, start = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => start + index);

/** Notes what a stream handle tells: `["data 5", 10]` is five bytes at 10 ms. */
export class End implements StreamEvents {
  readonly handle: StreamHandle;
  readonly told: [what: string, at: number][] = [];
  readonly received: number[] = [];
  readonly #runtime: MemoryRuntime;
  /** Called with each event, as a driver's reaction. */
  react: ((what: string) => void) | undefined;
  keep = false;

  constructor(runtime: MemoryRuntime, handle: StreamHandle, reading = true) {
    this.#runtime = runtime;
    this.handle = handle;
    handle.attach(this);
    if (reading) handle.startRead();
    assert.equal(this.told.length, 0, "nothing is told within a command");
  }

  get words(): string[] {
    return this.told.map(([what]) => what);
  }

  data(chunk: Uint8Array, _lent: boolean): boolean {
    assert.ok(chunk.length > 0);
    this.received.push(...chunk);
    this.#note(`data ${chunk.length}`);
    return this.keep;
  }
  written(count: number): void {
    this.#note(`written ${count}`);
  }
  readClosed(): void {
    this.#note("end");
  }
  shutdownDone(): void {
    this.#note("shutdownDone");
  }
  closed(error?: SockeyeError): void {
    this.#note(error === undefined ? "closed" : `closed ${error.code}`);
  }

  #note(what: string): void {
    assert.ok(
      !this.words.some((word) => word.startsWith("closed")),
      `${what} after closed`,
    );
    this.told.push([what, this.#runtime.now()]);
    this.react?.(what);
  }
}

/** Notes what a listener tells, and takes in what it accepts. */
export class Door implements ListenEvents {
  readonly handle: ListenHandle;
  readonly accepted: StreamHandle[] = [];
  readonly told: [what: string, at: number][] = [];
  readonly #runtime: MemoryRuntime;

  constructor(runtime: MemoryRuntime, handle: ListenHandle, open = true) {
    this.#runtime = runtime;
    this.handle = handle;
    handle.attach(this);
    if (open) handle.startAccept();
  }

  connection(handle: StreamHandle): void {
    this.accepted.push(handle);
    this.told.push(["connection", this.#runtime.now()]);
  }
  acceptFailed(error: SockeyeError): void {
    this.told.push([error.code, this.#runtime.now()]);
  }
  refused(error: SockeyeError): void {
    this.told.push([error.code, this.#runtime.now()]);
  }
  closed(error?: SockeyeError): void {
    assert.equal(error, undefined);
    this.told.push(["closed", this.#runtime.now()]);
  }
}

/** Listens, and lets time pass until it does. */
export async function open(
  runtime: MemoryRuntime,
  name: string,
  { accepting = true, backlog = 511 }: {
    accepting?: boolean;
    backlog?: number;
  } = {},
): Promise<Door> {
  const request = { ...listenRequest, backlog };
  const handle = await runtime.clock.until(
    new Promise<ListenHandle>((listening, failed) => {
      runtime.listen(mem(name), request, { listening, failed });
    }),
  );
  return new Door(runtime, handle, accepting);
}

/** A connect under way. */
export interface Dialled {
  readonly pending: Pending;
  /** `undefined` while it is under way. */
  outcome: StreamHandle | SockeyeError | undefined;
  at: number;
}

export function dial(runtime: MemoryRuntime, name: string): Dialled {
  const settle = (outcome: StreamHandle | SockeyeError): void => {
    assert.equal(dialled.outcome, undefined, "a connect has one outcome");
    dialled.outcome = outcome;
    dialled.at = runtime.now();
  };
  const pending = runtime.connect(mem(name), connectRequest, {
    connected: settle,
    failed: settle,
  });
  const dialled: Dialled = { pending, outcome: undefined, at: NaN };
  return dialled;
}

/** The stream that a connect gave. */
export function handleOf({ outcome }: Dialled): StreamHandle {
  assert.ok(
    outcome !== undefined && "attach" in outcome,
    `connected: ${String(outcome)}`,
  );
  return outcome;
}

/** The code that a connect failed with. */
export function codeOf({ outcome }: Dialled): string {
  assert.ok(outcome !== undefined && "code" in outcome, "failed");
  return outcome.code;
}

export interface Pair {
  readonly runtime: MemoryRuntime;
  readonly client: End;
  readonly server: End;
  readonly door: Door;
}

/** A runtime with one connection on it, both ends reading unless told otherwise. */
export async function connected(
  options: MemoryRuntimeOptions = {},
  { reading = true }: { reading?: boolean } = {},
): Promise<Pair> {
  const runtime = createMemoryRuntime(options);
  const door = await open(runtime, "door");
  const dialled = dial(runtime, "door");
  await runtime.clock.until(() =>
    dialled.outcome !== undefined && door.accepted.length === 1
  );
  const client = new End(runtime, handleOf(dialled), reading);
  const server = new End(runtime, door.accepted[0]!, reading);
  return { runtime, client, server, door };
}
