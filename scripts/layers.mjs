// The layers: who may import whom, and what each may name of its surroundings.
// Data only; check_layers.mjs applies it.

/**
 * @typedef {object} Layer
 * @property {string} name a folder, or a file at the top
 * @property {readonly string[]} imports the layers that it may import
 * @property {readonly string[]} [lazily] those that only `import()` may name
 * @property {boolean} [node] whether it may import `node:` modules
 * @property {boolean} [bun] whether it may import `bun` and `bun:` modules
 * @property {boolean} [packages] whether it may import packages
 * @property {Surroundings} [globals] absent where tsc and deno lint suffice
 * @property {boolean} [synchronous] neither async nor await
 * @property {boolean} [program] run as a process: it may wait at its top level
 * @property {boolean} [computed] it may import what it computes
 * @property {boolean} [internal] never published: it may end the process, wait
 * at its top level and import what it computes
 */

/**
 * What a layer may name that no file of ours declares.
 *
 * @typedef {object} Surroundings
 * @property {readonly string[]} platform names of the platform (DOM and the
 * like); everything of the kind that is not listed is refused
 * @property {readonly string[]} except names of the language that are refused
 */

/** Clocks, chance, chance of collection, and ways round this check. */
const impure = [
  "Atomics",
  "Date",
  "FinalizationRegistry",
  "Function",
  "Intl",
  "WeakRef",
  "eval",
  "globalThis",
];

/** @type {Surroundings} */
const pure = {
  platform: [],
  except: [
    ...impure,
    "AsyncGenerator",
    "AsyncIterable",
    "AsyncIterableIterator",
    "AsyncIterator",
    "Promise",
    "PromiseLike",
  ],
};

/** @type {Surroundings} */
const promisesAndStreams = {
  platform: [
    "AbortController",
    "AbortSignal",
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "DOMException",
    "QueuingStrategy",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "UnderlyingByteSource",
    "UnderlyingDefaultSource",
    "UnderlyingSink",
    "UnderlyingSource",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
  ],
  except: impure,
};

/** Members of allowed globals that tell the time or roll dice. */
export const impureMembers = ["AbortSignal.timeout", "Math.random"];

/** Nothing ends the process; programs set `process.exitCode`. */
export const endsProcess = ["Bun.exit", "Deno.exit", "process.exit"];

const adapters = ["node", "deno", "bun", "memory"].map((name) =>
  `adapters/${name}`
);
const published = [
  "core",
  "api",
  "adapters/_shared",
  ...adapters,
  "entries",
  "mod.ts",
  "posix.ts",
  "conformance",
  "conformance/programs",
  "cli",
];

/** @type {readonly Layer[]} */
export const layers = [
  { name: "core", imports: ["core"], globals: pure, synchronous: true },
  { name: "api", imports: ["core", "api"], globals: promisesAndStreams },
  { name: "adapters/_shared", imports: ["core"], node: true },
  { name: "adapters/node", imports: ["core", "adapters/_shared"], node: true },
  { name: "adapters/deno", imports: ["core", "adapters/_shared"], node: true },
  {
    name: "adapters/bun",
    imports: ["core", "adapters/_shared"],
    node: true,
    bun: true,
  },
  { name: "adapters/memory", imports: ["core"] },
  {
    name: "entries",
    // `child.ts` and `thread.ts` serve with the module that they are told.
    imports: ["core", "api", "adapters/_shared", ...adapters],
    computed: true,
  },
  {
    name: "mod.ts",
    // The simulated network is at home everywhere, behind `mem:` addresses.
    imports: ["core", "api", "adapters/memory"],
    lazily: adapters,
  },
  { name: "posix.ts", imports: ["core", "api", "mod.ts"] },
  {
    name: "cli",
    imports: ["core", "api", "entries", "mod.ts", "posix.ts"],
    node: true,
  },
  {
    name: "conformance/programs",
    imports: ["core", "api", "conformance", "mod.ts"],
    node: true,
    program: true,
    computed: true,
  },
  {
    name: "conformance",
    imports: ["core", "api", "conformance/programs", "mod.ts", "posix.ts"],
    node: true,
  },
  {
    name: "examples",
    program: true,
    imports: ["mod.ts", "posix.ts", "entries"],
    node: true,
    packages: true,
  },
  {
    name: "tests",
    imports: [...published, "examples", "bench", "scripts"],
    node: true,
    bun: true,
    packages: true,
    internal: true,
  },
  {
    name: "bench",
    imports: [...published, "examples"],
    node: true,
    bun: true,
    packages: true,
    internal: true,
  },
  {
    name: "scripts",
    imports: [...published, "examples", "bench"],
    node: true,
    packages: true,
    internal: true,
  },
];
