// What is bundled for Node: a server and a client, and the runtime they found.
import { capabilities, connect, serve } from "@sockeye/net";

const server = await serve("tcp://:0", {
  data: (channel, bytes) => void channel.send(bytes),
});
const client = await connect(server.addresses[0]);
await client.write(new Uint8Array([7]));
const { runtime } = await capabilities();
console.log("bundled", runtime, ...(await client.read()));
client.abort();
await server.close({ grace: 0 });
