/** Modules that cannot serve: they hang, or their children end again and again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serve, type Server, type SockeyeError } from "../../../mod.ts";
import { moduleNamed, strategies } from "../fixtures.ts";

for (const strategy of strategies) {
  test(`${strategy}: a module that hangs while it is loaded is given up in time`, async () => {
    const started = performance.now();
    await assert.rejects(
      serve("tcp://:0", moduleNamed("hangs"), {
        strategy,
        signals: false,
        startTimeout: 200,
        onError: () => {},
      }),
      { code: "ECHILD", message: /because it was not ready in time/ },
    );
    assert.ok(performance.now() - started >= 400);
  });

  test(`${strategy}: children that end again and again are started ever later, and given up`, async () => {
    const five = strategy === "process"
      ? { spareChildren: 5 }
      : { children: 5, maxChildren: 5 };
    const errors: unknown[] = [];
    const started = performance.now();
    let server: Server | undefined;
    const error = await serve("tcp://:0", moduleNamed("fades"), {
      strategy,
      ...five,
      signals: false,
      onError: (error) => errors.push(error),
    }).then(async (given) => {
      server = given;
      return (await server.closed).error;
      // On a busy machine the first may end before the last has begun.
    }, (error) => error as SockeyeError);
    // Five failures make a pause of 800 ms, less a half by chance at the most.
    assert.ok(performance.now() - started >= 400);
    assert.equal(error?.code, "ECHILD");
    assert.match(
      error.message,
      /^Cannot serve tcp:.*: 1\d children in a row failed, the last early, with status 3$/,
    );
    assert.deepEqual(errors, [error]);
    if (server === undefined) return;
    const { children } = server.stats;
    // Five, and one for each failure; one that a busy machine lets live for a
    // second is none.
    assert.ok(children!.started <= 25, `${children!.started} started`);
    assert.equal(children!.reaped, children!.started);
  });
}
