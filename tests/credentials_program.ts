/**
 * A server or a client as a process of some user.
 *
 * `serve ADDRESS OPTIONS` prints `listening`, for each connection its
 * credentials, for each refusal `refused CODE: message`; it ends with its input.
 * `call ADDRESS OPTIONS` prints `open` and sends `hello`, or prints its error.
 * Options are JSON.
 *
 * @module
 */
import process from "node:process";
import { connect, serve, type SockeyeError } from "../mod.ts";

const [verb, address = "", options = "{}"] = process.argv.slice(2);

function tell(error: unknown): string {
  const { code, message } = error as SockeyeError;
  return `${code}: ${message}`;
}

if (verb === "serve") {
  const server = await serve(address, async (connection) => {
    const { uid, claimedPid, how } = connection.credentials!;
    console.log(`${uid} ${claimedPid} ${how}`);
    for await (const bytes of connection) await connection.write(bytes);
  }, {
    ...JSON.parse(options),
    onError: (error: unknown) => console.log(`refused ${tell(error)}`),
  });
  console.log("listening");
  process.stdin.on("data", () => {});
  process.stdin.on("end", () => void server.close({ grace: 0 }));
} else {
  try {
    const connection = await connect(address, JSON.parse(options));
    console.log("open");
    await connection.write(new TextEncoder().encode("hello"));
    await connection.closeWrite();
    for await (const _ of connection);
    await connection.close();
  } catch (error) {
    console.log(tell(error));
  }
  process.stdin.on("data", () => {});
}
