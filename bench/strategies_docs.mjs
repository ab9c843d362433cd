// The table and the picture of docs/strategies.md, from what strategies.mjs has
// measured: docs/strategies.json.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const files = {
  data: path.join(root, "docs", "strategies.json"),
  page: path.join(root, "docs", "strategies.md"),
  picture: path.join(root, "docs", "strategies.svg"),
};

// ---- what is measured ----

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString("en");
/** @param {number} value */
const fine = (value) => value >= 100 ? whole(value) : value.toPrecision(2);
/** @param {number} kib */
const bytes = (kib) =>
  kib >= 1024 ? `${fine(kib / 1024)} MiB` : `${fine(kib)} KiB`;

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} column its head in the table
 * @property {string} [title] over its panel in the picture, where it has one
 * @property {(value: number) => string} show
 * @property {string} [none] what to say where there is no value
 * @property {"log" | "linear"} [axis]
 */

/** @typedef {{ median: number, min: number, max: number }} Summary */

/**
 * @typedef {object} Row
 * @property {string} runtime with its version
 * @property {string} strategy
 * @property {Record<string, Summary | null>} measured
 */

/**
 * What strategies.mjs reports.
 *
 * @typedef {object} Data
 * @property {number} rounds
 * @property {number} seconds
 * @property {{ processors: number, model: string, kernel: string, load: number[], note: string }} machine
 * @property {Record<string, number>} idleConnections
 * @property {Row[]} rows
 */

/**
 * The measures, in the order of the table.
 *
 * @type {readonly Measure[]}
 */
export const measures = [
  {
    name: "connectionsPerSecond",
    column: "connections/s",
    title: "Connections for each second (8 at a time)",
    show: whole,
    axis: "log",
  },
  { name: "restMib", column: "at rest, MiB", show: whole },
  {
    name: "perConnectionKib",
    column: "each connection",
    title: "Memory for each idle connection (PSS)",
    show: bytes,
    axis: "log",
  },
  { name: "quietMs", column: "answer, ms", show: fine },
  {
    name: "besideMs",
    column: "beside a stuck one, ms",
    title: "Answer beside a stuck client, median, ms",
    show: fine,
    none: "nobody is answered",
    axis: "log",
  },
  {
    name: "besideP99Ms",
    column: "99 % within, ms",
    show: fine,
    none: "never",
  },
  {
    name: "cores",
    column: "two cores",
    title: "Work done by two cores, loop = 1",
    show: (value) => value.toFixed(2),
    axis: "linear",
  },
];

/**
 * The middle and the ends of what several rounds have shown; null if one has
 * shown nothing.
 *
 * @param {readonly (number | null | undefined)[]} values
 * @returns {Summary | null}
 */
export function summarise(values) {
  const sorted = values.filter((value) => typeof value === "number")
    .sort((a, b) => a - b);
  if (sorted.length < values.length || sorted.length === 0) return null;
  const at = (/** @type {number} */ index) => sorted[index] ?? NaN;
  const round = (/** @type {number} */ value) => Number(value.toPrecision(4));
  const middle = (sorted.length - 1) / 2;
  return {
    median: round((at(Math.floor(middle)) + at(Math.ceil(middle))) / 2),
    min: round(at(0)),
    max: round(at(sorted.length - 1)),
  };
}

// ---- the table ----

/**
 * @param {Measure} measure
 * @param {Summary | null | undefined} summary
 */
function cell({ show, none = "–" }, summary) {
  if (!summary) return none;
  const median = show(summary.median);
  const [min, max] = [show(summary.min), show(summary.max)];
  return min === max ? median : `${median} (${min}–${max})`;
}

/** @param {Data} data */
function table({ rows }) {
  const head = ["", "", ...measures.map(({ column }) => column)];
  let runtime = "";
  const body = rows.map((row) => {
    const first = row.runtime === runtime ? "" : row.runtime;
    runtime = row.runtime;
    const cells = measures.map((each) => cell(each, row.measured[each.name]));
    return [first, `\`${row.strategy}\``, ...cells];
  });
  const widths = head.map((_, i) =>
    Math.max(3, ...[head, ...body].map((line) => line[i]?.length ?? 0))
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 3)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...body.map(line)].join("\n");
}

/** @param {Data} data */
function conditions({ machine, rounds, seconds, idleConnections }) {
  const { processors, model, kernel, load, note } = machine;
  return `${rounds} rounds of ${seconds} s for each figure: the median, and in ` +
    `parentheses the least and the most. ${processors} processors (${model}), ` +
    `Linux ${kernel}; load average ${load.join(", ")} at the end. ` +
    `${note}${
      note ? " " : ""
    }Memory is PSS of all processes of a server; what a ` +
    `connection costs is from ${idleConnections.loop} idle ones, with ` +
    `\`process\` from ${idleConnections.process}.`;
}

/**
 * Lines of at most 80 characters, as `deno fmt` has them.
 *
 * @param {string} text
 */
function wrap(text) {
  /** @type {string[]} */
  const lines = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length <= 80) line = `${line} ${word}`.trim();
    else [line] = [word, lines.push(line)];
  }
  return [...lines, line].join("\n");
}

const mark = {
  begin: "<!-- Generated from strategies.json: npm run bench -- strategies " +
    "--write measures\nanew, node scripts/strategies.mjs only writes. -->",
  end: "<!-- end -->",
};

/**
 * @param {string} text
 * @param {Data} data
 */
function page(text, data) {
  const begin = text.indexOf("<!-- Generated from strategies.json");
  const end = text.indexOf(mark.end);
  if (begin < 0 || end < begin) throw new Error(`No marks in ${files.page}`);
  return `${text.slice(0, begin)}${mark.begin}\n\n${table(data)}\n\n${
    wrap(conditions(data))
  }\n\n${text.slice(end)}`;
}

// ---- the picture ----

/** @type {Record<string, string>} */
const colours = { Node: "#0072b2", Deno: "#009e73", Bun: "#d55e00" };
const panel = { width: 480, left: 76, right: 88, top: 40, row: 15, gap: 9 };

/**
 * An element as `deno fmt` has it: one on a line, what is within indented.
 *
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string | string[]} [within] text, or elements
 */
function element(name, attributes, within) {
  const all = Object.entries(attributes).map(([key, value]) =>
    ` ${key}="${typeof value === "number" ? Number(value.toFixed(1)) : value}"`
  ).join("");
  if (within === undefined) return `<${name}${all} />`;
  if (typeof within === "string") return `<${name}${all}>${within}</${name}>`;
  const lines = within.join("\n").replaceAll(/^/gm, "  ");
  return `<${name}${all}>\n${lines}\n</${name}>`;
}

/** @type {(x: number, y: number, text: string) => string} */
const words = (x, y, text) => element("text", { x, y }, text);

/**
 * Four panels: a dot for each median, a line from the least to the most.
 *
 * @param {Data} data
 */
function picture({ rows }) {
  const shown = measures.filter(({ axis }) => axis !== undefined);
  const strategies = [...new Set(rows.map(({ strategy }) => strategy))];
  const runtimes = [...new Set(rows.map(({ runtime }) => runtime))];
  const height = panel.top + 30 +
    strategies.length * (runtimes.length * panel.row + panel.gap);
  const panels = shown.map((measure, i) => {
    const at = [i % 2 * panel.width, 30 + Math.floor(i / 2) * height];
    return element(
      "g",
      { transform: `translate(${at.join(" ")})` },
      onePanel(measure, rows, strategies, height),
    );
  });
  const [width, all] = [2 * panel.width, 30 + 2 * height];
  const xmlns = "http://www.w3.org/2000/svg";
  const font = { "font-family": "system-ui, sans-serif", "font-size": 11 };
  const svg = element("svg", { xmlns, viewBox: `0 0 ${width} ${all}` }, [
    element("title", {}, "The strategies of serve beside each other"),
    element("rect", { width, height: all, fill: "#fff" }),
    element("g", { ...font, fill: "#222" }, [...legend(runtimes), ...panels]),
  ]);
  return `<!-- Generated from strategies.json by scripts/strategies.mjs. -->\n${svg}\n`;
}

/** @param {readonly string[]} runtimes */
function legend(runtimes) {
  return runtimes.flatMap((runtime, i) => [
    dot(20 + i * 110, 18, colourOf(runtime)),
    words(30 + i * 110, 22, runtime),
  ]);
}

/** @type {(cx: number, cy: number, fill: string) => string} */
const dot = (cx, cy, fill) => element("circle", { cx, cy, r: 4, fill });

/** @param {string} runtime */
function colourOf(runtime) {
  return colours[runtime.split(" ")[0] ?? ""] ?? "#555";
}

/**
 * @param {Measure} measure
 * @param {readonly Row[]} rows
 * @param {readonly string[]} strategies
 * @param {number} height
 */
function onePanel(measure, rows, strategies, height) {
  const scale = scaleOf(measure, rows);
  const bold = { "font-size": 13, "font-weight": 600 };
  const parts = [element("g", bold, [words(12, 20, measure.title ?? "")])];
  for (const tick of scale.ticks) {
    const x = Number(scale.at(tick).toFixed(1));
    const d = `M${x} ${panel.top - 8}V${height - 22}`;
    const middle = { "text-anchor": "middle", fill: "#666" };
    parts.push(
      element("path", { d, stroke: "#ddd" }),
      element("text", { x, y: height - 9, ...middle }, measure.show(tick)),
    );
  }
  let y = panel.top;
  for (const strategy of strategies) {
    const group = rows.filter((row) => row.strategy === strategy);
    parts.push(words(12, y + (group.length - 1) * panel.row / 2 + 4, strategy));
    for (const row of group) {
      parts.push(...oneDot(measure, row, scale, y));
      y += panel.row;
    }
    y += panel.gap;
  }
  return parts;
}

/**
 * @param {Measure} measure
 * @param {Row} row
 * @param {Scale} scale
 * @param {number} y
 */
function oneDot({ name, show, none = "–" }, row, scale, y) {
  const summary = row.measured[name], stroke = colourOf(row.runtime);
  if (!summary) return [words(panel.left + 8, y + 4, none)];
  const [min, max] = [scale.at(summary.min), scale.at(summary.max)];
  const d = `M${min.toFixed(1)} ${y}H${max.toFixed(1)}`;
  return [
    element("path", { d, stroke, "stroke-width": 2 }),
    dot(scale.at(summary.median), y, stroke),
    words(max + 8, y + 4, show(summary.median)),
  ];
}

/** @typedef {{ ticks: number[], at: (value: number) => number }} Scale */

/**
 * Where a value stands, and the lines to read it by.
 *
 * @param {Measure} measure
 * @param {readonly Row[]} rows
 * @returns {Scale}
 */
function scaleOf({ name, axis }, rows) {
  const all = rows.map(({ measured }) => measured[name])
    .flatMap((summary) => summary ? [summary.min, summary.max] : [])
    .filter((value) => value > 0);
  const log = axis === "log";
  const low = log ? 10 ** Math.floor(Math.log10(Math.min(...all))) : 0;
  const high = log
    ? 10 **
      Math.max(Math.ceil(Math.log10(Math.max(...all))), Math.log10(low) + 1)
    : Math.ceil(Math.max(...all));
  const share = (/** @type {number} */ value) =>
    log ? Math.log(value / low) / Math.log(high / low) : value / high;
  const width = panel.width - panel.left - panel.right;
  const ticks = [];
  for (
    let tick = log ? low : 0;
    tick <= high * 1.001;
    tick = log ? tick * 10 : tick + 0.5
  ) ticks.push(tick);
  return {
    ticks,
    at: (value) =>
      panel.left + 8 + Math.min(Math.max(share(value), 0), 1) * width,
  };
}

// ---- the files ----

/**
 * What the files should be, by their names; the data as they are if not given.
 *
 * @param {Data} data
 */
export function made(data = JSON.parse(fs.readFileSync(files.data, "utf8"))) {
  return {
    [files.data]: `${JSON.stringify(data, null, 2)}\n`,
    [files.page]: page(fs.readFileSync(files.page, "utf8"), data),
    [files.picture]: picture(data),
  };
}

/**
 * Writes them.
 *
 * @param {Data} [data]
 */
export function write(data) {
  for (const [file, text] of Object.entries(made(data))) {
    fs.writeFileSync(file, text);
  }
}
