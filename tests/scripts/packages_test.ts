/**
 * A build of the package that is not what it is to be fails with one line that
 * says what to do, in a small repository made for it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

/** A repository with one entry point, whose code is built. */
class Repository {
  readonly root: string = mkdtempSync(join(tmpdir(), "sockeye-"));

  constructor() {
    this.json("deno.json", {
      name: "@sockeye/small",
      version: "1.2.3",
      license: "MIT",
      exports: { ".": "./mod.ts" },
    });
    this.json("package.json", { name: "@sockeye/small", version: "1.2.3" });
    for (const name of ["CHANGELOG.md", "LICENSE", "README.md"]) {
      this.write(name, `${name}\n`);
    }
    this.source("mod.ts", `export { one } from "./core/one.ts";\n`);
    this.source("core/one.ts", "export const one: number = 1;\n");
    this.layout("core/one", "mod");
  }

  write(path: string, text: string): void {
    const target = join(this.root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }

  json(path: string, value: unknown): void {
    this.write(path, JSON.stringify(value));
  }

  /** Puts a source there, and what the compiler would make of it. */
  source(path: string, text: string, sources = [`../${path}`]): void {
    const stem = path.replace(/\.ts$/, "");
    const name = stem.slice(stem.lastIndexOf("/") + 1);
    this.write(path, text);
    this.write(
      `.build/${stem}.js`,
      `${text}//# sourceMappingURL=${name}.js.map`,
    );
    this.json(`.build/${stem}.js.map`, { sources, sourcesContent: [text] });
    this.write(
      `.build/${stem}.d.ts`,
      `${text}//# sourceMappingURL=${name}.d.ts.map`,
    );
  }

  /** Keeps a layout with these sources. */
  layout(...stems: string[]): void {
    const code = stems.flatMap((stem) =>
      [".d.ts", ".js", ".js.map"].map((end) => `esm/${stem}${end}`)
    );
    const documents = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
    this.write("scripts/npm_layout.txt", [...documents, ...code].join("\n"));
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** Builds the package; gives the status, and what was said. */
  build(): { status: number | null; said: string } {
    return this.#node(script("build_npm_tsc.mjs"), "--no-build");
  }

  /** Does what is left to do when the code is built, by whatever. */
  finish(): { status: number | null; said: string } {
    const url = (name: string) => pathToFileURL(script(name)).href;
    return this.#node(
      "--input-type=module",
      "--eval",
      `import { finishPackage } from "${url("npm_package.mjs")}";
       import { reportProblems } from "${url("npm_layout.mjs")}";
       await reportProblems(() => console.log(finishPackage()));`,
    );
  }

  check(...options: string[]): { status: number | null; said: string } {
    return this.#node(script("check_packages.mjs"), ...options);
  }

  #node(...args: string[]): { status: number | null; said: string } {
    const other = "deno" in process.versions || "bun" in process.versions;
    const node = other ? "node" : process.execPath;
    const { status, stdout, stderr } = spawnSync(node, args, {
      cwd: this.root,
      encoding: "utf8",
    });
    return { status, said: (stdout + stderr).trim() };
  }
}

function script(name: string): string {
  return resolve("scripts", name);
}

/** Runs a test in a repository of its own. */
function inRepository(play: (small: Repository) => void): () => void {
  return () => {
    const small = new Repository();
    try {
      play(small);
    } finally {
      small.remove(".");
    }
  };
}

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
  "what JSR is given is what the entry points reach, and lists can be renewed",
  inRepository((small) => {
    small.remove("scripts/npm_layout.txt");
    const description =
      "Portable sockets: one server file runs unchanged on Node, Deno and Bun.";
    small.json("package.json", {
      name: "@sockeye/small",
      version: "1.2.3",
      description,
    });
    small.remove(".build");
    const include = ["*.ts", "core", "*.md", "LICENSE", "deno.json"];
    const deno = JSON.parse(small.read("deno.json"));
    small.json("deno.json", { ...deno, publish: { include } });
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
