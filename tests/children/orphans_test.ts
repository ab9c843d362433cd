/** What goes before a command, so that it does not outlive its server. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  fateOfParent,
  fateOfServer,
  orphanExit,
} from "../../adapters/_shared/children/orphans.ts";
import { everything, type Grants } from "../../adapters/_shared/grants.ts";

const linux = process.platform === "linux"
  ? {}
  : { skip: "Linux alone has setpriv" };
const here = `/proc/${process.pid}/cwd`;

test(
  "orphans: a program goes by where its server is, if that can be seen",
  linux,
  () => {
    const [setpriv, ...fate] = fateOfParent(everything);
    assert.match(setpriv!, /\/setpriv$/);
    const guarded = [
      setpriv,
      ...fate,
      "/usr/bin/nsenter",
      `--wd=${here}`,
      "--",
    ];
    assert.deepEqual(fateOfServer(everything, undefined), guarded);
    assert.deepEqual(fateOfServer(everything, "/srv/x y"), [
      ...guarded,
      "/usr/bin/nsenter",
      "--wd=/srv/x y",
      "--",
    ]);
  },
);

test("orphans: where it cannot, the signal is what is left", linux, () => {
  const without: Partial<Grants>[] = [
    { mayRead: (path) => path !== here },
    { mayRead: (path) => !path.endsWith("nsenter") },
    { mayKnowUser: () => false },
  ];
  for (const less of without) {
    const grants = { ...everything, ...less };
    assert.deepEqual(fateOfServer(grants, "/"), fateOfParent(grants));
  }
});

test("orphans: without setpriv nothing goes before, and it is said", () => {
  const grants = { ...everything, mayRun: () => false };
  assert.deepEqual(fateOfParent(grants), []);
  assert.deepEqual(fateOfServer(grants, undefined), []);
  const { support, reason } = orphanExit(grants);
  assert.equal(support, "emulated");
  assert.match(reason!, /setpriv/);
});
