/** Sweeps: what is a leftover, and what is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { path, sweep, timeout, World } from "./rendezvous_model.ts";

const nonce = "a".repeat(32);

interface Leftover {
  readonly goes: boolean;
  prepare(world: World, base: string): void;
}

const leftovers: Record<string, Leftover> = {
  "an old pair": {
    goes: true,
    prepare(world, base) {
      const modified = world.now - timeout;
      world.put(`${base}.c2s`, { modified });
      world.put(`${base}.s2c`, { modified });
    },
  },
  "an old pair whose client lives": {
    goes: false,
    prepare(world, base) {
      const modified = world.now - timeout;
      world.put(`${base}.c2s`, { modified });
      world.put(`${base}.s2c`, { modified, readers: 1 });
    },
  },
  "a young pair": {
    goes: false,
    prepare(world, base) {
      world.processes.add(42);
      world.put(`${base}.c2s`);
      world.put(`${base}.s2c`);
    },
  },
  "a young pair of no process": {
    goes: true,
    prepare(world, base) {
      world.put(`${base}.c2s`);
      world.put(`${base}.s2c`);
    },
  },
  "a young pair of a process that we cannot see": {
    goes: false,
    prepare(world, base) {
      world.put(`${base}.c2s`);
      world.put(`${base}.s2c`, { readers: 1 });
    },
  },
  "half a pair": {
    goes: true,
    prepare: (world, base) =>
      void world.put(`${base}.c2s`, { modified: world.now - timeout }),
  },
  "a plain file": {
    goes: false,
    prepare: (world, base) =>
      void world.put(`${base}.s2c`, { kind: "file", modified: 0 }),
  },
  "a symbolic link": {
    goes: false,
    prepare: (world, base) =>
      void world.put(`${base}.s2c`, { kind: "link", modified: 0 }),
  },
};

for (const [what, { goes, prepare }] of Object.entries(leftovers)) {
  test(`a sweep ${goes ? "removes" : "leaves"} ${what}`, () => {
    const world = new World();
    prepare(world, `${path}.42.${nonce}`);
    const before = world.pairs();
    const removed = sweep(world);
    assert.deepEqual(world.pairs(), goes ? [] : before);
    assert.equal(removed, goes ? before.length : 0);
  });
}

test("a sweep touches no name that is not a pair's", () => {
  const world = new World();
  const names = [
    `${path}.lock`,
    `${path}.42.${nonce}`,
    `${path}.42.${nonce}.s2c.bak`,
    `${path}.0.${nonce}.s2c`,
    `${path}.42.${nonce.toUpperCase()}.s2c`,
    `${path}2.42.${nonce}.s2c`,
    `${path}.old.42.${nonce}.s2c`,
    "run/other.42." + nonce + ".c2s",
  ];
  for (const name of names) world.put(name, { modified: 0 });
  assert.equal(sweep(world), 0);
  assert.deepEqual(world.pairs(), names.sort());
});
