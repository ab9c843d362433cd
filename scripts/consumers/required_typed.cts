/** A TypeScript program in CommonJS; only compiled, from TypeScript 5.8 on. */
import net = require("@sockeye/net");

async function run(): Promise<net.Server> {
  const connection: net.Connection = await net.connect("tcp://:7000");
  connection.abort();
  return await net.serveExec("tcp://:0", ["cat"], { maxChildren: 2 });
}

export = run;
