// A registry with one package in one version, as JSR lays it out: what `deno
// publish` would upload, file by file, with the graph of its modules.
//
// The layout is that of https://jsr.io/docs/api#jsr-registry-api: meta.json names the
// versions, VERSION_meta.json the exports, a checksum of each file, and what
// each module imports, which Deno then does not parse to know.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Problem } from "../npm_layout.mjs";
import { listen } from "./npm_registry.mjs";

/** @typedef {import("../npm_manifest.mjs").Manifest} Manifest */
/** @typedef {{ line: number, character: number }} Position */
/** @typedef {{ start: Position, end: Position }} Span */

/**
 * @param {Manifest} manifest
 * @param {readonly string[]} files what would be published
 */
export function serveJsr({ name, version, entries }, files) {
  const contents = new Map(
    files.map((path) => [`/${path}`, readFileSync(path)]),
  );
  const manifest = Object.fromEntries([...contents].map(([path, bytes]) => {
    const sum = createHash("sha256").update(bytes).digest("hex");
    return [path, { size: bytes.length, checksum: `sha256-${sum}` }];
  }));
  const exports = Object.fromEntries(
    Object.entries(entries).map((
      [subpath, source],
    ) => [subpath, `./${source}`]),
  );
  const moduleGraph2 = moduleGraph(Object.values(entries), files);
  const base = `/${name}/`;
  const documents = new Map([
    [`${base}meta.json`, {
      scope: name.slice(1, name.indexOf("/")),
      name: name.slice(name.indexOf("/") + 1),
      latest: version,
      versions: { [version]: {} },
    }],
    [`${base}${version}_meta.json`, { manifest, moduleGraph2, exports }],
  ]);
  /** @type {string[]} */
  const asked = [];
  return listen(
    createServer(({ url = "" }, response) => {
      asked.push(url);
      const document = documents.get(url);
      if (document !== undefined) {
        response.setHeader("content-type", "application/json");
        return response.end(JSON.stringify(document));
      }
      const bytes = url.startsWith(`${base}${version}/`)
        ? contents.get(url.slice(base.length + version.length))
        : undefined;
      if (url.endsWith(".ts")) {
        response.setHeader("content-type", "text/typescript");
      }
      response.statusCode = bytes === undefined ? 404 : 200;
      response.end(bytes);
    }),
    asked,
  );
}

/**
 * What each module imports, and where it says so, as Deno itself sees it.
 *
 * @param {readonly string[]} entries
 * @param {readonly string[]} files
 */
function moduleGraph(entries, files) {
  /** @type {Record<string, object>} */
  const graph = {};
  for (const entry of entries) {
    for (const { specifier, dependencies = [] } of modulesOf(entry)) {
      const path = files.find((file) =>
        specifier === pathToFileURL(resolve(file)).href
      );
      if (path === undefined) continue;
      const text = readFileSync(path, "utf8");
      graph[`/${path}`] = describe(dependencies, text);
    }
  }
  return graph;
}

/** @param {string} entry */
function modulesOf(entry) {
  const { status, stdout, stderr } = spawnSync(
    resolve("node_modules/.bin/deno"),
    ["info", "--json", "--no-lock", entry],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  if (status !== 0) throw new Problem(`deno info ${entry} says ${stderr}`);
  return JSON.parse(stdout).modules;
}

/**
 * @param {readonly { specifier: string, isDynamic?: boolean, code?: { span: Span }, type?: { span: Span } }[]} dependencies
 * @param {string} text
 */
function describe(dependencies, text) {
  const tsReferences = [];
  const described = [];
  for (const { specifier, isDynamic, code, type } of dependencies) {
    const { start, end } = /** @type {{ span: Span }} */ (code ?? type).span;
    const range = [start, end].map(({ line, character }) => [line, character]);
    if (text.split("\n")[start.line]?.startsWith("/// <reference types")) {
      tsReferences.push({ type: "types", text: specifier, range });
    } else if (isDynamic) {
      described.push({
        type: "dynamic",
        argument: specifier,
        argumentRange: range,
      });
    } else {
      described.push({
        type: "static",
        kind: code === undefined ? "importType" : "import",
        specifier,
        specifierRange: range,
      });
    }
  }
  return {
    ...(described.length > 0 && { dependencies: described }),
    ...(tsReferences.length > 0 && { tsReferences }),
  };
}
