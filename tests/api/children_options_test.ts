/** What a server with children makes of its options. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  childrenPolicyOf,
  optionsForChild,
} from "../../api/children/options.ts";
import type { ChildrenOptions } from "../../mod.ts";

/** With two processors. */
function forChild(options: ChildrenOptions): Record<string, unknown> {
  return optionsForChild(options, childrenPolicyOf(options, 2));
}

test("children: the limit of connections is shared among members that accept by themselves", () => {
  const cases: [most: number, children: number, each: number][] = [
    [10, 3, 3],
    [10, 2, 5],
    [4, 4, 1],
  ];
  for (const [maxConnections, children, each] of cases) {
    for (const reusePort of [false, true]) {
      const given = { maxConnections, children, reusePort };
      const options = forChild({ strategy: "prefork", ...given });
      assert.equal(options["maxConnections"], each, JSON.stringify(given));
    }
  }
  const { maxConnections } = forChild({ strategy: "prefork" });
  assert.equal(maxConnections, undefined);
});

test("children: there are no more members than places, if each has its share", () => {
  const policy = (options: ChildrenOptions) => childrenPolicyOf(options, 8);
  const few = { strategy: "prefork", maxConnections: 3 } as const;
  assert.equal(policy({ strategy: "prefork" }).limits.min, 8);
  assert.equal(policy(few).limits.min, 3);
  assert.equal(policy({ ...few, strategy: "workers" }).limits.min, 8);
  assert.throws(() => policy({ ...few, children: 4 }), {
    code: "EINVAL",
    message: "Option maxConnections is 3, expected at least 4: one for each " +
      "of the children",
  });
});

test("children: of those with one connection each there are no more than connections", () => {
  const policy = (options: Partial<ChildrenOptions>) =>
    childrenPolicyOf({ strategy: "process", ...options }, 2);
  assert.equal(policy({}).limits.max, 64);
  assert.equal(policy({ maxConnections: 5 }).limits.max, 5);
  assert.equal(policy({ maxConnections: 5, maxChildren: 3 }).limits.max, 3);
  assert.equal(policy({ maxConnections: 5 }).places, 5);
  const options = forChild({ strategy: "process", maxConnections: 5 });
  assert.equal(options["maxConnections"], undefined);
});

test("children: who shares a listener, who listens by itself", () => {
  const of = (options: ChildrenOptions) => {
    const { shares, reusesPort } = childrenPolicyOf(options, 2);
    return [shares, reusesPort];
  };
  assert.deepEqual(of({ strategy: "process" }), [false, false]);
  assert.deepEqual(of({ strategy: "workers" }), [false, false]);
  assert.deepEqual(of({ strategy: "prefork" }), [true, false]);
  const reusing = { strategy: "prefork", reusePort: true } as const;
  assert.deepEqual(of(reusing), [false, true]);
});
