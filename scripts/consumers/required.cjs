// The package from CommonJS, where the runtime can: prints what came back.
const { connect, serve } = require("@sockeye/net");

async function main() {
  const server = await serve("tcp://:0", {
    data: (channel, bytes) => void channel.send(bytes),
  });
  const client = await connect(server.addresses[0]);
  await client.write(new Uint8Array([7]));
  console.log("required", ...(await client.read()));
  client.abort();
  await server.close({ grace: 0 });
}

main();
