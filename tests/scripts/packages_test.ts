/**
 * A build of the package that is not what it is to be fails with one line that
 * says what to do, in a small repository made for it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inRepository, type Repository } from "./repository.ts";

/** What goes wrong, and the one line that tells of it. */
const faults: readonly {
  readonly title: string;
  readonly spoil: (small: Repository) => void;
  readonly said: string;
}[] = [
  {
    title: "a source that changed since",
    spoil: (small) => small.write("core/one.ts", "export const one = 2;\n"),
    said:
      ".build/core/one.js is not made of core/one.ts as it is: run npm run build",
  },
  {
    title: "a built file that is missing",
    spoil: (small) => small.remove(".build/core/one.d.ts"),
    said: ".build/core/one.d.ts is missing: run npm run build",
  },
  {
    title: "a source that is missing",
    spoil: (small) => small.remove("core/one.ts"),
    said: "core/one.ts is missing: mod.ts imports it",
  },
  {
    title: "an entry point that is missing",
    spoil: (small) => small.remove("mod.ts"),
    said: 'mod.ts is missing: deno.json exports it as "."',
  },
  {
    title: "a document that is missing",
    spoil: (small) => small.remove("LICENSE"),
    said: "LICENSE is missing: the package needs it",
  },
  {
    title: "no layout",
    spoil: (small) => small.remove("scripts/npm_layout.txt"),
    said: "scripts/npm_layout.txt is missing: run npm run layout",
  },
  {
    title: "versions that disagree",
    spoil: (small) => small.json("package.json", { version: "1.2.4" }),
    said: "package.json has version 1.2.4, deno.json 1.2.3: " +
      "run npm version --no-git-tag-version --allow-same-version 1.2.3",
  },
  {
    title: "an import from the tests",
    spoil(small) {
      small.source("tests/two.ts", "export const two: number = 2;\n");
      small.source("mod.ts", `export { two } from "./tests/two.ts";\n`);
    },
    said:
      "tests/two.ts would be published: no entry point may import from tests/",
  },
  {
    title: "a file more",
    spoil(small) {
      small.source("core/two.ts", "export const two: number = 2;\n");
      small.source("mod.ts", `export { two } from "./core/two.ts";\n`);
      small.layout("mod");
    },
    said: "npm/ differs from scripts/npm_layout.txt: +esm/core/two.d.ts " +
      "+esm/core/two.js +esm/core/two.js.map; if that is meant, run npm run layout",
  },
  {
    title: "a file less",
    spoil: (small) => small.source("mod.ts", "export const one = 1;\n"),
    said: "npm/ differs from scripts/npm_layout.txt: -esm/core/one.d.ts " +
      "-esm/core/one.js -esm/core/one.js.map; if that is meant, run npm run layout",
  },
  {
    title: "a source map with an absolute path",
    spoil(small) {
      small.source("mod.ts", small.read("mod.ts"), ["/home/me/mod.ts"]);
    },
    said:
      "npm/esm/mod.js.map names /home/me/mod.ts: see the builder's source maps",
  },
  {
    title: "a source map that is not linked",
    spoil(small) {
      small.write(".build/mod.js", small.read("mod.ts"));
    },
    said:
      "npm/esm/mod.js does not link mod.js.map: see the builder's source maps",
  },
];

for (const { title, spoil, said } of faults) {
  test(
    `a package build tells of ${title} in one line`,
    inRepository((small) => {
      spoil(small);
      assert.deepEqual(small.build(), { status: 1, said });
    }),
  );
}

test(
  "a package build takes what the entry points reach, and nothing stale",
  inRepository((small) => {
    small.source("core/gone.ts", "export const gone = 0;\n");
    small.remove("core/gone.ts");
    small.write("npm/esm/core/gone.js", "");
    assert.deepEqual(small.build(), {
      status: 0,
      said: "@sockeye/small 1.2.3 in npm/, 10 files",
    });
    assert.ok(!small.has("npm/esm/core/gone.js"));
    assert.equal(
      small.read("npm/esm/mod.d.ts"),
      `export { one } from "./core/one.js";\n`,
      "types without a link to their map, and with the names that are there",
    );
    const { version, exports } = JSON.parse(small.read("npm/package.json"));
    assert.equal(version, "1.2.3");
    assert.deepEqual(exports["."], {
      types: "./esm/mod.d.ts",
      default: "./esm/mod.js",
    });
  }),
);

test(
  "types that lead out of the package are told of in one line",
  inRepository((small) => {
    for (
      const leading of [
        `/// <reference types="bun-types" />\n`,
        `export { one } from "./core/one.ts";\n`,
        `//# sourceMappingURL=mod.d.ts.map\n`,
      ]
    ) {
      assert.equal(small.build().status, 0);
      small.write("npm/esm/mod.d.ts", `export {};\n${leading}`);
      assert.deepEqual(small.finish(), {
        status: 1,
        said: "npm/esm/mod.d.ts leads to sources, or to types of others: " +
          "have the builder pass it through portableTypes",
      });
    }
  }),
);

test(
  "the builder by dnt makes the same package, or says what differs",
  inRepository((small) => {
    assert.equal(small.build().status, 0);
    const made = small.files("npm");
    const said = "@sockeye/small 1.2.3 in npm/, 10 files";
    assert.deepEqual(small.dnt("--tag", "v1.2.3"), { status: 0, said });
    assert.deepEqual(small.files("npm"), made);
    assert.equal(small.read("npm/esm/mod.d.ts"), made.get("esm/mod.d.ts"));
    assert.deepEqual(small.dnt("--tag", "v1.2.4"), {
      status: 1,
      said: "The tag is v1.2.4, the version 1.2.3: tag it v1.2.3",
    });
    small.write("shims", "esm/_dnt.shims.js");
    assert.deepEqual(small.dnt(), {
      status: 1,
      said: "npm/ differs from scripts/npm_layout.txt: +esm/_dnt.shims.js; " +
        "if that is meant, run npm run layout",
    });
    small.remove("core/one.ts");
    assert.deepEqual(small.dnt(), {
      status: 1,
      said: "core/one.ts is missing: mod.ts imports it",
    });
  }),
);

test(
  "tests of a built package that was not built say what to do",
  inRepository((small) => {
    assert.deepEqual(small.script("test_packed.mjs", "--built"), {
      status: 1,
      said: "npm/ is not built: run npm run build:dnt or build:npm, " +
        "or leave out --built",
    });
  }),
);

test(
  "the builder by dnt says what to do where JSR cannot be reached",
  inRepository((small) => {
    const { status, said } = small.dntWithoutJsr();
    assert.equal(status, 1);
    assert.match(
      said.split("\n").at(-1)!,
      /^dnt does not load \(.*\): see that JSR can be reached, or make the same package with npm run build:npm$/,
    );
  }),
);

test(
  "a test that leaked into a built package is told of in one line",
  inRepository((small) => {
    assert.equal(small.build().status, 0);
    small.write("npm/esm/core/one_test.js", "");
    assert.deepEqual(small.finish(), {
      status: 1,
      said:
        "npm/esm/core/one_test.js is a test: remove npm/ and build again, " +
        "and see that no published file imports tests",
    });
  }),
);

test(
  "a tree that may be released says so, and one that may not says all reasons",
  inRepository((small) => {
    small.publishable();
    small.write("CHANGELOG.md", "# Changelog\n\n## 1.2.3\n");
    assert.equal(small.check("--write").status, 0);
    small.commit();
    assert.deepEqual(small.release("v1.2.3"), {
      status: 0,
      said: "1.2.3 may be released",
    });
    small.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n");
    small.json("package-lock.json", { version: "1.2.2" });
    small.write("core/two.ts", "export const two: number = 2;\n");
    const { status, said } = small.release("v1.2.4");
    assert.equal(status, 1);
    assert.deepEqual(said.split("\n"), [
      "package-lock.json has version 1.2.2, deno.json 1.2.3: " +
      "run npm version --no-git-tag-version --allow-same-version 1.2.3",
      "The tag is v1.2.4, the version 1.2.3: tag it v1.2.3",
      'CHANGELOG.md begins with "## Unreleased", not with "## 1.2.3": ' +
      "give what is unreleased its version",
      "The tree is not clean: CHANGELOG.md, core/two.ts, package-lock.json; " +
      "commit or remove what is there",
      "package-lock.json has version 1.2.2, deno.json 1.2.3: " +
      "run npm version --no-git-tag-version --allow-same-version 1.2.3",
    ]);
    small.remove("package-lock.json");
    assert.match(
      small.release().said,
      /^core\/two\.ts is published, but no entry point reaches it: use it/m,
    );
  }),
);

test(
  "what JSR is given is what the entry points reach, and lists can be renewed",
  inRepository((small) => {
    small.publishable();
    small.remove("scripts/npm_layout.txt");
    assert.deepEqual(small.check("--write"), { status: 0, said: "" });
    assert.match(small.read("scripts/npm_layout.txt"), /^esm\/core\/one\.js$/m);
    small.write("core/one_test.ts", "export const leaked: number = 1;\n");
    small.write("core/two.ts", "export const two: number = 2;\n");
    assert.deepEqual(small.check(), {
      status: 1,
      said:
        "warning: core/two.ts is published, but no entry point reaches it\n" +
        "deno publish has other files than the entry points reach: " +
        "+core/one_test.ts; see publish.include in deno.json",
    });
  }),
);

test(
  "what deno publish warns of is told in one line",
  inRepository((small) => {
    small.publishable();
    assert.equal(small.check("--write").status, 0);
    small.write(
      "core/one.ts",
      `export const one: Promise<unknown> = import(String(1));\n`,
    );
    assert.deepEqual(small.check(), {
      status: 1,
      said: "deno publish warns of core/one.ts:1: unable to analyze dynamic " +
        "import; write it otherwise, or see what jsr_files.mjs allows",
    });
  }),
);
