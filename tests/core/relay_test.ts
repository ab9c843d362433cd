/** The relay: both sides by tables, and the two of them together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SockeyeError } from "../../core/error.ts";
import {
  FrameQueue,
  HandlerSide,
  isShared,
  readFailure,
  readFrames,
  SocketSide,
  writeFailure,
} from "../../core/relay.ts";

/** What the socket's side does until it waits. */
function commands(side: SocketSide): string[] {
  const told: string[] = [];
  for (;;) {
    assert.ok(told.length < 20, "it spins");
    const command = side.pollCommand();
    if (command === "wait") {
      const written = side.pollWritten();
      if (written === 0) return told;
      told.push(`written ${written}`);
    } else told.push(command);
    // Left pending: the rest of the test says what the socket takes.
    if (command === "transmit") side.transmitted(0);
  }
}

/** What the handler's side tells until it waits; all data in pieces of `piece`. */
function outputs(side: HandlerSide, piece = 10): string[] {
  const told: string[] = [];
  for (;;) {
    assert.ok(told.length < 50, "it spins");
    const output = side.pollOutput();
    if (output === "wait") return told;
    if (output === "written") told.push(`written ${side.takeWritten()}`);
    else told.push(output);
    if (output === "data") side.told(piece);
  }
}

/** A step, and what comes of it. */
type Step<Side> = [act: (side: Side) => void, ...expected: string[]];

function play<Side>(
  side: Side,
  told: (side: Side) => string[],
  steps: readonly Step<Side>[],
): void {
  steps.forEach(([act, ...expected], i) => {
    act(side);
    assert.deepEqual(told(side), expected, `step ${i}: ${act}`);
  });
}

const socketTables: Record<string, Step<SocketSide>[]> = {
  "reads while there is credit": [
    [() => {}, "startRead"],
    [(s) => s.handleData(6000)],
    [(s) => s.handleData(6000), "stopRead"], // a chunk may exceed it
    [(s) => s.handleCredit(2000)],
    [(s) => s.handleCredit(1), "startRead"],
  ],
  "small pieces take more than their length": [
    [() => {}, "startRead"],
    [(s) => {
      for (let i = 0; i < 19; i++) s.handleData(1);
    }],
    [(s) => s.handleData(1), "stopRead"],
  ],
  "reads no more behind the end": [
    [() => {}, "startRead"],
    [(s) => s.handleReadClosed(), "stopRead"],
    [(s) => s.handleCredit(100)],
  ],
  "tells a transmit when the whole of it was taken": [
    [() => {}, "startRead"],
    [(s) => s.handleTransmit(50), "transmit"],
    [(s) => s.handleWritten(20), "transmit"],
    [(s) => s.handleWritten(0), "transmit"],
    [(s) => s.handleWritten(30), "written 50"],
    [(s) => s.handleTransmit(5), "transmit"],
    [(s) => s.handleWritten(5), "written 5"],
  ],
  "ends our direction, behind what is being sent": [
    [() => {}, "startRead"],
    [(s) => s.handleTransmit(5), "transmit"],
    [(s) => s.handleShutdown()],
    [(s) => s.handleWritten(5), "written 5", "shutdown"],
    [(s) => s.handleShutdown()],
  ],
  "closes once, and does nothing more": [
    [(s) => s.handleClose(), "close"],
    [(s) => s.handleAbort()],
    [(s) => s.handleTransmit(5)],
    [(s) => s.handleCredit(5)],
    [(s) => s.handleClosed()],
  ],
  "an abort overrides a close that was not carried out": [
    [(s) => {
      s.handleClose();
      s.handleAbort();
    }, "abort"],
    [(s) => s.handleClose()],
  ],
  "an abort comes before everything": [
    [(s) => {
      s.handleTransmit(5);
      s.handleShutdown();
      s.handleAbort();
    }, "abort"],
  ],
  "over, it does nothing": [
    [(s) => s.handleClosed()],
    [(s) => s.handleTransmit(5)],
    [(s) => s.handleShutdown()],
    [(s) => s.handleAbort()],
  ],
};

for (const [name, steps] of Object.entries(socketTables)) {
  test(`relay: beside the socket: ${name}`, () => {
    play(new SocketSide(10_000), commands, steps);
  });
}

const handlerTables: Record<string, Step<HandlerSide>[]> = {
  "nothing is told before somebody is there": [
    [(s) => s.handleData(10)],
    [(s) => s.handleReadClosed()],
    [(s) => s.startRead()],
    [(s) => s.attach(), "data", "readClosed"],
  ],
  "data and the end wait until they are wanted": [
    [(s) => s.attach()],
    [(s) => s.handleData(20)],
    [(s) => s.handleReadClosed()],
    [(s) => s.startRead(), "data", "data", "readClosed"],
  ],
  "stopped, it holds what comes": [
    [(s) => s.attach()],
    [(s) => s.startRead()],
    [(s) => s.handleData(10), "data"],
    [(s) => s.stopRead()],
    [(s) => s.handleData(10)],
    [(s) => s.startRead(), "data"],
  ],
  "writes and the shutdown are told, wanted or not": [
    [(s) => s.attach()],
    [(s) => s.transmit(7)],
    [(s) => s.handleWritten(), "written 7"],
    [(s) => s.shutdown()],
    [(s) => s.handleShutdownDone(), "shutdownDone"],
  ],
  "a closure is told at once where nothing waits": [
    [(s) => s.attach()],
    [(s) => s.handleClosed(), "closed"],
    [(s) => s.startRead()],
  ],
  "a closure comes behind data that nobody wants yet": [
    [(s) => s.attach()],
    [(s) => s.handleData(10)],
    [(s) => s.handleClosed()],
    [(s) => s.startRead(), "data", "closed"],
  ],
  "a closure comes behind an end that nobody wants yet": [
    [(s) => s.attach()],
    [(s) => s.handleReadClosed()],
    [(s) => s.handleClosed()],
    [(s) => s.startRead(), "readClosed", "closed"],
  ],
  "a write that meets the closure has all told": [
    [(s) => s.attach()],
    [(s) => s.handleData(10)],
    [(s) => s.handleClosed()],
    [(s) => s.transmit(5), "data", "closed"],
  ],
  "so does a shutdown": [
    [(s) => s.attach()],
    [(s) => s.handleData(10)],
    [(s) => s.handleClosed()],
    [(s) => s.shutdown(), "data", "closed"],
  ],
  "and a closure that meets a write": [
    [(s) => s.attach()],
    [(s) => s.transmit(5)],
    [(s) => s.handleData(10)],
    [(s) => s.handleClosed(), "data", "closed"],
  ],
  "a write that was taken is told before the closure": [
    [(s) => s.attach()],
    [(s) => s.transmit(5)],
    [
      (s) => {
        s.handleWritten();
        s.handleClosed();
      },
      "written 5",
      "closed",
    ],
  ],
  "released, it tells the closure alone": [
    [(s) => s.attach()],
    [(s) => s.handleData(10)],
    [(s) => s.release()],
    [(s) => void assert.equal(s.handleData(10), false)],
    [(s) => s.handleReadClosed()],
    [(s) => s.handleWritten()],
    [(s) => s.handleClosed(), "closed"],
  ],
};

for (const [name, steps] of Object.entries(handlerTables)) {
  test(`relay: beside the handler: ${name}`, () => {
    play(new HandlerSide(100), outputs, steps);
  });
}

test("relay: credit is given by halves of the window, and not behind the end", () => {
  const side = new HandlerSide(10_000);
  side.attach();
  side.startRead();
  const told = (length: number): number => {
    side.handleData(length);
    outputs(side, length);
    return side.pollCredit();
  };
  const credits = [4000, 1, 500, 9000].map(told);
  assert.deepEqual(credits, [0, 0, 4000 + 512 + 512, 9000]);
  side.handleReadClosed();
  outputs(side);
  assert.equal(side.pollCredit(), 0);
});

test("relay: whatever the order, every byte crosses, and no more than the window and a chunk wait", () => {
  const window = 10_000;
  const step = fc.oneof(
    fc.record({
      do: fc.constant("data"),
      n: fc.integer({ min: 1, max: 7000 }),
    }),
    fc.constantFrom({ do: "start", n: 0 }, { do: "stop", n: 0 }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const socket = new SocketSide(window);
    const handler = new HandlerSide(window);
    handler.attach();
    let reading = false, sent = 0, told = 0;
    const chunks: number[] = [];
    const settle = (): void => {
      for (;;) {
        const output = handler.pollOutput();
        if (output !== "wait") {
          assert.equal(output, "data");
          const length = chunks.shift()!;
          handler.told(length);
          told += length;
          continue;
        }
        const credit = handler.pollCredit();
        if (credit > 0) socket.handleCredit(credit);
        const command = socket.pollCommand();
        if (command === "wait" && credit === 0) return;
        if (command === "startRead") reading = true;
        if (command === "stopRead") reading = false;
      }
    };
    settle();
    for (const { do: what, n } of steps) {
      if (what === "start") handler.startRead();
      if (what === "stop") handler.stopRead();
      if (what === "data" && reading) {
        socket.handleData(n);
        handler.handleData(n);
        chunks.push(n);
        sent += n;
      }
      settle();
      const held = sent - told;
      assert.ok(held < window + 7000, `${held} bytes wait`);
      assert.ok(chunks.length <= window / 500, `${chunks.length} pieces wait`);
    }
    handler.startRead();
    settle();
    assert.equal(told, sent);
    assert.ok(reading, "it reads again");
  }));
});

/** What is told of what was pushed, as after a journey. */
function journey(queue: FrameQueue): unknown[][] {
  assert.ok(!queue.empty);
  const [message, given] = queue.take();
  assert.ok(queue.empty);
  const told: unknown[][] = [];
  const arrived = structuredClone(message, { transfer: given });
  readFrames(arrived, (...frame) => told.push(frame));
  return told;
}

test("relay: frames go in one message, in order, again and again", () => {
  const queue = new FrameQueue();
  assert.ok(queue.empty);
  for (const round of [1, 2]) {
    queue.pushBytes("data", 1, new Uint8Array([round, 2, 3]), false);
    queue.push("written", 1, 7);
    queue.pushBytes("transmit", 2, new Uint8Array([4]), true);
    queue.push("end", 1);
    queue.push("message", 0, { say: "x" });
    assert.deepEqual(journey(queue), [
      ["data", 1, new Uint8Array([round, 2, 3])],
      ["written", 1, 7],
      ["transmit", 2, new Uint8Array([4])],
      ["end", 1, null],
      ["message", 0, { say: "x" }],
    ]);
  }
});

test("relay: bytes are sent as they are when they are pushed, and lent ones stay", () => {
  for (const length of [10, 50_000]) {
    const queue = new FrameQueue();
    const bytes = new Uint8Array(length).fill(7);
    queue.pushBytes("data", 1, bytes, false);
    bytes.fill(8);
    const [[, , told]] = journey(queue) as [[string, number, Uint8Array]];
    assert.deepEqual(told, new Uint8Array(length).fill(7));
    assert.equal(bytes.length, length);
    assert.equal(isShared(told), false);
  }
});

test("relay: a long piece that is owned is given away, and small ones share memory", () => {
  const queue = new FrameQueue();
  const long = new Uint8Array(50_000).fill(9);
  queue.pushBytes("data", 1, new Uint8Array([1]), true);
  queue.pushBytes("data", 2, long, true);
  queue.pushBytes("data", 3, long.subarray(1, 3), true);
  const pieces = journey(queue).map(([, , value]) => value as Uint8Array);
  assert.deepEqual(pieces.map(isShared), [true, false, true]);
  assert.deepEqual(pieces.map(({ length }) => length), [1, 50_000, 2]);
  assert.deepEqual([...pieces[2]!], [9, 9]);
  assert.equal(long.length, 0);
});

test("relay: what is too much to share memory travels all the same", () => {
  const queue = new FrameQueue();
  const sent = Array.from(
    { length: 40 },
    (_, i) => new Uint8Array(4000).fill(i),
  );
  for (const bytes of sent) queue.pushBytes("data", 1, bytes, false);
  assert.deepEqual(journey(queue).map(([, , value]) => value), sent);
});

test("relay: memory that threads share is copied", () => {
  const queue = new FrameQueue();
  const shared = new Uint8Array(new SharedArrayBuffer(9000)).fill(7);
  queue.pushBytes("data", 1, shared, true);
  const [[, , told]] = journey(queue) as [[string, number, Uint8Array]];
  assert.ok(told.buffer instanceof ArrayBuffer);
  assert.ok(told.every((byte) => byte === 7));
});

test("relay: the reason of an end keeps its code and its words", () => {
  assert.equal(readFailure(writeFailure(undefined)), undefined);
  const error = new SockeyeError("ECONNRESET", "The peer reset it");
  const read = readFailure(structuredClone(writeFailure(error)));
  assert.ok(read instanceof SockeyeError);
  assert.equal(read.code, "ECONNRESET");
  assert.equal(read.message, "The peer reset it");
});
