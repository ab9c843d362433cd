/**
 * The life of a connection, as one table: every state × every input.
 *
 * Nothing here knows how; `connection.ts` moves through this table and nowhere
 * else, and the diagram in the docs is drawn from it. To learn what happens
 * when, say, the peer resets while we drain, read the cell:
 * `draining` × `failed` → `closed`, and the words beside it.
 *
 * @module
 */

/**
 * Where in its life a connection is:
 *
 * - `idle`: made, nothing asked of the transport yet
 * - `connecting`: the transport is being connected
 * - `handshaking`: the two sides agree on something before any user data: over FIFOs this is all of the
 *   rendezvous (`rendezvous.ts`), on Unix sockets who is calling (`credentials.ts`), under one deadline
 * - `open`: both directions flow
 * - `halfClosedLocal`: we ended our direction (what is queued still goes out); the peer may send
 * - `halfClosedRemote`: the peer ended its direction; we may send
 * - `draining`: both directions are over, or we closed: what is queued is flushed and our end sent; then the
 *   descriptor goes back, at once after `close` or with handlers, else when whoever reads by themselves closes
 * - `closed`: over; the reason stands
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, serve, type State } from "@sockeye/net";
 *
 * const server = await serve("mem:states", {});
 * const client = await connect("mem:states");
 * const states: State[] = [client.state];
 * await client.closeWrite();
 * states.push(client.state);
 * await client.close();
 * states.push(client.state);
 * assert.deepEqual(states, ["open", "halfClosedLocal", "closed"]);
 * await server.close();
 * ```
 */
export type State =
  | "idle"
  | "connecting"
  | "handshaking"
  | "open"
  | "halfClosedLocal"
  | "halfClosedRemote"
  | "draining"
  | "closed";

/**
 * What moves a connection:
 *
 * - `connect`, `accept`, `handshake`, `established`: how it comes to be open
 * - `readClosed`: the peer's end (FIN) arrived
 * - `closeWrite`: we end our direction; `close`: we want no more; `abort`: now
 * - `failed`: the transport is gone and nobody here asked for it (a reset, an error)
 * - `released`: the transport is gone because we asked for it
 */
export type Input =
  | "connect"
  | "accept"
  | "handshake"
  | "established"
  | "readClosed"
  | "closeWrite"
  | "close"
  | "abort"
  | "failed"
  | "released";

/**
 * What an input does in a state: the next state; or `refused` (the caller gets
 * `ERR_SOCKEYE_STATE`); or `ignored` (late or repeated, and harmless).
 */
export type Move = State | "refused" | "ignored";

/**
 * Every state, in the order of a life.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { states, transitions } from "@sockeye/net/core";
 *
 * const mayEnd = states.filter((state) =>
 *   transitions[state].closeWrite !== "refused"
 * );
 * assert.deepEqual(mayEnd, [
 *   "open",
 *   "halfClosedLocal",
 *   "halfClosedRemote",
 *   "draining",
 * ]);
 * ```
 */
export const states: readonly State[] = [
  "idle",
  "connecting",
  "handshaking",
  "open",
  "halfClosedLocal",
  "halfClosedRemote",
  "draining",
  "closed",
];

/**
 * Every input: the columns of the table.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { inputs, transitions } from "@sockeye/net/core";
 *
 * const fatal = inputs.filter((input) => transitions.open[input] === "closed");
 * assert.deepEqual(fatal, ["abort", "failed", "released"]);
 * ```
 */
export const inputs: readonly Input[] = [
  "connect",
  "accept",
  "handshake",
  "established",
  "readClosed",
  "closeWrite",
  "close",
  "abort",
  "failed",
  "released",
];

/**
 * The table: what each input does in each state.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type State, transitions } from "@sockeye/net/core";
 *
 * let state: State = "halfClosedRemote"; // the peer has ended
 * const move = transitions[state].closeWrite;
 * if (move !== "refused" && move !== "ignored") state = move;
 * assert.equal(state, "draining");
 * ```
 */
export const transitions: Readonly<
  Record<State, Readonly<Record<Input, Move>>>
> = {
  idle: {
    connect: "connecting",
    accept: "open",
    // An accepted transport on which the two sides must agree first.
    handshake: "handshaking",
    established: "refused",
    readClosed: "refused",
    closeWrite: "refused",
    close: "closed",
    abort: "closed",
    failed: "closed",
    released: "closed",
  },
  connecting: {
    connect: "refused",
    accept: "refused",
    handshake: "handshaking",
    established: "open",
    readClosed: "refused",
    closeWrite: "refused",
    // Nothing was sent, so there is nothing to flush: the attempt is given up.
    close: "closed",
    abort: "closed",
    failed: "closed",
    released: "closed",
  },
  handshaking: {
    connect: "refused",
    accept: "refused",
    handshake: "ignored",
    established: "open",
    // A peer that leaves in the middle of the handshake has not agreed.
    readClosed: "closed",
    closeWrite: "refused",
    close: "closed",
    abort: "closed",
    failed: "closed",
    released: "closed",
  },
  open: {
    connect: "refused",
    accept: "refused",
    handshake: "refused",
    established: "ignored",
    readClosed: "halfClosedRemote",
    closeWrite: "halfClosedLocal",
    close: "draining",
    abort: "closed",
    // What had arrived stays readable, then the error; queued writes reject with it.
    failed: "closed",
    released: "closed",
  },
  halfClosedLocal: {
    connect: "refused",
    accept: "refused",
    handshake: "refused",
    established: "ignored",
    // Both directions are over: what is queued goes out, then the descriptor goes back.
    readClosed: "draining",
    closeWrite: "ignored",
    close: "draining",
    abort: "closed",
    failed: "closed",
    released: "closed",
  },
  halfClosedRemote: {
    connect: "refused",
    accept: "refused",
    handshake: "refused",
    established: "ignored",
    readClosed: "ignored",
    closeWrite: "draining",
    close: "draining",
    abort: "closed",
    // The end stays an end for the reader; writes reject with EPIPE.
    failed: "closed",
    released: "closed",
  },
  draining: {
    connect: "refused",
    accept: "refused",
    handshake: "refused",
    established: "ignored",
    // The peer ends too: no need to linger for it.
    readClosed: "draining",
    closeWrite: "ignored",
    close: "ignored",
    abort: "closed",
    // The peer resets while we drain: what was still queued is lost, those
    // writes reject, and `closed` says `reset`, since the peer may have missed
    // bytes that the system had already taken.
    failed: "closed",
    // All was handed over and the descriptor is back: the good end.
    released: "closed",
  },
  closed: {
    connect: "refused",
    accept: "refused",
    handshake: "refused",
    established: "ignored",
    readClosed: "ignored",
    closeWrite: "refused",
    close: "ignored",
    abort: "ignored",
    failed: "ignored",
    released: "ignored",
  },
};
