/** Binds until there is no descriptor left, then frees some, and binds again. */
import process from "node:process";
import { bind, type DatagramSocket } from "../../../mod.ts";

const sockets: DatagramSocket[] = [];
let code = "";
while (code === "") {
  await bind("udp://:0").then(
    (socket) => sockets.push(socket),
    (error) => code = error.code,
  );
}
await Promise.all(sockets.splice(0, 8).map((socket) => socket.close()));
const [one, other] = [await bind("udp://:0"), await bind("udp://:0")];
await one.send(new TextEncoder().encode("hello"), other.localAddress);
const { bytes } = await other.receive({ timeout: 10_000 });
const served = new TextDecoder().decode(bytes);
sockets.push(one, other);
await Promise.all(sockets.map((socket) => socket.close()));
process.stdout.write(JSON.stringify({ code, served }));
