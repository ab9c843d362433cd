// A reporter for Node's test runner: one JSON line for each test that started
// or ended, written as it happens, so that a file that hangs still says where.
//
// Node's own junit reporter writes nothing before the file has ended.
import { inspect } from "node:util";

/** The totals at the end are diagnostics as well. */
const total = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

/** @param {AsyncIterable<{ type: string, data: any }>} source */
export default async function* reporter(source) {
  for await (const { type, data } of source) {
    // "test:start" would come when the test is reported, in order.
    if (type === "test:dequeue") {
      yield line({ event: "start", name: data.name });
    } else if (type === "test:pass" || type === "test:fail") {
      const skipped = data.skip !== undefined || data.todo !== undefined;
      const failed = type === "test:fail" && data.todo === undefined;
      yield line({
        event: "end",
        name: data.name,
        status: failed ? "failed" : skipped ? "skipped" : "passed",
        detail: failed ? describe(data.details.error) : undefined,
      });
    } else if (type === "test:diagnostic" && !total.test(data.message)) {
      yield line({ event: "note", text: data.message });
    }
  }
}

/** @param {Record<string, unknown>} record */
function line(record) {
  return `${JSON.stringify(record)}\n`;
}

/** The runner wraps what the test threw; the reader wants what the test threw. @param {any} error */
function describe(error) {
  return inspect(error?.cause ?? error, { depth: 6 });
}
