/** A module whose process ends at once. */
import process from "node:process";

process.exit(7);
