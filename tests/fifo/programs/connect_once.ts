/** Listens, if `listen` is given, or connects: says `open`, or why not. */
import process from "node:process";
import { connect, listen } from "../../../mod.ts";

const [verb = "", address = ""] = process.argv.slice(2);
try {
  const made = verb === "listen"
    ? await listen(address)
    : await connect(address);
  process.stdout.write("open\n");
  await made.close();
} catch (error) {
  const { code, message } = error as Error & { code?: unknown };
  process.stdout.write(`${code} ${message}\n`);
}
