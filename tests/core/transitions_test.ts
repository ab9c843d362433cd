import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Input,
  inputs,
  type Move,
  type State,
  states,
  transitions,
} from "../../core/transitions.ts";

// The table, written down a second time and by columns: a change of a cell
// must be meant. R: refused, .: ignored.
const columns: Record<Input, readonly string[]> = {
  //            idle           connecting     handshaking    open                halfClosedLocal    halfClosedRemote    draining    closed
  connect: ["connecting", "R", "R", "R", "R", "R", "R", "R"],
  accept: ["open", "R", "R", "R", "R", "R", "R", "R"],
  handshake: ["handshaking", "handshaking", ".", "R", "R", "R", "R", "R"],
  established: ["R", "open", "open", ".", ".", ".", ".", "."],
  readClosed: [
    "R",
    "R",
    "closed",
    "halfClosedRemote",
    "draining",
    ".",
    "draining",
    ".",
  ],
  closeWrite: ["R", "R", "R", "halfClosedLocal", ".", "draining", ".", "R"],
  close: [
    "closed",
    "closed",
    "closed",
    "draining",
    "draining",
    "draining",
    ".",
    ".",
  ],
  abort: [
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    ".",
  ],
  failed: [
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    ".",
  ],
  released: [
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    "closed",
    ".",
  ],
};

function moveOf(written: string): Move {
  if (written === "R") return "refused";
  return written === "." ? "ignored" : written as State;
}

for (const input of inputs) {
  test(`transitions: "${input}" in every state`, () => {
    assert.equal(columns[input].length, states.length);
    states.forEach((state, i) => {
      assert.equal(
        transitions[state][input],
        moveOf(columns[input][i]!),
        `${state} × ${input}`,
      );
    });
  });
}

test("transitions: every state can be reached from idle, and closed from every state", () => {
  const reached = new Set<Move>(["idle"]);
  for (const from of reached) {
    if (from === "refused" || from === "ignored") continue;
    for (const input of inputs) reached.add(transitions[from][input]);
  }
  for (const state of states) assert.ok(reached.has(state), state);
  for (const state of states) {
    if (state !== "closed") assert.equal(transitions[state].failed, "closed");
  }
});

test("transitions: nothing leaves closed", () => {
  for (const input of inputs) {
    assert.ok(["refused", "ignored"].includes(transitions.closed[input]));
  }
});
