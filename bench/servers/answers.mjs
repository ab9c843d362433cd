// What the servers of strategies.mjs answer: HTTP, as much of it as wrk needs.
//
//   GET /        at once
//   GET /work    after some milliseconds of work
//   GET /stuck   never, and nothing else is done meanwhile

const close = "Connection: close\r\n";
const head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n";
const answers = {
  last: new TextEncoder().encode(`${head}${close}\r\nok\n`),
  other: new TextEncoder().encode(`${head}\r\nok\n`),
};

/** A million steps that no compiler leaves out: 1 to 3 ms. */
function work() {
  let x = 1;
  for (let i = 0; i < 1_000_000; i++) x = Math.imul(x, 48271) ^ (x >>> 15);
  return x;
}

export default {
  data(channel, bytes) {
    const request = new TextDecoder().decode(bytes); // wrk sends it in one piece
    if (request.startsWith("GET /stuck")) { for (;;); }
    if (request.startsWith("GET /work") && work() === 0) return;
    const last = request.includes(close);
    channel.send(last ? answers.last : answers.other);
    if (last) channel.end();
  },
};
