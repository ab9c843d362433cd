// What is bundled for Node: a server and a client, and the runtime they found.
import { capabilities, connect, serve } from "@sockeye/net";

// CommonJS, which bundlers make as well, cannot await at the top.
void main();

async function main() {
  const server = await serve("tcp://:0", {
    data: (channel, bytes) => void channel.send(bytes),
  });
  const client = await connect(server.addresses[0]);
  await client.write(new Uint8Array([7]));
  const { runtime, features } = await capabilities();
  const { process, prefork, workers } = features;
  const support = [process, prefork, workers].map((each) => each.support);
  console.log("bundled", runtime, ...(await client.read()), ...support);
  client.abort();
  await server.close({ grace: 0 });
}
