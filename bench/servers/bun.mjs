// The bare echo server on Bun.listen, the faster of Bun's two socket APIs: what
// an expert writes by hand. `write` takes what the kernel takes; the rest is
// kept and reading is paused until it has gone; the peer's end is answered.
//
//   bun bun.mjs ADDRESS      prints "listening <address> <pid>"
import process from "node:process";

const address = process.argv[2] ?? "tcp://127.0.0.1:0";
const path = address.startsWith("unix:") ? address.slice(5) : undefined;
const { port, hostname } = new URL(path ? "tcp://x:0" : address);

const socket = {
  open(s) {
    s.data = { rest: [], ended: false };
    if (!path) s.setNoDelay(true);
  },
  data(s, bytes) {
    if (s.data.rest.length > 0) {
      s.data.rest.push(bytes); // came although paused: Bun cannot hold it back
      return;
    }
    const taken = s.write(bytes);
    if (taken < 0 || taken === bytes.length) return; // gone, or all of it
    s.data.rest.push(bytes.subarray(taken));
    s.pause();
  },
  drain(s) {
    const { rest } = s.data;
    while (rest.length > 0) {
      const taken = s.write(rest[0]);
      if (taken < 0) return;
      if (taken < rest[0].length) {
        rest[0] = rest[0].subarray(taken);
        return;
      }
      rest.shift();
    }
    if (s.data.ended) s.end();
    else s.resume();
  },
  end(s) {
    s.data.ended = true;
    if (s.data.rest.length === 0) s.end();
  },
  error() {},
};
const listener = path
  ? Bun.listen({ unix: path, allowHalfOpen: true, socket })
  : Bun.listen({ hostname, port: Number(port), allowHalfOpen: true, socket });
const name = path ? address : `tcp://${hostname}:${listener.port}`;
console.log(`listening ${name} ${process.pid}`);
