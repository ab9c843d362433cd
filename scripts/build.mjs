// `npm run build`: a clean build of everything into .build.
//
// The directory is removed first, since tsc leaves the outputs of sources that
// are gone.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import process from "node:process";

rmSync(".build", { recursive: true, force: true });
const { status } = spawnSync("node_modules/.bin/tsc", ["-b"], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
