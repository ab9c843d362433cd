/**
 * Two peers who do what a program says, over a simulated network, and a model
 * of what must hold whatever they do.
 */
import assert from "node:assert/strict";
import { createSimulation } from "../../entries/memory.ts";
import type {
  Channel,
  Handlers,
  Simulation,
  TraceEvent,
} from "../../entries/memory.ts";
import { type Act, End, type Limits } from "./peer.ts";
import { isAllOf, isStartOf } from "./pieces.ts";

/** Something that happens besides. */
export type Event =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "stall"; readonly ms: number }
  | { readonly do: "reset" };

/** What handlers of the push style do. */
export interface Handling {
  /** Milliseconds that `data` and `drain` are at work; 0: at once, no promise. */
  readonly takes: number;
  /** Bytes sent back for each chunk. */
  readonly answers: number;
  /** Which call of `data` throws, counted from 1; 0: none. */
  readonly throwsAt: number;
}

/** The network that lies between. */
export interface Between {
  readonly seed: number;
  readonly latency: readonly [number, number];
  readonly jitter: number;
  readonly chunk: number | null;
  readonly window: number;
  readonly lend: boolean;
  readonly holdPending: boolean;
  readonly shutdownDelay: number;
  /** Bytes after which the network resets; null: never. */
  readonly resetAfter: number | null;
}

/** A whole scenario. */
export interface Program {
  readonly between: Between;
  readonly limits: readonly [Limits, Limits];
  /** How the server has its connections: by handlers, or pulled. */
  readonly handling: Handling | null;
  readonly steps: readonly (Act | Event)[];
  /** Then both read to the end and close, or both abort. */
  readonly finish: "graceful" | "abort";
}

/** How an end leaves that its peer sees as a reset. */
const rough = ["abort", "timeout", "limit", "handler", "drain"];

/** What a run leaves to be compared with another. */
export interface Run {
  readonly trace: readonly TraceEvent[];
  readonly log: readonly unknown[];
}

/** Runs a program, and asserts what must hold. */
export async function run(program: Program): Promise<Run> {
  const { between } = program;
  const trace: TraceEvent[] = [];
  const log: unknown[] = [];
  const { chunk, resetAfter, latency, jitter } = between;
  const simulation = createSimulation({
    seed: between.seed,
    latency,
    jitter: [0, jitter],
    window: between.window,
    lend: between.lend,
    holdPending: between.holdPending,
    shutdownDelay: between.shutdownDelay,
    trace: (event) => trace.push(event),
    ...(chunk === null ? {} : { chunk: [1, chunk] as const }),
    faults: resetAfter === null
      ? []
      : [{ kind: "reset", afterBytes: resetAfter }],
  });
  const { clock, network } = simulation;
  await simulation.run(async () => {
    const { ends, over } = await meet(program, simulation, log);
    await perform(program, simulation, ends);
    if (program.finish === "abort") {
      for (const end of ends) end.channel.abort();
    } else await Promise.all(ends.map((end) => end.finish()));
    await Promise.all(ends.map(({ channel }) => channel.closed));
    await over();
    await simulation.advance(0);
    judge(program, ends);
  }, { within: 3_600_000 });
  const ended = clock.now();
  await clock.run();
  // Stops of signals and what a stall holds back are the test's own.
  assert.ok(clock.now() - ended <= longest, "a timer was left");
  assert.equal(network.descriptors, 0, "a descriptor was left");
  return { trace, log };
}

/** Longer than any stall or stop of a program, shorter than any timer of the library's own. */
export const longest = 8000;

/** Connects the two. */
async function meet(
  { handling, limits }: Program,
  simulation: Simulation,
  log: unknown[],
): Promise<{ ends: [End, End]; over: () => Promise<unknown> }> {
  const { listen, serve, connect } = simulation;
  const end = (name: string, channel: Channel, side: 0 | 1): End =>
    new End(name, channel, limits[side], simulation, log);
  if (handling === null) {
    const listener = await listen("mem:model", limits[1]);
    const accepting = listener.accept();
    const client = await connect("mem:model", limits[0]);
    const server = await accepting;
    await listener.close();
    return {
      ends: [end("client", client, 0), end("server", server, 1)],
      over: () => Promise.resolve(),
    };
  }
  const failures: unknown[] = [];
  let opened!: (made: End) => void;
  const server = new Promise<End>((resolve) => opened = resolve);
  const serving = await serve<End>("mem:model", {
    open(channel) {
      const made = end("server", channel, 1);
      opened(made);
      return made;
    },
    ...handlersOf(handling, simulation),
  }, { ...limits[1], onError: (error) => failures.push(error) });
  const client = await connect("mem:model", limits[0]);
  return {
    ends: [end("client", client, 0), await server],
    async over() {
      assert.ok(failures.every((error) => error === onPurpose), `${failures}`);
      assert.equal(serving.stats.open, 0);
      await serving.close();
    },
  };
}

const onPurpose = new Error("Thrown on purpose");

function handlersOf(
  { takes, answers, throwsAt }: Handling,
  { advance }: Simulation,
): Omit<Handlers<End>, "open"> {
  let calls = 0;
  let busy = 0;
  const work = (): Promise<void> | void => {
    if (takes === 0) return;
    busy++;
    return advance(takes).then(() => void busy--);
  };
  return {
    data({ context }, chunk) {
      assert.equal(busy, 0, "data before the last handler was done");
      context.data(chunk);
      if (++calls === throwsAt) {
        context.threw = true;
        throw onPurpose;
      }
      // More would go round for a very long time where the window is small.
      if (answers > 0 && calls <= 5) context.send(answers);
      return work();
    },
    drain({ context }) {
      context.drained();
      return work();
    },
    end(channel) {
      assert.equal(busy, 0, "the end before the last handler was done");
      channel.context.ended();
      channel.end();
    },
    closed: ({ context }, why) => context.over(why),
  };
}

async function perform(
  { between, steps }: Program,
  { advance, network }: Simulation,
  ends: readonly [End, End],
): Promise<void> {
  // Joined pieces are as long as the window lets them be.
  const mostAtOnce = between.chunk ?? Math.min(between.window, 65_536);
  for (const step of steps) {
    if ("side" in step) ends[step.side].do(step);
    else if (step.do === "reset") network.reset();
    else if (step.do === "stall") network.stall(step.ms);
    else await advance(step.ms);
    const rough = step.do === "reset" || between.resetAfter !== null ||
      ends.some(({ leaving, channel }) =>
        leaving || channel.state === "closed"
      );
    for (const end of ends) end.checkBounds(rough ? Infinity : mostAtOnce);
  }
}

/** What must hold once all is over. */
function judge(
  { between, steps, finish }: Program,
  ends: readonly [End, End],
): void {
  const faulty = between.resetAfter !== null ||
    steps.some((step) => step.do === "reset");
  for (const [from, to] of [ends, [ends[1], ends[0]]] as [End, End][]) {
    const { received, sawEnd } = to;
    assert.ok(isStartOf(received, from.sent), "other bytes than were sent");
    // An end comes behind all that was sent.
    if (sawEnd) assert.ok(isAllOf(received, from.sent), "some bytes were lost");
    assert.ok(from.channel.bytesWritten >= to.channel.bytesRead);
    assert.ok(to.channel.bytesRead >= received.length);
    assert.equal(from.unsettled, 0, "something never settled");
    assert.equal(from.lent, 0, "something is lent for ever");
    const [how, other] = [from.closedBy!.how, to.closedBy!.how];
    if (how === "reset") {
      // A peer that lingered long enough answers late bytes with a reset.
      assert.ok(faulty || rough.includes(other) || other === "close", other);
    }
    if (how === "abort") assert.ok(from.leaving || finish === "abort");
    if (how === "handler") assert.ok(from.threw);
    assert.notEqual(how, "error");
  }
  const [client, server] = ends;
  const how = [client.closedBy!.how, server.closedBy!.how];
  const gentle = how.every((one) => one === "end" || one === "close");
  const early = finish === "abort" ||
    ends.some(({ leaving, threw }) => leaving || threw);
  if (gentle && !early) {
    assert.deepEqual(how, ["end", "end"]);
    assert.ok(client.sawEnd && server.sawEnd);
  }
}
