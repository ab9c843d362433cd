// What the test runners of Node, Deno and Bun report of one file.

/** @typedef {import("./suite.mjs").Result} Result */

/**
 * @typedef {object} Report
 * @property {Result[]} results
 * @property {string[]} pending names of tests that began and did not end
 * @property {string[]} notes of the runner
 */

/**
 * Reads lines of node_reporter.mjs, the last maybe cut off.
 *
 * @param {string} report
 * @param {string} file
 * @returns {Report}
 */
export function parseNodeReport(report, file) {
  /** @type {Result[]} */
  const results = [];
  /** @type {string[]} */
  const pending = [];
  /** @type {string[]} */
  const notes = [];
  for (const line of report.split("\n").slice(0, -1)) {
    const { event, name, status, detail, text } = JSON.parse(line);
    if (event === "start") pending.push(name);
    if (event === "note") notes.push(text);
    if (event !== "end") continue;
    results.push({ file, name, status, detail });
    const index = pending.indexOf(name);
    if (index >= 0) pending.splice(index, 1);
  }
  return { results, pending, notes };
}

/**
 * Reads the junit reports of Deno and Bun: flat lists of `<testcase>`.
 *
 * @param {string} xml
 * @param {string} file
 * @returns {Report}
 */
export function parseJunit(xml, file) {
  /** @type {Result[]} */
  const results = [];
  const cases = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", body = ""] of xml.matchAll(cases)) {
    const failure = /<(?:failure|error)\b[^>]*?(?:\/>|>([\s\S]*?)<\/)/.exec(
      body,
    );
    results.push({
      file,
      name: attribute(attributes, "name") ?? "",
      status: failure !== null
        ? "failed"
        : /<skipped\b/.test(body)
        ? "skipped"
        : "passed",
      ...(failure === null ? {} : { detail: unescapeXml(failure[1] ?? "") }),
    });
  }
  return { results, pending: [], notes: [] };
}

/** @param {string} attributes @param {string} name */
function attribute(attributes, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  return value === undefined ? undefined : unescapeXml(value);
}

/** @param {string} text */
function unescapeXml(text) {
  return text
    .replace(
      /&#(x?)([0-9a-f]+);/gi,
      (_, hex, digits) =>
        String.fromCodePoint(Number.parseInt(digits, hex ? 16 : 10)),
    )
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
