// The bare echo server on Deno.listen, the faster of Deno's two socket APIs:
// what an expert writes by hand. One read waits for each connection, what it
// gave is written in full before the next, and the peer's end is answered.
//
//   deno run -A deno.mjs ADDRESS      prints "listening <address> <pid>"
const address = Deno.args[0] ?? "tcp://127.0.0.1:0";
const path = address.startsWith("unix:") ? address.slice(5) : undefined;
const { port, hostname } = new URL(path ? "tcp://x:0" : address);

const listener = path
  ? Deno.listen({ transport: "unix", path })
  : Deno.listen({ port: Number(port), hostname, tcpBacklog: 511 });
const name = path ? address : `tcp://${hostname}:${listener.addr.port}`;
console.log(`listening ${name} ${Deno.pid}`);

for (;;) {
  let conn;
  try {
    conn = await listener.accept();
  } catch {
    continue; // a client that has gone again
  }
  echo(conn);
}

async function echo(conn) {
  const buffer = new Uint8Array(65536);
  try {
    if (!path) conn.setNoDelay(true);
    for (;;) {
      const n = await conn.read(buffer);
      if (n === null) break;
      let taken = await conn.write(buffer.subarray(0, n));
      while (taken < n) taken += await conn.write(buffer.subarray(taken, n));
    }
    await conn.closeWrite();
  } catch { // a reset
  }
  conn.close();
}
