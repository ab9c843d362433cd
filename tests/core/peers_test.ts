/** Who was heard of, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "../../core/address.ts";
import { Peers } from "../../core/datagram/peers.ts";

const peer = (port: number): Address => ({
  transport: "udp",
  host: "127.0.0.1",
  port,
});

const ports = (all: Iterable<{ readonly value: number }>): number[] =>
  [...all].map(({ value }) => value);

test("a peer expires when it was silent for so long, to the millisecond", () => {
  const peers = new Peers<number>({ idle: 100 });
  assert.equal(peers.pollTimeout(), Infinity);
  peers.heard(peer(1), 0, () => 1);
  peers.heard(peer(2), 40, () => 2);
  assert.equal(peers.pollTimeout(), 100);
  assert.deepEqual(ports(peers.expire(99)), []);
  peers.heard(peer(1), 99);
  assert.equal(peers.pollTimeout(), 140);
  assert.deepEqual(ports(peers.expire(140)), [2]);
  assert.deepEqual(ports(peers.expire(198)), []);
  assert.deepEqual(ports(peers.expire(199)), [1]);
  assert.equal(peers.size, 0);
});

test("what is kept for a peer is made once, and given by any spelling of the object", () => {
  const peers = new Peers<{ name: string }>();
  let made = 0;
  const make = () => ({ name: `peer ${++made}` });
  const first = peers.heard(peer(1), 0, make);
  assert.equal(peers.heard({ ...peer(1) }, 1, make), first);
  assert.equal(peers.get(peer(1)), first);
  assert.equal(made, 1);
  assert.equal(peers.heard(peer(2), 2), undefined);
  assert.equal(peers.size, 1);
  assert.deepEqual([...peers], [[peer(1), first]]);
  assert.equal(peers.delete(peer(1)), true);
  assert.equal(peers.delete(peer(1)), false);
  assert.equal(peers.get(peer(1)), undefined);
});

test("beyond the limit nobody new is taken in, and nobody is thrown out", () => {
  const peers = new Peers<number>({ idle: 10, max: 2 });
  assert.equal(peers.heard(peer(1), 0, () => 1), 1);
  assert.equal(peers.heard(peer(2), 0, () => 2), 2);
  assert.equal(peers.heard(peer(3), 0, () => assert.fail("made")), undefined);
  assert.equal(peers.heard(peer(1), 5), 1);
  peers.expire(10);
  assert.equal(peers.heard(peer(3), 10, () => 3), 3);
  assert.deepEqual([...peers].map(([, value]) => value), [1, 3]);
});

test("the longest silent come first, whatever happens between", () => {
  let seed = 3;
  const next = (most: number): number =>
    (seed = (seed * 48271) % 2147483647) % most;
  const peers = new Peers<number>({ idle: 50 });
  const heardAt = new Map<number, number>();
  for (let now = 0; now < 5000; now++) {
    const port = next(40);
    if (next(10) === 0) {
      assert.equal(peers.delete(peer(port)), heardAt.delete(port));
    } else {
      peers.heard(peer(port), now, () => port);
      heardAt.set(port, now);
    }
    const expected = [...heardAt].filter(([, at]) => at + 50 <= now)
      .sort(([, one], [, other]) => one - other).map(([port]) => port);
    for (const port of expected) heardAt.delete(port);
    assert.deepEqual(ports(peers.expire(now)), expected);
    const oldest = Math.min(...heardAt.values(), Infinity);
    assert.equal(peers.pollTimeout(), oldest + 50);
  }
});
