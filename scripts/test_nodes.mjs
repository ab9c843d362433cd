// `npm run test:nodes`: the suite on the other supported Nodes, which run the
// sources.
import process from "node:process";
import { refuseStaleModules } from "./node_modules.mjs";
import { otherNodes } from "./nodes.mjs";
import { report } from "./report.mjs";
import { findTests, runNode } from "./suite.mjs";

refuseStaleModules();
const files = findTests(process.argv.slice(2));
const { binaries, problems } = await otherNodes();
const runs = await Promise.all(
  binaries.map((binary) => runNode(files, { binary, compiled: false })),
);
process.exitCode = report(runs, problems) === 0 ? 0 : 1;
