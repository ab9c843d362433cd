/** Sockets for datagrams on the runtime's own network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { poll, POLLIN } from "../../posix.ts";
import { bytesOf, hear, textOf, withSockets } from "./ends.ts";

test(
  "udp: an answer goes to its sender, by receive, by iteration and by handler",
  withSockets(async (bind) => {
    const [one, other] = [await bind(), await bind()];
    await one.send(bytesOf("question"), other.localAddress);
    const { bytes, from } = await other.receive();
    assert.equal(textOf(bytes), "question");
    assert.deepEqual(from, one.localAddress);
    await other.send(bytesOf("answer"), from);
    for await (const datagram of one) {
      assert.equal(textOf(datagram.bytes), "answer");
      break;
    }
    const echo = await bind("udp://:0", {
      onDatagram: ({ bytes, from }, socket) => socket.send(bytes, from),
    });
    await one.send(bytesOf("echo"), echo.localAddress);
    assert.equal(await hear(one), "echo");
  }),
);

test(
  "udp: poll tells of a datagram, and of none",
  withSockets(async (bind) => {
    const [one, other] = [await bind(), await bind()];
    const fds = [{ fd: other, events: POLLIN, revents: 0 }];
    assert.equal(await poll(fds, 0), 0);
    await one.send(bytesOf("now"), other.localAddress);
    assert.equal(await poll(fds, 10_000), 1);
    assert.equal(fds[0]!.revents, POLLIN);
    assert.equal(textOf(other.tryReceive()!.bytes), "now");
    assert.equal(other.tryReceive(), undefined);
    assert.equal(await poll(fds, 0), 0);
  }),
);

test(
  "udp: a connected socket hears its peer alone",
  withSockets(async (bind) => {
    const [one, peer, stranger] = [await bind(), await bind(), await bind()];
    await stranger.send(bytesOf("early"), one.localAddress);
    await one.connect(peer.localAddress);
    await stranger.send(bytesOf("late"), one.localAddress);
    await one.send(bytesOf("hello"));
    assert.equal(await hear(peer), "hello");
    await peer.send(bytesOf("yes"), one.localAddress);
    assert.equal(await hear(one), "yes");
    one.disconnect();
    await stranger.send(bytesOf("again"), one.localAddress);
    assert.equal(await hear(one), "again");
  }),
);
