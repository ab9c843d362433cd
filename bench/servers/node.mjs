// The bare echo server on node:net, Node's only socket API: what an expert
// writes by hand. Bytes are echoed under backpressure, and the peer's end is
// answered once they are.
//
//   node node.mjs ADDRESS      prints "listening <address> <pid>"
import net from "node:net";
import process from "node:process";

const address = process.argv[2] ?? "tcp://127.0.0.1:0";
const path = address.startsWith("unix:") ? address.slice(5) : undefined;

const server = net.createServer(
  { allowHalfOpen: true, noDelay: true },
  (socket) => {
    socket.on("data", (bytes) => {
      if (!socket.write(bytes)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("end", () => socket.end());
    socket.on("error", () => {}); // a reset: `close` follows by itself
  },
);
const { port, hostname } = new URL(path ? "tcp://x:0" : address);
server.listen(path ? { path } : { port: Number(port), host: hostname }, () => {
  const at = server.address();
  const name = path ? address : `tcp://${at.address}:${at.port}`;
  console.log(`listening ${name} ${process.pid}`);
});
