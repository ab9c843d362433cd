/** A runtime that relays what it accepts, through ports whose both ends are here. */
import { MessageChannel } from "node:worker_threads";
import { FramePort } from "../../adapters/_shared/threads/frame_port.ts";
import { RelayedSocket } from "../../adapters/_shared/threads/relay_socket.ts";
import { RelayedStream } from "../../adapters/_shared/threads/relay_stream.ts";
import { withMemory } from "../../adapters/memory/runtime.ts";
import type { Runtime } from "../../core/runtime.ts";
import type {
  ListenEvents,
  ListenHandle,
  StreamHandle,
} from "../../core/transport.ts";
import { loadAdapter } from "../../entries/adapter.ts";

/**
 * A port for each connection, closed with it, so that none keeps us alive. The
 * stream is there at once: a listener counts what it has accepted.
 */
function relay(connection: StreamHandle): StreamHandle {
  const { port1, port2 } = new MessageChannel();
  const [here, there] = [new FramePort(port1), new FramePort(port2)];
  const socket = new RelayedSocket(1, connection, here, () => {});
  const { localAddress, remoteAddress, credentials } = connection;
  const opened = { index: 0, localAddress, remoteAddress, credentials };
  const stream = new RelayedStream(1, opened, there, () => {
    there.close();
    here.close();
  });
  here.attach((kind, _id, value) => socket.heard(kind, value), () => {});
  there.attach((kind, _id, value) => stream.heard(kind, value), () => {});
  socket.open(0);
  return stream;
}

function relayed(handle: ListenHandle): ListenHandle {
  return {
    address: handle.address,
    acceptsOnDemand: handle.acceptsOnDemand,
    attach(events: ListenEvents): void {
      handle.attach({
        connection: (connection) => events.connection(relay(connection)),
        acceptFailed: (error) => events.acceptFailed(error),
        refused: (error) => events.refused(error),
        closed: (error) => events.closed(error),
      });
    },
    startAccept: () => handle.startAccept(),
    stopAccept: () => handle.stopAccept(),
    close: () => handle.close(),
  };
}

/** The runtime of this process, with its listeners relayed. */
export async function relayedRuntime(): Promise<Runtime> {
  const runtime = withMemory(await loadAdapter());
  return {
    ...runtime,
    listen: (at, request, events) =>
      runtime.listen(at, request, {
        listening: (handle) => events.listening(relayed(handle)),
        failed: (error) => events.failed(error),
      }),
  };
}
