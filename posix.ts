/**
 * poll(2), select(2) and epoll(7) by their own names, over `Poller`.
 *
 * What differs from C is the same everywhere: a descriptor is the connection
 * or listener itself; the calls are awaited; what C reports by -1 and `errno`
 * is thrown as a `SockeyeError` with that code; times are milliseconds; there
 * are no signals, hence no `EINTR`, `ppoll` or `pselect`, and no out-of-band
 * data, hence `POLLPRI` is accepted and never told. A source that was closed
 * here is a closed descriptor. The values of the flags are Linux's.
 *
 * ```ts
 * import { connect, listen } from "@sockeye/net";
 * import { poll, POLLIN } from "@sockeye/net/posix";
 *
 * const listener = await listen("mem:polled");
 * const client = await connect("mem:polled");
 * const fds = [{ fd: listener, events: POLLIN, revents: 0 }];
 * console.log(await poll(fds, 1000), fds[0]!.revents === POLLIN); // 1 true
 * client.abort();
 * await listener.close();
 * ```
 *
 * @module
 */
import { AnyWaiter, waitUntil } from "./api/any_of.ts";
import { PollEvents } from "./api/poll_events.ts";
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLRDHUP,
} from "./api/posix/flags.ts";
import type { ReadinessSource } from "./api/source.ts";
import { SockeyeError } from "./core/error.ts";
import {
  ERROR,
  GONE,
  HUP,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "./core/readiness.ts";
import type { Scheduler } from "./core/runtime.ts";
import { Poller } from "./mod.ts";

export * from "./api/posix/flags.ts";

/**
 * One entry of {@linkcode poll}: `struct pollfd`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { poll, type PollFd, POLLIN, POLLOUT } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * const fds: PollFd[] = [
 *   { fd: socket, events: POLLIN | POLLOUT, revents: 0 },
 *   { fd: null, events: POLLIN, revents: 0 }, // a free slot
 * ];
 * assert.equal(await poll(fds), 1);
 * assert.deepEqual(fds.map(({ revents }) => revents), [POLLOUT, 0]);
 * await socket.close();
 * ```
 */
export interface PollFd<S extends ReadinessSource = ReadinessSource> {
  /** What is asked about; an entry with `null` or a negative number is skipped. */
  fd: S | number | null;
  /** Bits that are asked for. */
  events: number;
  /** Bits that hold, filled by `poll`. */
  revents: number;
}

/**
 * Waits until one of the sources is ready: poll(2).
 *
 * Costs time in proportion to the number of entries, as there; `Poller` and
 * epoll do not. An entry may occur twice. Two polls may wait at once.
 *
 * A source that is no source, and one that was closed here, is `POLLNVAL`. One
 * that ended or failed by itself is `POLLHUP` until it is closed here.
 *
 * @param fds `revents` is set in each of them
 * @param timeout ms; a negative one (the default is -1) waits as long as it
 * takes; 0 looks at what is ready now, having let the runtime's loop turn twice
 * if that is nothing
 * @returns how many entries have `revents`, 0 at the timeout
 * @throws {SockeyeError} `EINVAL` if the timeout is no number or above 2147483647
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import { poll, type PollFd, POLLIN } from "@sockeye/net/posix";
 *
 * const listener = await listen("tcp://127.0.0.1:0");
 * const fds: PollFd[] = [{ fd: listener, events: POLLIN, revents: 0 }];
 * assert.equal(await poll(fds, 10), 0); // nobody within 10 ms
 * const client = await connect(listener.address);
 * assert.equal(await poll(fds), 1);
 * assert.equal(fds[0]?.revents, POLLIN);
 * client.abort();
 * await listener.close();
 * ```
 */
export function poll(fds: PollFd[], timeout = -1): Promise<number> {
  const looked = {
    look: () => lookAt(fds),
    sources: () => fds.map(({ fd }) => fd).filter(isSource),
  };
  return waiter.wait(looked, timeout < 0 ? -1 : timeout);
}

const waiter: AnyWaiter = new AnyWaiter(() => new Poller());

function lookAt(fds: PollFd[]): number {
  let count = 0;
  for (let i = 0; i < fds.length; i++) {
    const entry = fds[i]!;
    const { fd } = entry;
    entry.revents = 0;
    if (isSkipped(fd)) continue;
    const held = isSource(fd) ? pollBits[fd.readiness]! : POLLNVAL;
    entry.revents = held & (entry.events | POLLERR | POLLHUP | POLLNVAL);
    if (entry.revents !== 0) count++;
  }
  return count;
}

function isSkipped(fd: unknown): boolean {
  return fd === null || fd === undefined || (typeof fd === "number" && fd < 0);
}

/** By readiness: the bits of poll(2) and epoll(7). */
const pollBits = Int32Array.from({ length: 64 }, (_, ready) => {
  if ((ready & GONE) !== 0) return POLLNVAL;
  return (ready & READABLE ? POLLIN : 0) |
    (ready & WRITABLE ? POLLOUT : 0) |
    (ready & READ_CLOSED ? POLLRDHUP : 0) |
    (ready & HUP ? POLLHUP : 0) |
    (ready & ERROR ? POLLERR : 0);
});

/**
 * The three sets of {@linkcode select}, each optional: `fd_set`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { select, type SelectSets } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * const sets: SelectSets = { read: new Set([socket]), write: new Set([socket]) };
 * assert.equal(await select(sets), 1);
 * assert.equal(sets.read?.size, 0); // nothing has come
 * assert.ok(sets.write?.has(socket));
 * await socket.close();
 * ```
 */
export interface SelectSets<S extends ReadinessSource = ReadinessSource> {
  /** A read gives bytes, the end or the error at once; a listener has a connection waiting. */
  read?: Set<S>;
  /** A write is taken at once, or fails at once. */
  write?: Set<S>;
  /** The connection failed, and nothing remains to read. (There are no other exceptional conditions.) */
  error?: Set<S>;
}

/**
 * Waits until one of the sources is ready: select(2).
 *
 * As there, the sets are changed in place: only who is ready is left in them,
 * nobody at the timeout; hand in fresh ones each time. There is no `nfds` and no
 * `FD_SETSIZE`.
 *
 * @param timeout ms; -1, `null` or none waits as long as it takes (a null
 * pointer there); 0 looks at what is ready now
 * @returns how many sources are left in the three sets together
 * @throws {SockeyeError} `EBADF` if a source was closed here, or is none, and
 * the sets are as they were; `EINVAL` for any other timeout
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import { select } from "@sockeye/net/posix";
 *
 * const listener = await listen("tcp://127.0.0.1:0");
 * const client = await connect(listener.address);
 * const read = new Set([listener]);
 * assert.equal(await select({ read }, 1000), 1);
 * if (read.has(listener)) (await listener.accept()).abort();
 * client.abort();
 * await listener.close();
 * ```
 */
export async function select(
  sets: SelectSets,
  timeout: number | null = -1,
): Promise<number> {
  refuseBad(sets);
  const { read, write, error } = sets;
  const looked = {
    look: () => countAll(sets),
    sources: () => [...read ?? [], ...write ?? [], ...error ?? []],
  };
  const count = await waiter.wait(looked, timeout ?? -1);
  refuseBad(sets);
  prune(read, readBits);
  prune(write, writeBits);
  prune(error, ERROR);
  return count;
}

/** A read or a write that fails at once does not block either. */
const readBits = READABLE | HUP | ERROR;
const writeBits = WRITABLE | HUP | ERROR;

type SourceSet = Set<ReadinessSource> | undefined;

function refuseBad({ read, write, error }: SelectSets): void {
  for (const set of [read, write, error]) {
    if (set !== undefined && !(set instanceof Set)) {
      throw invalid("select: expected sets of sources");
    }
    for (const source of set ?? []) {
      if (!isSource(source) || isGone(source)) throw badDescriptor("select");
    }
  }
}

function countAll({ read, write, error }: SelectSets): number {
  return countReady(read, readBits) + countReady(write, writeBits) +
    countReady(error, ERROR);
}

/** One that was closed meanwhile counts as well: it is refused afterwards. */
function countReady(set: SourceSet, bits: number): number {
  let count = 0;
  for (const source of set ?? []) {
    if ((source.readiness & (bits | GONE)) !== 0) count++;
  }
  return count;
}

function prune(set: SourceSet, bits: number): void {
  for (const source of set ?? []) {
    if ((source.readiness & bits) === 0) set!.delete(source);
  }
}

/**
 * An epoll instance, from {@linkcode epoll_create1}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Epoll, epoll_create1, epoll_wait } from "@sockeye/net/posix";
 *
 * const epfd: Epoll = epoll_create1(); // `using` closes it by itself
 * const waiting = epoll_wait(epfd, [], 1);
 * epfd.close();
 * await assert.rejects(waiting, { code: "EBADF" });
 * ```
 */
export interface Epoll extends Disposable {
  /** As close(2) of the descriptor: forgets all sources, and ends the wait that is on. Idempotent. */
  close(): void;
}

/**
 * What is waited for at a source, or what holds: `struct epoll_event`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, {
 *   events: posix.EPOLLIN | posix.EPOLLOUT | posix.EPOLLET,
 *   data: "socket",
 * });
 * const told: posix.EpollEvent<string>[] = []; // one for each wait, used again
 * await posix.epoll_wait(epfd, told, 10);
 * assert.deepEqual(told, [{ events: posix.EPOLLOUT, data: "socket" }]);
 * await socket.close();
 * ```
 */
export interface EpollEvent<T = unknown> {
  /** Bits, and `EPOLLET` and `EPOLLONESHOT` where it is handed in. */
  events: number;
  /** Yours: handed in with {@linkcode epoll_ctl}, given back with each event. */
  data: T;
}

class EpollInstance implements Epoll {
  readonly poller: Poller<{ data: unknown }> = new Poller();
  events: PollEvents<{ data: unknown }> = new PollEvents(1);
  runtime: Scheduler | undefined;
  closed = false;

  close(): void {
    this.closed = true;
    this.poller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes an epoll instance: epoll_create1(2).
 *
 * @param flags 0 or `EPOLL_CLOEXEC`
 * @throws {SockeyeError} `EINVAL` for other flags
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type Listener } from "@sockeye/net";
 * import {
 *   EPOLL_CTL_ADD,
 *   epoll_create1,
 *   epoll_ctl,
 *   epoll_wait,
 *   type EpollEvent,
 *   EPOLLIN,
 * } from "@sockeye/net/posix";
 *
 * const listener = await listen("tcp://127.0.0.1:0");
 * const client = await connect(listener.address);
 * const epfd = epoll_create1(0);
 * epoll_ctl(epfd, EPOLL_CTL_ADD, listener, { events: EPOLLIN, data: listener });
 * const events: EpollEvent<Listener>[] = [];
 * assert.equal(await epoll_wait(epfd, events, 10, 1000), 1);
 * assert.equal(events[0]?.data, listener);
 * epfd.close();
 * client.abort();
 * await listener.close();
 * ```
 */
export function epoll_create1(flags = 0): Epoll {
  if (flags !== 0 && flags !== EPOLL_CLOEXEC) {
    throw invalid(`make an epoll instance: flags are ${flags}`);
  }
  return new EpollInstance();
}

const epollMode = (EPOLLET | EPOLLONESHOT) >>> 0;
const epollBits = (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP |
  EPOLLRDHUP | epollMode) >>> 0;

/**
 * Adds, changes or removes a source: epoll_ctl(2). Takes effect at once, also
 * for an {@linkcode epoll_wait} that is on.
 *
 * As there, `EPOLL_CTL_MOD` replaces `data` as well, and tells a source that is
 * ready now once more, also with `EPOLLET`; and a source that is closed is
 * forgotten without `EPOLL_CTL_DEL`.
 *
 * @param event needed for `EPOLL_CTL_ADD` and `EPOLL_CTL_MOD`
 * @throws {SockeyeError} `EBADF` if the instance or the source was closed here,
 * or is none; `EEXIST` to add one twice; `ENOENT` to change or remove one that
 * was not added; `EINVAL` for an unknown operation, a missing event, and flags
 * that have no meaning here (`EPOLLEXCLUSIVE`, `EPOLLWAKEUP` and others)
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sockeye/net";
 * import {
 *   EPOLL_CTL_ADD,
 *   EPOLL_CTL_MOD,
 *   epoll_create1,
 *   epoll_ctl,
 *   EPOLLET,
 *   EPOLLIN,
 *   EPOLLOUT,
 * } from "@sockeye/net/posix";
 *
 * const listener = await listen("tcp://:0");
 * const client = await connect(listener.address);
 * const epfd = epoll_create1();
 * epoll_ctl(epfd, EPOLL_CTL_ADD, client, { events: EPOLLIN, data: client });
 * epoll_ctl(epfd, EPOLL_CTL_MOD, client, {
 *   events: EPOLLIN | EPOLLOUT | EPOLLET,
 *   data: client,
 * });
 * epfd.close();
 * client.abort();
 * await listener.close();
 * ```
 */
export function epoll_ctl(
  epfd: Epoll,
  op: number,
  fd: ReadinessSource,
  event?: EpollEvent,
): void {
  const instance = instanceOf(epfd, "epoll_ctl");
  if (!isSource(fd) || isGone(fd)) throw badDescriptor("epoll_ctl");
  if (op === EPOLL_CTL_DEL) return instance.poller.remove(fd);
  if (op !== EPOLL_CTL_ADD && op !== EPOLL_CTL_MOD) {
    throw invalid(`epoll_ctl: operation is ${op}`);
  }
  if (event === undefined) throw invalid("epoll_ctl: an event is needed");
  const { events, data } = event;
  if ((events & ~epollBits) !== 0 || !Number.isInteger(events)) {
    throw invalid(`epoll_ctl: events are ${events}, some have no meaning here`);
  }
  const interest = {
    readable: (events & EPOLLIN) !== 0,
    writable: (events & EPOLLOUT) !== 0,
    readClosed: (events & EPOLLRDHUP) !== 0,
    edge: (events & EPOLLET) !== 0,
    oneShot: (events & EPOLLONESHOT) !== 0,
  };
  if (op === EPOLL_CTL_ADD) instance.poller.add(fd, interest, { data });
  else instance.poller.modify(fd, interest, { data });
  instance.runtime ??= fd.runtime;
}

/**
 * Waits until sources are ready: epoll_wait(2).
 *
 * @param events filled from its begin; its objects are used again, missing ones
 * are made, those behind the result are left as they are
 * @param maxevents events to be given at most, 1 to 1048576; where more sources
 * are ready they are served in turn
 * @param timeout ms; a negative one (the default is -1) waits as long as it
 * takes; 0 looks at what is ready now, having let the runtime's loop turn twice
 * if that is nothing
 * @returns how many events were filled in, 0 at the timeout
 * @throws {SockeyeError} `EBADF` if the instance is closed, before or meanwhile;
 * `EINVAL` for a bad `maxevents` or timeout; `ERR_SOCKEYE_STATE` if another wait
 * of this instance is on (there, threads may share one)
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sockeye/net";
 * import {
 *   EPOLL_CTL_ADD,
 *   epoll_create1,
 *   epoll_ctl,
 *   epoll_wait,
 *   type EpollEvent,
 *   EPOLLOUT,
 * } from "@sockeye/net/posix";
 *
 * const listener = await listen("tcp://:0");
 * const client = await connect(listener.address);
 * const epfd = epoll_create1();
 * epoll_ctl(epfd, EPOLL_CTL_ADD, client, { events: EPOLLOUT, data: "client" });
 * const events: EpollEvent<string>[] = [];
 * const count = await epoll_wait(epfd, events, 10, 1000);
 * console.log(count, events[0]?.data); // 1 client
 * epfd.close();
 * client.abort();
 * await listener.close();
 * ```
 */
export async function epoll_wait<T>(
  epfd: Epoll,
  events: EpollEvent<T>[],
  maxevents: number,
  timeout = -1,
): Promise<number> {
  const instance = instanceOf(epfd, "epoll_wait");
  if (instance.events.capacity !== maxevents) {
    instance.events = new PollEvents(maxevents);
  }
  try {
    return await waitUntil(
      instance.poller,
      instance.events,
      timeout < 0 ? -1 : timeout,
      instance.runtime,
      () => fillEvents(instance.events, events),
    );
  } catch (error) {
    if (instance.closed) throw badDescriptor("epoll_wait");
    throw error;
  }
}

function fillEvents<T>(
  from: PollEvents<{ data: unknown }>,
  to: EpollEvent<T>[],
): number {
  let count = 0;
  for (const event of from) {
    const data = event.data.data as T;
    const slot = to[count++] ??= { events: 0, data };
    slot.events = pollBits[event.ready]!;
    slot.data = data;
  }
  return count;
}

function instanceOf(epfd: Epoll, action: string): EpollInstance {
  if (!(epfd instanceof EpollInstance)) {
    throw invalid(`${action}: it is no epoll instance`);
  }
  if (epfd.closed) throw badDescriptor(action);
  return epfd;
}

function isSource(fd: unknown): fd is ReadinessSource {
  return typeof fd === "object" && fd !== null && "readiness" in fd &&
    typeof fd.readiness === "number";
}

function isGone(source: ReadinessSource): boolean {
  return (source.readiness & GONE) !== 0;
}

function badDescriptor(action: string): SockeyeError {
  return new SockeyeError(
    "EBADF",
    `Cannot ${action}: it is closed, or nothing that can be watched`,
  );
}

function invalid(what: string): SockeyeError {
  return new SockeyeError("EINVAL", `Cannot ${what}`);
}
