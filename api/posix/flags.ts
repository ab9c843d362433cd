/**
 * The flags of poll(2), select(2) and epoll(7), with Linux's values.
 *
 * @module
 */

/**
 * A read gives bytes, the end or the error at once; a listener has a connection waiting.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { poll, POLLIN } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * const fds = [{ fd: socket, events: POLLIN, revents: 0 }];
 * assert.equal(await poll(fds, 0), 0); // a read would wait
 * await socket.send(new Uint8Array(1), socket.localAddress);
 * assert.equal(await poll(fds), 1);
 * await socket.close();
 * ```
 */
export const POLLIN = 0x1;
/**
 * Out-of-band data: accepted, never told.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { poll, POLLIN, POLLPRI } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * const fds = [{ fd: socket, events: POLLIN | POLLPRI, revents: 0 }];
 * await socket.send(new Uint8Array(1), socket.localAddress);
 * await poll(fds);
 * assert.equal(fds[0]?.revents, POLLIN);
 * await socket.close();
 * ```
 */
export const POLLPRI = 0x2;
/**
 * A write is taken at once, at least in part.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { poll, POLLIN, POLLOUT } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * const fds = [{ fd: socket, events: POLLIN | POLLOUT, revents: 0 }];
 * assert.equal(await poll(fds), 1); // at once: ask for it only with bytes in hand
 * assert.equal(fds[0]?.revents, POLLOUT);
 * await socket.close();
 * ```
 */
export const POLLOUT = 0x4;
/**
 * The connection failed. Told whether asked for or not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import { poll, POLLERR, POLLHUP } from "@sockeye/net/posix";
 *
 * const listener = await listen("mem:pollerr");
 * const client = await connect("mem:pollerr");
 * (await listener.accept()).abort();
 * const fds = [{ fd: client, events: 0, revents: 0 }];
 * await poll(fds);
 * assert.equal(fds[0]?.revents, POLLERR | POLLHUP);
 * await assert.rejects(client.read(), { code: "ECONNRESET" });
 * client.abort();
 * await listener.close();
 * ```
 */
export const POLLERR = 0x8;
/**
 * Both directions are over or the connection failed, and nothing remains to read. Told whether asked for or not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import { poll, POLLHUP } from "@sockeye/net/posix";
 *
 * const listener = await listen("mem:pollhup");
 * const client = await connect("mem:pollhup");
 * const peer = await listener.accept();
 * await peer.write(new Uint8Array(1));
 * for (const each of [client, peer]) await each.closeWrite();
 * const fds = [{ fd: client, events: 0, revents: 0 }];
 * assert.equal(await poll(fds, 0), 0); // a byte remains
 * await client.read();
 * await poll(fds);
 * assert.equal(fds[0]?.revents, POLLHUP);
 * for (const each of [client, peer, listener]) await each.close();
 * ```
 */
export const POLLHUP = 0x10;
/**
 * Closed here, or no source at all. Told whether asked for or not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import { poll, POLLIN, POLLNVAL } from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * await socket.close();
 * const fds = [{ fd: socket, events: POLLIN, revents: 0 }];
 * assert.equal(await poll(fds), 1); // it does not wait for what cannot come
 * assert.equal(fds[0]?.revents, POLLNVAL);
 * ```
 */
export const POLLNVAL = 0x20;
/**
 * The peer ended its direction; data may remain.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import { poll, POLLIN, POLLRDHUP } from "@sockeye/net/posix";
 *
 * const listener = await listen("mem:pollrdhup");
 * const client = await connect("mem:pollrdhup");
 * await (await listener.accept()).closeWrite();
 * const fds = [{ fd: client, events: POLLRDHUP, revents: 0 }];
 * await poll(fds);
 * assert.equal(fds[0]?.revents, POLLRDHUP); // and not POLLHUP: we may still send
 * client.abort();
 * await listener.close();
 * ```
 */
export const POLLRDHUP = 0x2000;

/**
 * As `POLLIN`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EPOLLIN, POLLIN } from "@sockeye/net/posix";
 *
 * assert.equal(EPOLLIN, POLLIN); // what poll told can be asked of epoll
 * ```
 */
export const EPOLLIN = 0x1;
/**
 * As `POLLPRI`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLPRI, data: null };
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * assert.equal(await posix.epoll_wait(epfd, [], 1, 0), 0);
 * await socket.close();
 * ```
 */
export const EPOLLPRI = 0x2;
/**
 * As `POLLOUT`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLOUT, data: null };
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1); // as long as there is room
 * await socket.close();
 * ```
 */
export const EPOLLOUT = 0x4;
/**
 * As `POLLERR`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EPOLLERR, EPOLLHUP } from "@sockeye/net/posix";
 *
 * const how = (told: number) => (told & EPOLLERR) !== 0 ? "failed" : "ended";
 * assert.equal(how(EPOLLHUP | EPOLLERR), "failed"); // a reset, say
 * assert.equal(how(EPOLLHUP), "ended");
 * ```
 */
export const EPOLLERR = 0x8;
/**
 * As `POLLHUP`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const listener = await listen("mem:epollhup");
 * const client = await connect("mem:epollhup");
 * using epfd = posix.epoll_create1();
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, client, { events: 0, data: null });
 * (await listener.accept()).abort();
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1); // until it is closed here
 * client.abort();
 * await listener.close();
 * ```
 */
export const EPOLLHUP = 0x10;
/**
 * As `POLLRDHUP`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EPOLLHUP, EPOLLIN, EPOLLRDHUP } from "@sockeye/net/posix";
 *
 * const mayAnswer = (told: number) =>
 *   (told & EPOLLRDHUP) !== 0 && (told & EPOLLHUP) === 0;
 * assert.ok(mayAnswer(EPOLLIN | EPOLLRDHUP)); // the request is complete
 * assert.ok(!mayAnswer(EPOLLIN | EPOLLRDHUP | EPOLLHUP)); // it is over
 * ```
 */
export const EPOLLRDHUP = 0x2000;
/**
 * Tell once for each arrival, not as long as the source is ready.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLIN | posix.EPOLLET, data: null };
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * await socket.send(new Uint8Array(1), socket.localAddress);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1);
 * assert.equal(await posix.epoll_wait(epfd, [], 1, 0), 0); // it is still unread
 * await socket.send(new Uint8Array(1), socket.localAddress);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1); // and one more came
 * await socket.close();
 * ```
 */
export const EPOLLET = 0x80000000;
/**
 * Tell once; then nothing until `EPOLL_CTL_MOD`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLOUT | posix.EPOLLONESHOT, data: null };
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1);
 * assert.equal(await posix.epoll_wait(epfd, [], 1, 0), 0);
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_MOD, socket, event);
 * assert.equal(await posix.epoll_wait(epfd, [], 1), 1);
 * await socket.close();
 * ```
 */
export const EPOLLONESHOT = 0x40000000;

/**
 * Watch a source.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLIN, data: null };
 * const add = () => posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * add();
 * assert.throws(add, { code: "EEXIST" });
 * await socket.close();
 * ```
 */
export const EPOLL_CTL_ADD = 1;
/**
 * Watch a source no longer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * const event = { events: posix.EPOLLIN, data: null };
 * posix.epoll_ctl(epfd, posix.EPOLL_CTL_ADD, socket, event);
 * const remove = () => posix.epoll_ctl(epfd, posix.EPOLL_CTL_DEL, socket);
 * remove(); // no event is needed
 * assert.throws(remove, { code: "ENOENT" });
 * await socket.close();
 * ```
 */
export const EPOLL_CTL_DEL = 2;
/**
 * Change what is waited for, and arm a one-shot again.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bind } from "@sockeye/net";
 * import * as posix from "@sockeye/net/posix";
 *
 * const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT } = posix;
 * const socket = await bind("mem:*");
 * using epfd = posix.epoll_create1();
 * posix.epoll_ctl(epfd, EPOLL_CTL_ADD, socket, { events: EPOLLIN, data: "read" });
 * const changed = { events: EPOLLOUT, data: "write" };
 * posix.epoll_ctl(epfd, EPOLL_CTL_MOD, socket, changed);
 * const told: posix.EpollEvent[] = [];
 * await posix.epoll_wait(epfd, told, 10);
 * assert.deepEqual(told, [changed]);
 * await socket.close();
 * ```
 */
export const EPOLL_CTL_MOD = 3;
/**
 * Accepted by {@linkcode epoll_create1}; nothing is inherited anyway.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EPOLL_CLOEXEC, epoll_create1 } from "@sockeye/net/posix";
 *
 * epoll_create1(EPOLL_CLOEXEC).close();
 * assert.throws(() => epoll_create1(1), { code: "EINVAL" }); // no other flag
 * ```
 */
export const EPOLL_CLOEXEC = 0x80000;
