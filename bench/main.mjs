// `npm run bench -- [loopback|strategies] [options]`: one of the benches.
import process from "node:process";

const benches = ["loopback", "strategies"];
const name = benches.includes(process.argv[2])
  ? process.argv.splice(2, 1)[0]
  : benches[0];
await import(`./${name}.mjs`);
