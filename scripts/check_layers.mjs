// `node scripts/check_layers.mjs [DIRECTORY]`: whether every file keeps to its
// layer, as layers.mjs has it. A line `file:line: what` for each violation;
// the status is 1 if there is one. Files that grew long are warned of.
//
// Reads the code by the compiler's own parser and name resolution: a scanner
// of ours would have to guess which `Date` is a property, a local name or the
// clock. That interface of `typescript` is young, hence its exact version in
// package.json; it fails loudly if it changes.
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { SyntaxKind } from "typescript/unstable/ast";
import * as is from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/sync";
import { endsProcess, impureMembers, layers } from "./layers.mjs";

/** @typedef {import("typescript/unstable/ast").Node} Node */
/** @typedef {import("typescript/unstable/ast").SourceFile} SourceFile */
/** @typedef {import("typescript/unstable/sync").Project} Project */
/** @typedef {import("./layers.mjs").Layer} Layer */
/** @typedef {{ file: string, line: number, text: string }} Finding */

const LONG_FILE = 400;
const source = /\.(ts|mts|js|mjs)$/;
/** Folders that hold no code of ours, or none that is shipped or run. */
const ignored = new Set(["node_modules", "npm", "docs"]);

const root = realpathSync(process.argv[2] ?? ".");
const files = sourceFiles(root);
const findings = findViolations(root, files);
for (const { file, line, text } of findings) {
  console.log(`${file}:${line}: ${text}`);
}
for (const file of files) {
  const lines = readFileSync(join(root, file), "utf8").split("\n").length - 1;
  if (lines > LONG_FILE) {
    console.log(`warning: ${file} has ${lines} lines, more than ${LONG_FILE}`);
  }
}
process.exitCode = findings.length === 0 ? 0 : 1;

/** @param {string} directory */
function sourceFiles(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !ignored.has(name) && !name.startsWith("."))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(directory, entry.name), {
          recursive: true,
          encoding: "utf8",
        }).map((path) => `${entry.name}/${path}`)
        : [entry.name]
    )
    .filter((path) => source.test(path))
    .sort();
}

/**
 * @param {string} root
 * @param {readonly string[]} files
 * @returns {Finding[]}
 */
function findViolations(root, files) {
  const { project, close } = openProject(root, files);
  const findings = files.flatMap((file) => {
    const layer = layerOf(file);
    if (layer === undefined) {
      return [{ file, line: 1, text: "belongs to no layer, see layers.mjs" }];
    }
    const parsed = project.program.getSourceFile(join(root, file));
    if (parsed === undefined) throw new Error(`The compiler lost ${file}`);
    return checkFile(project, file, layer, parsed);
  });
  close();
  return findings;
}

/**
 * Opens all files as one project, with the language and the platform's names
 * but none of a runtime: what stays unresolved is a global as well.
 *
 * @param {string} root
 * @param {readonly string[]} files
 */
function openProject(root, files) {
  const path = join(root, "tsconfig.layers.json");
  const config = JSON.stringify({
    compilerOptions: {
      allowImportingTsExtensions: true,
      allowJs: true,
      lib: ["ESNext", "DOM"],
      module: "nodenext",
      noEmit: true,
      target: "esnext",
      types: [],
    },
    files,
  });
  const api = new API({
    cwd: root,
    fs: {
      readFile: (name) => name === path ? config : undefined,
      fileExists: (name) => name === path ? true : undefined,
    },
  });
  const project = api.updateSnapshot({ openProjects: [path] }).getProject(path);
  if (project === undefined) throw new Error("The compiler opens no project");
  return { project, close: () => api.close() };
}

/** @param {string} path relative to the root */
function layerOf(path) {
  return layers.find(({ name }) =>
    path === name || path.startsWith(`${name}/`)
  );
}

/**
 * @param {Project} project
 * @param {string} file
 * @param {Layer} layer
 * @param {SourceFile} parsed
 */
function checkFile(project, file, layer, parsed) {
  /** @type {Finding[]} */
  const findings = [];
  /** @type {Node[]} */
  const references = [];
  /** @param {Node} node @param {string | undefined} text */
  const report = (node, text) => {
    if (text === undefined) return;
    const at = parsed.getLineAndCharacterOfPosition(node.getStart(parsed));
    findings.push({ file, line: at.line + 1, text });
  };
  /** @param {Node} node @param {boolean} inFunction */
  const visit = (node, inFunction) => {
    report(node, checkImport(file, layer, node));
    report(node, checkWaiting(layer, node, inFunction));
    report(node, checkMember(layer, node));
    if (is.isIdentifier(node) && isReference(node)) references.push(node);
    const inside = inFunction || is.isFunctionLikeDeclaration(node);
    node.forEachChild((child) => visit(child, inside));
  };
  visit(parsed, false);
  if (layer.globals !== undefined) {
    const origins = originsOf(project, references);
    references.forEach((node, index) => {
      report(node, checkGlobal(layer, node.getText(parsed), origins[index]));
    });
  }
  return findings.sort((a, b) => a.line - b.line);
}

/**
 * @param {string} file
 * @param {Layer} layer
 * @param {Node} node
 */
function checkImport(file, layer, node) {
  if (is.isImportDeclaration(node) || is.isExportDeclaration(node)) {
    const from = node.moduleSpecifier;
    if (from === undefined) return undefined;
    return checkSpecifier(file, layer, specifier(from), false);
  }
  if (is.isImportTypeNode(node) && is.isLiteralTypeNode(node.argument)) {
    const from = specifier(node.argument.literal);
    return checkSpecifier(file, layer, from, false);
  }
  if (
    is.isCallExpression(node) &&
    node.expression.kind === SyntaxKind.ImportKeyword
  ) {
    const from = specifier(node.arguments[0]);
    if (from !== undefined) return checkSpecifier(file, layer, from, true);
    return layer.internal || layer.computed
      ? undefined
      : `import() takes a literal in ${layer.name}`;
  }
  return undefined;
}

/** @param {Node | undefined} node */
function specifier(node) {
  return node !== undefined && is.isStringLiteralLikeNode(node)
    ? node.text
    : undefined;
}

/**
 * @param {string} file
 * @param {Layer} layer
 * @param {string | undefined} from
 * @param {boolean} lazy whether by `import()`
 */
function checkSpecifier(file, layer, from = "", lazy) {
  const refused = `${layer.name} may not import ${from}`;
  if (from.startsWith("node:")) return layer.node ? undefined : refused;
  if (from === "bun" || from.startsWith("bun:")) {
    return layer.bun ? undefined : refused;
  }
  if (!/^\.\.?\//.test(from)) return layer.packages ? undefined : refused;
  const path = join(dirname(file), from);
  // What is never published may use the built copy, which is as its source.
  const target = layerOf(
    layer.internal ? path.replace(/^\.build\//, "") : path,
  );
  if (target === undefined) return `${refused}: it belongs to no layer`;
  if (target === layer || layer.imports.includes(target.name)) return undefined;
  if (!layer.lazily?.includes(target.name)) return refused;
  return lazy ? undefined : `${refused} but by import()`;
}

/**
 * @param {Layer} layer
 * @param {Node} node
 * @param {boolean} inFunction
 */
function checkWaiting(layer, node, inFunction) {
  if (layer.synchronous && node.kind === SyntaxKind.AsyncKeyword) {
    return `${layer.name} is synchronous: no async`;
  }
  const waits = is.isAwaitExpression(node) ||
    (is.isForOfStatement(node) && node.awaitModifier !== undefined);
  if (!waits) return undefined;
  if (layer.synchronous) return `${layer.name} is synchronous: no await`;
  if (inFunction || layer.internal || layer.program) return undefined;
  return `no await at the top level of ${layer.name}: require() must load it`;
}

/** @param {Layer} layer @param {Node} node */
function checkMember(layer, node) {
  if (!is.isPropertyAccessExpression(node)) return undefined;
  if (!is.isIdentifier(node.expression)) return undefined;
  const member = `${node.expression.text}.${node.name.text}`;
  if (layer.globals !== undefined && impureMembers.includes(member)) {
    return `${layer.name} may not use ${member}`;
  }
  return endsProcess.includes(member) && !layer.internal
    ? `${layer.name} may not use ${member}: set process.exitCode`
    : undefined;
}

/**
 * @param {Layer} layer
 * @param {string} name
 * @param {"ours" | "language" | "platform" | undefined} origin
 */
function checkGlobal({ name: layer, globals }, name, origin) {
  if (globals === undefined || origin === "ours") return undefined;
  const allowed = origin === "language"
    ? !globals.except.includes(name)
    : globals.platform.includes(name);
  return allowed ? undefined : `${layer} may not use ${name}`;
}

/**
 * Where the names come from; undefined for what no declaration tells.
 *
 * @param {Project} project
 * @param {readonly Node[]} references
 */
function originsOf({ checker, program }, references) {
  return checker.getSymbolAtLocation(references).map((symbol, index) => {
    const node = references[index];
    const found = node !== undefined && isShorthand(node)
      ? checker.getShorthandAssignmentValueSymbol(node.parent)
      : symbol;
    if (found === undefined) return undefined;
    if (found.name === "undefined" || found.name === "arguments") {
      return "language";
    }
    const paths = found.declarations.map(({ path }) => path);
    const library = paths.filter((path) =>
      program.getSourceFileMetadataByPath(path)?.isDefaultLibrary
    );
    if (library.length < paths.length) return "ours";
    if (library.some((path) => /\/lib\.es[^/]*\.d\.ts$/.test(path))) {
      return "language";
    }
    return library.length > 0 ? "platform" : undefined;
  });
}

/**
 * Whether an identifier refers to something, where other identifiers declare
 * it, or are the name of a property, a label or a part of an import.
 *
 * @param {import("typescript/unstable/ast").Identifier} node
 */
function isReference(node) {
  const parent = /** @type {any} */ (node.parent);
  if (is.isShorthandPropertyAssignment(parent)) return parent.name === node;
  // `x as const` is written as a reference to a type of that name.
  if (node.text === "const") return false;
  if (is.isImportSpecifier(parent) || is.isExportSpecifier(parent)) {
    return false;
  }
  if (is.isQualifiedName(parent) && parent.right === node) return false;
  return ![parent.name, parent.propertyName, parent.label, parent.qualifier]
    .includes(node);
}

/** @param {Node} node */
function isShorthand(node) {
  return is.isShorthandPropertyAssignment(node.parent);
}
