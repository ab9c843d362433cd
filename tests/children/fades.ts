/** A module whose process ends soon after it has begun. */
import process from "node:process";

setTimeout(() => process.exit(3), 200);

export default { data: () => {} };
