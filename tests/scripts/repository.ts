/**
 * A small repository, for tests of what builds and releases packages.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

/** How a script ended, and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly said: string;
}

/** A repository with one entry point, whose code is built. */
export class Repository {
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

  /** Makes of it what `deno publish` takes. */
  publishable(): void {
    const description =
      "Portable sockets: one server file runs unchanged on Node, Deno and Bun.";
    const { name, version } = JSON.parse(this.read("package.json"));
    this.json("package.json", { name, version, description });
    this.remove(".build");
    const include = ["*.ts", "core", "*.md", "LICENSE", "deno.json"];
    const deno = JSON.parse(this.read("deno.json"));
    this.json("deno.json", { ...deno, publish: { include } });
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** What is in a folder, by paths relative to it. */
  files(folder: string): Map<string, string> {
    const root = join(this.root, folder);
    const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(root, path)).isFile());
    return new Map(
      paths.sort().map((path) => [path, this.read(join(folder, path))]),
    );
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** Builds the package; gives the status, and what was said. */
  build(): Ended {
    return this.#node(script("build_npm_tsc.mjs"), "--no-build");
  }

  /** As `build`, by dnt: one that puts there what the compiler made. */
  dnt(...args: string[]): Ended {
    this.write("dnt.ts", standIn);
    this.json("import_map.json", {
      imports: {
        "@deno/dnt": "./dnt.ts",
        "@std/cli/parse-args": "./dnt.ts",
        "@std/assert": "./dnt.ts",
      },
    });
    return this.#deno(["--no-config", "--import-map=import_map.json"], args);
  }

  /** By the dnt of the repository, which comes from JSR, that is nowhere. */
  dntWithoutJsr(): Ended {
    return this.#deno([`--config=${resolve("deno.json")}`], []);
  }

  /** Does what is left to do when the code is built, by whatever. */
  finish(): Ended {
    const url = (name: string) => pathToFileURL(script(name)).href;
    return this.#node(
      "--input-type=module",
      "--eval",
      `import { finishPackage } from "${url("npm_package.mjs")}";
       import { reportProblems } from "${url("npm_layout.mjs")}";
       await reportProblems(() => console.log(finishPackage()));`,
    );
  }

  /** Runs one of our scripts there. */
  script(name: string, ...args: string[]): Ended {
    return this.#node(script(name), ...args);
  }

  check(...options: string[]): Ended {
    return this.#node(script("check_packages.mjs"), ...options);
  }

  release(...args: string[]): Ended {
    return this.#node(script("release_check.mjs"), ...args);
  }

  /** Commits everything. */
  commit(): void {
    const me = ["-c", "user.name=me", "-c", "user.email=me@example.org"];
    for (
      const args of [["init", "-q"], ["add", "-A"], [
        ...me,
        "commit",
        "-qm",
        "All of it",
      ]]
    ) {
      const { status, stderr } = spawnSync("git", args, { cwd: this.root });
      if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    }
  }

  #deno(options: string[], args: string[]): Ended {
    const deno = resolve("node_modules/.bin/deno");
    const { status, stdout, stderr } = spawnSync(
      deno,
      [
        "run",
        "--allow-all",
        "--quiet",
        "--no-check",
        "--no-lock",
        ...options,
        script("build_npm.ts"),
        ...args,
      ],
      {
        cwd: this.root,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1", JSR_URL: "http://127.0.0.1:9/" },
      },
    );
    return { status, said: (stdout + stderr).trim() };
  }

  #node(...args: string[]): Ended {
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
export function inRepository(play: (small: Repository) => void): () => void {
  return () => {
    const small = new Repository();
    try {
      play(small);
    } finally {
      small.remove(".");
    }
  };
}

/**
 * In the place of dnt, `@std/cli` and `@std/assert`, which cannot be had
 * everywhere: what our builder asks of them.
 */
const standIn = `
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
export function build({ outDir, package: json, shims, scriptModule }) {
  if (Object.keys(shims).length > 0 || scriptModule) throw new Error("other");
  cpSync(".build", outDir + "/esm", { recursive: true });
  writeFileSync(outDir + "/package.json", JSON.stringify(json));
  writeFileSync(outDir + "/.npmignore", "src");
  writeFileSync(outDir + "/esm/package.json", "{}");
  if (existsSync("shims")) {
    writeFileSync(outDir + "/" + readFileSync("shims", "utf8"), "");
  }
}
export function parseArgs([, tag]) {
  return { tag };
}
export function assert(holds) {
  if (!holds) throw new Error("not so");
}
export function assertEquals(one, other) {
  assert(JSON.stringify(one) === JSON.stringify(other));
}
`;
