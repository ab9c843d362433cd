/** Random programs for the model. */
import fc from "fast-check";
import {
  type Between,
  type Event,
  type Handling,
  longest,
  type Program,
} from "./model.ts";
import type { Act, Limits, Patience } from "./peer.ts";

const length = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 5000 }) },
);
const patience: fc.Arbitrary<Patience> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ timeout: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ stop: fc.nat(200) }) },
);
const side = fc.constantFrom(0 as const, 1 as const);

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      side,
      do: fc.constantFrom("send", "tryWrite", "tryRead"),
      length,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      side,
      do: fc.constantFrom("write", "readInto"),
      length,
      op: patience,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ side, do: fc.constant("read"), op: patience }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ side, do: fc.constant("closeWrite"), op: patience }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ side, do: fc.constantFrom("pause", "resume") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      side,
      do: fc.constant("deadline"),
      ms: fc.oneof(fc.constant(null), fc.integer({ min: -10, max: 200 })),
      of: fc.constantFrom("read", "write", "both"),
    }),
  },
) as fc.Arbitrary<Act>;

/** What ends a connection is rare: most of a program would do nothing behind it. */
const ending = fc.record({
  side,
  do: fc.constantFrom("close", "abort"),
}) as fc.Arbitrary<Act>;

const event = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.nat(60) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.nat(3000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("stall"), ms: fc.nat(longest / 2) }),
  },
) as fc.Arbitrary<Event>;

const steps = fc.array(
  fc.oneof(
    { weight: 60, arbitrary: act },
    { weight: 40, arbitrary: event },
    { weight: 2, arbitrary: ending },
    { weight: 1, arbitrary: fc.constant({ do: "reset" } as Event) },
  ),
  { maxLength: 60, size: "max" },
);

const between: fc.Arbitrary<Between> = fc.record({
  seed: fc.nat(),
  latency: fc.tuple(fc.nat(20), fc.nat(20))
    .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
  jitter: fc.nat(10),
  chunk: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 1000 })),
  window: fc.constantFrom(1, 100, 1000, 4096, 65_536),
  lend: fc.boolean(),
  holdPending: fc.boolean(),
  shutdownDelay: fc.constantFrom(0, 0, 7),
  resetAfter: fc.oneof(
    { weight: 6, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.nat(20_000) },
  ),
});

const limits: fc.Arbitrary<Limits> = fc.record({
  readHighWater: fc.constantFrom(1, 100, 5000, 65_536),
  writeHighWater: fc.constantFrom(1, 100, 5000, 65_536),
  maxQueued: fc.constantFrom(5000, 20_000, 1 << 24),
  flushTimeout: fc.constantFrom(300, 30_000),
  lingerTimeout: fc.constantFrom(0, 50, 2000),
  allowHalfOpen: fc.boolean(),
});

const handling: fc.Arbitrary<Handling> = fc.record({
  takes: fc.constantFrom(0, 0, 1, 50),
  answers: fc.constantFrom(0, 50, 700, 3000),
  throwsAt: fc.constantFrom(0, 0, 0, 1, 7),
});

/** A whole scenario, as short as it may be when it fails. */
export const program: fc.Arbitrary<Program> = fc.record({
  between,
  limits: fc.tuple(limits, limits),
  handling: fc.oneof(fc.constant(null), handling),
  steps,
  finish: fc.constantFrom("graceful", "graceful", "graceful", "abort"),
});
