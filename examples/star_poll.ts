/**
 * The classic poll server: an asterisk for every byte, for many clients at
 * once, in one loop around one `poll`.
 *
 *     deno run -A examples/star_poll.ts unix:star.sock tcp://:7000
 *
 * With `--idle-exit MS` it ends when no client has been there for so long; for
 * its first client it waits ten times that.
 */
import { type Connection, listen, type Listener } from "../mod.ts";
import * as posix from "../posix.ts";
import { messageOf, program, sayListening, whenStopped } from "./_program.ts";

const { POLLHUP, POLLIN, POLLNVAL, POLLOUT } = posix;

interface Entry extends posix.PollFd {
  fd: Listener | Connection;
  /** Asterisks that a client is still to be sent. */
  owed: number;
}

const fds: Entry[] = []; // what `poll` watches: listeners and clients, mixed
const buffer = new Uint8Array(512);
const asterisks = new Uint8Array(512).fill(0x2a);
let clients = 0, connections = 0, bytes = 0, errors = 0;

const usage = "star_poll.ts ADDRESS… [--idle-exit MS]";
await program(usage, async ({ addresses, milliseconds }) => {
  const idleExit = milliseconds("idle-exit", -1);
  const listeners: Listener[] = [];
  const stop = () => Promise.all(listeners.map((each) => each.close()));
  try {
    for (const address of addresses) listeners.push(await listen(address));
    for (const listener of listeners) watch(listener);
    whenStopped(() => void stop(), abortClients); // which `poll` tells
    sayListening(listeners.map(({ address }) => address));

    while (fds.length > 0) {
      const idle = connections > 0 ? idleExit : 10 * idleExit;
      if (await posix.poll(fds, clients > 0 ? -1 : idle) === 0) break;
      for (let i = 0; i < fds.length; i++) {
        if (fds[i]!.revents === 0 || handle(fds[i]!)) continue;
        fds[i] = fds.at(-1)!; // the last entry fills the gap …
        fds.pop();
        i--; // … and is looked at next
      }
    }
  } finally {
    await stop();
  }
  console.log(`${connections} connections, ${bytes} bytes, ${errors} errors`);
});

/** Does what an entry is ready for; false when the entry is to go. */
function handle(entry: Entry): boolean {
  const { fd, revents } = entry;
  if ("accept" in fd) return (revents & POLLIN) !== 0 && accept(fd);
  if ((revents & POLLNVAL) !== 0) return leave(fd, "did not leave in time");
  try {
    if ((revents & (POLLIN | POLLHUP)) !== 0) {
      const count = fd.tryRead(buffer);
      if (count === null) return leave(fd, "has ended");
      entry.owed += count ?? 0;
      bytes += count ?? 0;
    }
    entry.owed -= fd.tryWrite(asterisks.subarray(0, entry.owed));
    entry.events = entry.owed > 0 ? POLLOUT : POLLIN;
    return true;
  } catch (error) {
    errors++;
    return leave(fd, `is lost: ${messageOf(error)}`);
  }
}

function accept(listener: Listener): true {
  const connection = listener.tryAccept();
  if (connection === undefined) return true; // a spurious wake-up
  watch(connection);
  clients++;
  connections++;
  const { transport } = listener.address;
  console.log(`client ${connection.id} connected over ${transport}`);
  return true;
}

function watch(fd: Listener | Connection): void {
  fds.push({ fd, events: POLLIN, revents: 0, owed: 0 });
}

function leave(connection: Connection, why: string): false {
  console.log(`client ${connection.id} ${why}`);
  clients--;
  void connection.close(); // what is queued still goes out
  return false;
}

function abortClients(): void {
  for (const { fd } of fds) if (!("accept" in fd)) fd.abort();
}
