/**
 * One of the two peers of the model: does what it is told, and holds the
 * library to what it may answer.
 */
import assert from "node:assert/strict";
import type {
  Channel,
  Closed,
  Connection,
  Op,
  Simulation,
  StreamOptions,
} from "../../entries/memory.ts";
import { decoy, type Piece } from "./pieces.ts";

/** How long a wait may take: milliseconds until its timeout, and until its signal fires. */
export interface Patience {
  readonly timeout?: number;
  readonly stop?: number;
}

/** Something that one of the peers does; `side` 0 is the client. */
export type Act =
  & { readonly side: 0 | 1 }
  & (
    | { readonly do: "send" | "tryWrite" | "tryRead"; readonly length: number }
    | {
      readonly do: "write" | "readInto";
      readonly length: number;
      readonly op: Patience;
    }
    | { readonly do: "read" | "closeWrite"; readonly op: Patience }
    | { readonly do: "close" | "abort" | "pause" | "resume" }
    | {
      readonly do: "deadline";
      readonly ms: number | null;
      readonly of: "read" | "write" | "both";
    }
  );

/** The options of one end, all of them given. */
export type Limits = Required<
  Pick<
    StreamOptions,
    | "readHighWater"
    | "writeHighWater"
    | "maxQueued"
    | "flushTimeout"
    | "lingerTimeout"
    | "allowHalfOpen"
  >
>;

/** One end, and what is known about it. */
export class End {
  readonly channel: Channel;
  readonly connection: Connection | undefined;
  readonly limits: Limits;
  readonly sent: Piece[] = [];
  readonly received: number[] = [];
  readonly log: unknown[];
  readonly #simulation: Simulation;
  readonly #name: string;
  sawEnd = false;
  closedBy: Closed | undefined;
  unsettled = 0;
  lent = 0;
  /** `send` gave false, and `drain` has not come. */
  congested = false;
  leaving = false;
  /** Its handler threw: it is told no more, though the connection may have been over. */
  threw = false;
  readonly #readings: Set<Promise<void>> = new Set();
  #written = 0;
  #pieces = 0;
  #abandoned = 0;
  #handlerTold = false;

  constructor(
    name: string,
    channel: Channel,
    limits: Limits,
    simulation: Simulation,
    log: unknown[],
  ) {
    this.#name = name;
    this.channel = channel;
    this.connection = "read" in channel ? channel as Connection : undefined;
    this.limits = limits;
    this.#simulation = simulation;
    this.log = log;
    void channel.closed.then((why) => {
      assert.equal(this.closedBy, undefined);
      this.closedBy = why;
      assert.equal(channel.state, "closed");
      assert.equal(channel.bytesQueued, 0, "nothing is queued after");
      this.note("closed", why.how);
    });
  }

  note(...what: unknown[]): void {
    this.log.push([this.#simulation.clock.now(), this.#name, ...what]);
  }

  do(act: Act): void {
    switch (act.do) {
      case "send":
        return this.send(act.length);
      case "tryWrite":
        return this.tryWrite(act.length);
      case "write":
        return this.write(act.length, act.op);
      case "read":
        return this.read(act.op);
      case "readInto":
        return this.read(act.op, act.length);
      case "tryRead":
        return this.tryRead(act.length);
      case "closeWrite":
        return this.closeWrite(act.op);
      case "deadline": {
        const { ms, of } = act;
        return this.connection?.setDeadline(ms, of === "both" ? undefined : of);
      }
      case "close":
        this.leaving = true;
        return void this.channel.close();
      case "abort":
        this.leaving = true;
        return this.channel.abort();
      case "pause":
      case "resume":
        return this.channel[act.do]();
      default:
        act satisfies never;
    }
  }

  /** Bytes that none of the other pieces begin with. */
  #piece(length: number): Piece {
    const id = ++this.#pieces;
    const content = Uint8Array.from(
      { length },
      (_, at) => Math.imul(id * 8191 + at, 0x9e3779b1) >>> 24,
    );
    return { content, taken: undefined };
  }

  get #canWrite(): boolean {
    return ["open", "halfClosedRemote"].includes(this.channel.state);
  }

  send(length: number): void {
    const piece = this.#piece(length);
    const given = piece.content.slice();
    const could = this.#canWrite;
    let took: boolean | string;
    try {
      took = this.channel.send(given);
    } catch (error) {
      took = (error as { code: string }).code;
      assert.match(took, /^ERR_SOCKEYE_(STATE|CLOSED)$/);
      assert.equal(could, false);
    }
    given.fill(decoy);
    if (could) {
      piece.taken = length;
      this.sent.push(piece);
      const { bytesQueued } = this.channel;
      if (took === true) assert.ok(bytesQueued <= this.limits.writeHighWater);
      if (took === false && this.#canWrite) {
        this.congested = true;
        assert.ok(bytesQueued > 0, "nothing would tell of a drain");
      }
    } else assert.notEqual(took, true);
    this.note("send", length, took);
  }

  tryWrite(length: number): void {
    const piece = this.#piece(length);
    const given = piece.content.slice();
    try {
      piece.taken = this.connection?.tryWrite(given) ?? 0;
      this.sent.push(piece);
    } catch (error) {
      assert.equal(this.#canWrite, false);
      this.note("tryWrite", (error as { code: string }).code);
    }
    given.fill(decoy);
    this.note("tryWrite", length, piece.taken);
  }

  write(length: number, patience: Patience): void {
    const { connection } = this;
    if (connection === undefined) return;
    const piece = this.#piece(length);
    const lent = piece.content.slice();
    const order = this.sent.push(piece);
    this.lent += length;
    this.#await("write", patience, async (op) => {
      try {
        await connection.write(lent, op);
        piece.taken = length;
        lent.fill(decoy);
        if (length === 0) return; // Nothing to wait for.
        assert.ok(order > this.#written, "writes settle in order");
        this.#written = order;
      } catch (error) {
        piece.taken = (error as { bytesTaken?: number }).bytesTaken;
        // What the transport had in its hands is sent all the same.
        this.#abandoned += length;
        throw error;
      } finally {
        this.lent -= length;
      }
    });
  }

  read(patience: Patience, length?: number): void {
    const { connection } = this;
    if (connection === undefined) return;
    // One that waits has the next refused; one that is served at once has not.
    const reading = this.#await("read", patience, async (op) => {
      if (length === undefined) this.#got(await connection.read(op));
      else {
        const buffer = new Uint8Array(length);
        const count = await connection.readInto(buffer, op);
        this.#got(count === null ? null : buffer.subarray(0, count));
      }
    }).finally(() => this.#readings.delete(reading));
    this.#readings.add(reading);
  }

  tryRead(length: number): void {
    const { connection } = this;
    if (connection === undefined || this.#readings.size > 0) return;
    const buffer = new Uint8Array(length);
    try {
      const count = connection.tryRead(buffer);
      if (count === null) this.#got(null);
      else this.#got(buffer.subarray(0, count ?? 0));
      this.note("tryRead", count);
    } catch (error) {
      this.note("tryRead", (error as { code: string }).code);
    }
  }

  #got(bytes: Uint8Array | null): void {
    if (bytes === null) this.sawEnd = true;
    else {
      assert.ok(!this.sawEnd || bytes.length === 0, "bytes behind the end");
      for (const byte of bytes) this.received.push(byte);
      bytes.fill(decoy); // They are ours.
    }
  }

  closeWrite(patience: Patience): void {
    const { connection, channel } = this;
    if (connection === undefined) return channel.end();
    void this.#await("closeWrite", patience, (op) => connection.closeWrite(op));
  }

  /** Waits for something, and holds it to its time and to the errors that it may have. */
  #await(
    what: string,
    { timeout, stop }: Patience,
    act: (op: Op) => Promise<unknown>,
  ): Promise<void> {
    const { clock } = this.#simulation;
    const begun = clock.now();
    const op: Op = timeout === undefined ? {} : { timeout };
    const reason = new Error("Stopped");
    if (stop !== undefined) {
      const controller = new AbortController();
      op.signal = controller.signal;
      clock.setTimer(() => controller.abort(reason), stop);
    }
    this.unsettled++;
    const told = (how: string): void => {
      this.unsettled--;
      this.note(what, how, begun);
      const last = begun + Math.min(timeout ?? Infinity, stop ?? Infinity);
      // Timers count whole milliseconds, the network does not.
      assert.ok(clock.now() < last + 1, `${what} took longer than it might`);
    };
    return act(op).then(() => told("ok"), (error) => {
      if (error === reason) return told("stopped");
      const { code } = error as { code?: string };
      if (code === undefined) throw error;
      assert.ok(expectedCodes.includes(code), `${what}: ${error}`);
      told(code);
    }).catch((error) => this.#simulation.runtime.report(error));
  }

  // What handlers are told

  data(chunk: Uint8Array): void {
    assert.equal(this.#handlerTold, false, "data after closed");
    assert.equal(this.sawEnd, false, "data after the end");
    const open = this.channel.state !== "closed";
    assert.ok(!(this.congested && open), "data before drain");
    this.note("data", chunk.length);
    this.#got(chunk);
  }

  drained(): void {
    assert.ok(this.congested, "drained of nothing");
    this.congested = false;
    this.note("drain");
  }

  ended(): void {
    assert.equal(this.#handlerTold, false, "the end after closed");
    assert.equal(this.sawEnd, false, "a second end");
    this.note("end");
    this.#got(null);
  }

  over(why: Closed): void {
    assert.equal(this.#handlerTold, false, "a second closed");
    this.#handlerTold = true;
    this.note("told", why.how);
  }

  /** `chunk`: most bytes given to it at once; `Infinity` where what it holds has no bound. */
  checkBounds(chunk: number): void {
    const { channel, limits } = this;
    const held = channel.bytesRead - this.received.length;
    assert.ok(held < limits.readHighWater + chunk, `${held} bytes unread`);
    assert.ok(
      channel.bytesQueued <= limits.maxQueued + this.lent + this.#abandoned,
      `${channel.bytesQueued} bytes queued`,
    );
  }

  /** Ends it by itself, and takes all that comes before. */
  async finish(): Promise<void> {
    const { connection, channel } = this;
    channel.resume();
    if (connection === undefined) return;
    connection.setDeadline(null);
    this.closeWrite({});
    await Promise.all(this.#readings);
    try {
      for await (const chunk of connection) this.#got(chunk);
      this.#got(null);
    } catch (error) {
      this.note("finish", (error as { code: string }).code);
    }
    await channel.close();
  }
}

const expectedCodes = [
  "ETIMEDOUT",
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_SOCKEYE_CLOSED",
  "ERR_SOCKEYE_STATE",
  "ERR_SOCKEYE_LIMIT",
];
