/**
 * Reverses lines, byte by byte, for many clients at once, around epoll.
 *
 *     deno run -A examples/reverse_epoll.ts tcp://:7000 --edge
 *
 * Level-triggered, one read for each event is enough: what remains is told
 * again. Edge-triggered (`--edge`), each arrival is told once, so it reads until
 * that would have to wait. A line is cut off at 64 KiB.
 */
import { type Connection, listen, type Listener } from "../mod.ts";
import * as posix from "../posix.ts";
import { messageOf, program, sayListening, whenStopped } from "./_program.ts";

const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT } = posix;
const MAX_EVENTS = 10, MAX_LINE = 65536, NEWLINE = 0x0a;

const epfd = posix.epoll_create1();
const lines = new Map<Connection, number[]>(); // of each client: the line begun
const buffer = new Uint8Array(4096);
let mode = 0, stopping = false;

await program("reverse_epoll.ts ADDRESS [--edge]", async (given) => {
  mode = given.flag("edge") ? EPOLLET : 0;
  const listener = await listen(given.addresses[0]);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  whenStopped(() => {
    stopping = true;
    void listener.close();
    if (lines.size === 0) epfd.close(); // ends the wait
  }, () => {
    for (const connection of lines.keys()) connection.abort();
    epfd.close();
  });
  sayListening([listener.address]);

  const events: posix.EpollEvent<Listener | Connection>[] = [];
  try {
    while (!stopping || lines.size > 0) {
      const count = await posix.epoll_wait(epfd, events, MAX_EVENTS, -1);
      for (const { data: source, events: ready } of events.slice(0, count)) {
        if ("accept" in source) accept(source);
        else handle(source, ready);
      }
    }
  } catch (error) {
    if (!stopping) throw error; // otherwise: epfd is closed
  }
  await listener.closed;
});

function watch(op: number, fd: Listener | Connection, events: number): void {
  posix.epoll_ctl(epfd, op, fd, { events: events | mode, data: fd });
}

function accept(listener: Listener): void {
  while (!stopping) {
    const connection = listener.tryAccept();
    if (connection === undefined) return;
    lines.set(connection, []);
    watch(EPOLL_CTL_ADD, connection, EPOLLIN);
  }
}

/** Answers what has come; after too much that was not fetched, waits for room. */
function handle(connection: Connection, ready: number): void {
  try {
    if (ready & EPOLLOUT) return watch(EPOLL_CTL_MOD, connection, EPOLLIN);
    do {
      const count = connection.tryRead(buffer);
      if (count === undefined) return;
      if (count === null) return leave(connection);
      if (answer(connection, buffer.subarray(0, count))) continue;
      return watch(EPOLL_CTL_MOD, connection, EPOLLOUT);
    } while (mode === EPOLLET);
  } catch (error) {
    console.error(messageOf(error));
    leave(connection);
  }
}

/** Sends back every whole line; false when the client does not fetch them. */
function answer(connection: Connection, bytes: Uint8Array): boolean {
  const line = lines.get(connection)!;
  let fetched = true;
  for (const byte of bytes) {
    if (byte !== NEWLINE) line.push(byte);
    if (byte !== NEWLINE && line.length < MAX_LINE) continue;
    fetched = connection.send(Uint8Array.from([...line.reverse(), NEWLINE]));
    line.length = 0;
  }
  return fetched;
}

/** Sends back what had no newline, then our end. */
function leave(connection: Connection): void {
  connection.send(Uint8Array.from(lines.get(connection)!.reverse()));
  lines.delete(connection);
  void connection.close();
}
