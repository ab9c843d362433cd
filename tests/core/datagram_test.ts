/** The machine of a datagram socket: tables, conversations, and a model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Address, parseAddress } from "../../core/address.ts";
import {
  type DatagramLimits,
  DatagramMachine,
  type Outgoing,
} from "../../core/datagram.ts";
import {
  cannotReach,
  canonicalAddress,
  checkGroup,
  isNamed,
  isSamePeer,
} from "../../core/datagram/address.ts";
import type { ErrorCode } from "../../core/error.ts";

interface In {
  readonly bytes: { readonly length: number };
  readonly from: Address;
}

interface Out extends Outgoing {
  readonly id: string;
}

const udp = (text: string): Address => parseAddress(`udp://${text}`);
const local = udp("127.0.0.1:1");
const peer = udp("127.0.0.1:2");
const stranger = udp("127.0.0.1:3");
const limits: DatagramLimits = {
  queueDatagrams: 3,
  queueBytes: 100,
  maxQueued: 100_000,
  flushTimeout: 1000,
  sendsAtOnce: Infinity,
  broadcast: false,
  ipv6Only: false,
};

/** A machine with a stand-in for its driver, which notes what it is to do. */
class Conversation {
  readonly machine: DatagramMachine<In, Out>;
  readonly told: string[] = [];
  readonly outs = new Map<string, Out>();
  #seen = 0;
  now = 0;

  constructor(more: Partial<DatagramLimits> = {}) {
    this.machine = new DatagramMachine(local, { ...limits, ...more });
  }

  arrives(from: Address, length: number): boolean {
    return this.machine.handleDatagram({ bytes: { length }, from }, from);
  }

  sends(id: string, to?: string, length = 1): this {
    const address = to === undefined ? undefined : udp(to);
    assert.equal(this.machine.checkSend(length, address), undefined);
    const whither = address ?? this.machine.peer!;
    const out = { id, length, to: whither, refusals: 0 };
    this.outs.set(id, out);
    this.machine.queueSend(out);
    return this.drain();
  }

  found(id: string): this {
    this.machine.handleFound(this.outs.get(id)!);
    return this.drain();
  }

  sent(id: string, code?: ErrorCode): "settle" | "again" {
    const result = this.machine.handleSent(this.outs.get(id)!, code);
    this.drain();
    return result;
  }

  connected(to: Address): this {
    this.machine.connect(to);
    this.drain();
    assert.equal(this.told.pop(), "connect");
    this.machine.handleConnected(({ from }) => from);
    return this;
  }

  drain(): this {
    for (;;) {
      const command = this.machine.pollCommand();
      if (command === "wait") return this;
      if (command === "close" || command === "connect") {
        this.told.push(command);
      } else if (command === "lookup") {
        this.told.push(`lookup ${this.machine.outgoing!.id}`);
      } else this.told.push(`send ${this.machine.handleHanded().id}`);
    }
  }

  /** What was to be done since the last look. */
  expect(...told: string[]): this {
    assert.deepEqual(this.told.slice(this.#seen), told);
    this.#seen = this.told.length;
    return this;
  }
}

test("the queue is bounded by datagrams; the newest is dropped, and counted", () => {
  const { machine } = new Conversation();
  const arrive = (length: number) =>
    machine.handleDatagram({ bytes: { length }, from: peer }, peer);
  assert.deepEqual([0, 1, 2, 3, 4].map(arrive), [
    true,
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual(machine.counts, {
    received: 3,
    sent: 0,
    dropped: 2,
    filtered: 0,
  });
  assert.equal(machine.take()!.bytes.length, 0, "one of no bytes is one");
  assert.equal(arrive(9), true);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => machine.take()?.bytes.length),
    [1, 2, 9, undefined],
  );
});

test("the queue is bounded by bytes, but one datagram always fits", () => {
  const talk = new Conversation({ queueBytes: 10 });
  assert.equal(talk.arrives(peer, 60_000), true);
  assert.equal(talk.arrives(peer, 0), false);
  talk.machine.take();
  assert.equal(talk.arrives(peer, 6), true);
  assert.equal(talk.arrives(peer, 5), false);
  assert.equal(talk.arrives(peer, 4), true);
  assert.equal(talk.machine.counts.dropped, 2);
});

test("a peer's words are taken, strangers' are not, not even early ones", () => {
  const talk = new Conversation();
  const { machine } = talk;
  assert.ok(talk.arrives(stranger, 1) && talk.arrives(peer, 2));
  machine.connect(peer);
  talk.drain().expect("connect");
  assert.ok(talk.arrives(stranger, 3), "the system does not know the peer yet");
  machine.handleConnected(({ from }) => from);
  assert.equal(talk.arrives(stranger, 4), false);
  assert.deepEqual(machine.take()!.bytes.length, 2);
  assert.equal(machine.take(), undefined);
  assert.equal(machine.counts.filtered, 3);
  assert.equal(machine.counts.received, 1);
  machine.disconnect();
  assert.ok(talk.arrives(stranger, 5));
});

test("what goes to a name waits for the look-up, and what is behind it too", () => {
  const talk = new Conversation();
  talk.sends("a", "127.0.0.1:9").expect("send a");
  talk.sends("b", "host:9").expect("lookup b");
  talk.sends("c", "127.0.0.1:9").sends("d", "host:9").expect();
  talk.found("b").expect("send b", "send c", "lookup d");
  talk.found("b").found("c").expect();
  talk.machine.forget(talk.outs.get("d")!);
  talk.found("d").drain().expect();
  talk.sends("e", "127.0.0.1:9").expect("send e");
});

test("a look-up that is given up does not hold back the next", () => {
  const talk = new Conversation().sends("a", "host:9").sends("b", "other:9");
  talk.expect("lookup a");
  assert.equal(talk.machine.forget(talk.outs.get("a")!), true);
  talk.drain().expect("lookup b");
  talk.found("a").expect();
  talk.found("b").expect("send b");
  assert.equal(talk.machine.forget(talk.outs.get("b")!), false);
});

test("a peer is named behind all that was handed in before", () => {
  const talk = new Conversation({ sendsAtOnce: 1 });
  talk.sends("a", "host:9").sends("b", "127.0.0.1:9").expect("lookup a");
  talk.machine.connect(peer);
  assert.equal(talk.machine.checkSend(1, undefined), "ENOTCONN");
  talk.drain().expect();
  talk.found("a").expect("send a");
  talk.sent("a");
  talk.expect("send b");
  talk.sent("b");
  talk.expect("connect");
  assert.equal(talk.machine.peer, undefined);
  assert.equal(talk.machine.cancelConnect(), false, "the system was told");
  talk.machine.handleConnected(({ from }) => from);
  assert.equal(talk.machine.peer, peer);
});

test("a peer that nobody waits for any more is not named", () => {
  const talk = new Conversation().sends("a", "host:9").expect("lookup a");
  talk.machine.connect(peer);
  assert.equal(talk.machine.cancelConnect(), true);
  talk.found("a").expect("send a");
  talk.sent("a");
  talk.expect();
});

test("where sends would overtake each other, one is under way at a time", () => {
  const talk = new Conversation({ sendsAtOnce: 1 });
  talk.sends("a", "127.0.0.1:9").sends("b", "127.0.0.1:9").expect("send a");
  assert.equal(talk.sent("a", "ENETUNREACH"), "settle");
  talk.expect("send b");
  assert.equal(talk.machine.counts.sent, 0);
  talk.sent("b");
  assert.equal(talk.machine.counts.sent, 1);
});

test("a refusal is told to who receives, once; the send is tried again", () => {
  const talk = new Conversation().connected(peer).sends("a");
  assert.equal(talk.sent("a", "ECONNREFUSED"), "again");
  assert.ok(talk.machine.readable && talk.machine.hasFailure);
  assert.equal(talk.machine.takeFailure(), "ECONNREFUSED");
  assert.equal(talk.machine.takeFailure(), undefined);
  assert.equal(talk.sent("a"), "settle");
  assert.equal(talk.machine.counts.sent, 1);
});

test("a refusal that never ends is believed", () => {
  const talk = new Conversation().connected(peer).sends("a");
  const said = [1, 2, 3, 4].map(() => talk.sent("a", "ECONNREFUSED"));
  assert.deepEqual(said, ["again", "again", "again", "settle"]);
});

test("a refusal is forgotten when a datagram arrives, and with its peer", () => {
  const talk = new Conversation().connected(peer).sends("a");
  talk.machine.handleFailed("ECONNREFUSED");
  talk.arrives(peer, 1);
  assert.equal(talk.machine.takeFailure(), undefined);
  talk.machine.handleFailed("ECONNREFUSED");
  talk.sent("a");
  talk.connected(stranger);
  assert.equal(talk.machine.takeFailure(), undefined);
  talk.machine.handleFailed("ECONNREFUSED");
  assert.equal(talk.machine.takeFailure(), undefined, "it was sent nothing");
});

test("closing waits for what was handed in, and no longer than it may", () => {
  const done = new Conversation().sends("a", "127.0.0.1:9");
  done.machine.close(5);
  done.drain().expect("send a");
  assert.equal(done.machine.pollTimeout(), 1005);
  done.sent("a");
  done.expect("close");
  assert.equal(done.machine.pollTimeout(), Infinity);

  const late = new Conversation().sends("a", "host:9");
  late.machine.close(5);
  late.machine.handleTimeout(1004);
  late.drain().expect("lookup a");
  late.machine.handleTimeout(1005);
  late.drain().expect("close");
  late.machine.handleClosed();
  assert.equal(late.machine.pollLost()!.id, "a");
  assert.equal(late.machine.pollLost(), undefined);
});

test("a closed socket takes nothing, and says so", () => {
  const { machine } = new Conversation();
  machine.close(0);
  assert.equal(machine.checkSend(1, peer), "ERR_SOCKEYE_CLOSED");
  assert.equal(machine.checkConnect(peer), "ERR_SOCKEYE_CLOSED");
  const datagram = { bytes: { length: 1 }, from: peer };
  assert.equal(machine.handleDatagram(datagram, peer), false);
  machine.handleFailed("ECONNREFUSED");
  assert.equal(machine.readable, false);
  assert.equal(machine.writable, false);
});

test("what cannot be sent is known before the system is asked", () => {
  const open = new Conversation().machine;
  const connected = new Conversation().connected(peer).machine;
  const named = new Conversation().machine;
  named.connect(peer);
  const cases: [
    DatagramMachine<In, Out>,
    number,
    Address | undefined,
    string?,
  ][] = [
    [open, 65_507, peer],
    [open, 65_508, peer, "EMSGSIZE"],
    [open, 0, undefined, "ENOTCONN"],
    [open, 1, udp("[::1]:9"), "EAFNOSUPPORT"],
    [open, 1, udp("255.255.255.255:9"), "EACCES"],
    [open, 1, { transport: "mem", name: "x" }, "EAFNOSUPPORT"],
    [open, 1, udp("host:9")],
    [connected, 65_507, undefined],
    [connected, 65_508, undefined, "EMSGSIZE"],
    [connected, 1, peer, "ERR_SOCKEYE_STATE"],
    [named, 1, undefined, "ENOTCONN"],
    [named, 1, peer, "ERR_SOCKEYE_STATE"],
  ];
  for (const [machine, length, to, code] of cases) {
    assert.equal(machine.checkSend(length, to), code);
  }
  const full = new Conversation({ maxQueued: 1000 });
  full.sends("a", "127.0.0.1:9", 700);
  assert.equal(full.machine.checkSend(1, peer), "ENOBUFS");
  full.sent("a");
  assert.equal(full.machine.checkSend(1, peer), undefined);
});

test("writable goes away above 64 KiB, and comes back", () => {
  const talk = new Conversation({ sendsAtOnce: 1 });
  assert.equal(talk.machine.writable, true);
  talk.sends("a", "127.0.0.1:9", 60_000).sends("b", "127.0.0.1:9", 10_000);
  assert.equal(talk.machine.writable, false);
  talk.sent("a");
  assert.equal(talk.machine.writable, true);
});

/** From where: to which hosts it cannot be sent, and why. */
const reach: readonly [
  from: string,
  options: string,
  to: string,
  code?: ErrorCode,
][] = [
  ["127.0.0.1", "", "127.0.0.1"],
  ["127.0.0.1", "", "::1", "EAFNOSUPPORT"],
  ["0.0.0.0", "", "255.255.255.255", "EACCES"],
  ["0.0.0.0", "broadcast", "255.255.255.255"],
  ["::", "", "::1"],
  ["::", "", "127.0.0.1"],
  ["::", "ipv6Only", "127.0.0.1", "EAFNOSUPPORT"],
  ["::1", "", "127.0.0.1", "EAFNOSUPPORT"],
  ["::1", "", "a.name"],
];

for (const [from, options, to, code] of reach) {
  test(`from ${from} ${options} to ${to}: ${code ?? "can be sent"}`, () => {
    const wide = (host: string): Address => ({
      transport: "udp",
      host,
      port: 9,
    });
    const said = cannotReach(wide(from), wide(to), {
      broadcast: options === "broadcast",
      ipv6Only: options === "ipv6Only",
    });
    assert.equal(said, code);
  });
}

test("one peer has many spellings, and zones are the system's business", () => {
  const same = (one: string, other: string) =>
    isSamePeer(canonicalAddress(udp(one)), canonicalAddress(udp(other)));
  assert.ok(same("127.0.0.1:9", "[::ffff:127.0.0.1]:9"));
  assert.ok(same("[::1]:9", "[0:0::0:1]:9"));
  assert.ok(same("[fe80::1%eth0]:9", "[fe80::1%2]:9"));
  assert.ok(!same("127.0.0.1:9", "127.0.0.1:8"));
  assert.ok(!same("127.0.0.1:9", "127.0.0.2:9"));
  const mem = (name: string): Address => ({ transport: "mem", name });
  assert.ok(isSamePeer(mem("a"), mem("a")) && !isSamePeer(mem("a"), mem("b")));
  assert.ok(!isSamePeer(mem("a"), udp("127.0.0.1:9")));
  assert.ok(isNamed(udp("host:1")) && !isNamed(udp("[::1]:1")));
});

test("groups are joined by sockets of their family alone", () => {
  assert.equal(checkGroup(local, "239.1.2.3"), undefined);
  assert.equal(checkGroup(local, "127.0.0.1"), "EINVAL");
  assert.equal(checkGroup(local, "all.example"), "EINVAL");
  assert.equal(checkGroup(local, "ff02::1"), "EAFNOSUPPORT");
  assert.equal(checkGroup(udp("[::]:1"), "ff02::1"), undefined);
  assert.equal(checkGroup(udp("[::]:1"), "239.1.2.3"), "EAFNOSUPPORT");
  const memory: Address = { transport: "mem", name: "x" };
  assert.equal(checkGroup(memory, "239.1.2.3"), "ERR_SOCKEYE_UNSUPPORTED");
});

test("whatever happens: order kept, bounds kept, each send settled once", () => {
  const operation = fc.tuple(fc.nat(11), fc.nat(200));
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60 }),
      fc.constantFrom(1, 2, Infinity),
      (operations, sendsAtOnce) => {
        const model = new Model(sendsAtOnce);
        for (const [what, amount] of operations) model.step(what, amount);
        model.finish();
      },
    ),
    { numRuns: 2000 },
  );
});

/** Plays a driver and a system with random answers, and keeps its own books. */
class Model {
  readonly talk: Conversation;
  readonly #sendsAtOnce: number;
  readonly #queued: string[] = [];
  readonly #underWay: string[] = [];
  readonly #settled = new Set<string>();
  #looking: string | undefined;
  #looked = 0;
  #count = 0;
  #arrived = 0;
  #taken = 0;
  #closed = false;

  constructor(sendsAtOnce: number) {
    this.#sendsAtOnce = sendsAtOnce;
    this.talk = new Conversation({ sendsAtOnce });
  }

  step(what: number, amount: number): void {
    const { talk } = this;
    const { machine } = talk;
    if (what < 2) this.#send(what === 0 ? "127.0.0.1:9" : "host:9", amount);
    else if (what < 4) this.#arrive(what === 2 ? peer : stranger, amount);
    else if (what === 4) this.#taken += machine.take() === undefined ? 0 : 1;
    else if (what === 5 && this.#looking !== undefined) {
      talk.found(this.#looking);
      this.#looking = undefined;
    } else if (what < 9) this.#sent(amount);
    else if (what === 9) this.#forget(amount);
    else if (what === 10 && amount < 20) this.#close();
    else if (what === 11) machine.handleTimeout(amount * 10);
    this.#check();
  }

  #send(to: string, length: number): void {
    const { talk } = this;
    if (talk.machine.checkSend(length, udp(to)) !== undefined) return;
    const id = `${++this.#count}`;
    this.#queued.push(id);
    talk.sends(id, to, length);
  }

  #arrive(from: Address, length: number): void {
    if (this.talk.machine.state !== "open") return;
    this.#arrived++;
    this.talk.arrives(from, length);
  }

  #sent(amount: number): void {
    this.#check();
    const id = this.#underWay[amount % Math.max(1, this.#underWay.length)];
    if (id === undefined) return;
    const code = amount < 20 ? "ECONNREFUSED" : undefined;
    if (this.talk.sent(id, code) === "again") return;
    this.#underWay.splice(this.#underWay.indexOf(id), 1);
    this.#settle(id);
  }

  #forget(amount: number): void {
    this.#check();
    const id = this.#queued[amount % Math.max(1, this.#queued.length)];
    if (id === undefined) return;
    assert.equal(this.talk.machine.forget(this.talk.outs.get(id)!), true);
    this.#queued.splice(this.#queued.indexOf(id), 1);
    if (this.#looking === id) this.#looking = undefined;
    this.#settle(id);
    this.talk.drain();
  }

  #close(): void {
    this.talk.machine.close(0);
    this.talk.drain();
  }

  #settle(id: string): void {
    assert.ok(!this.#settled.has(id), `${id} is settled twice`);
    this.#settled.add(id);
  }

  /** Reads what was to be done, in order. */
  #check(): void {
    const { told, machine } = this.talk;
    for (; this.#looked < told.length; this.#looked++) {
      const [command, id] = told[this.#looked]!.split(" ");
      assert.ok(!this.#closed, "nothing is to be done after close");
      if (command === "close") this.#closed = true;
      else assert.equal(id, this.#queued[0], "in the order of the calls");
      if (command === "lookup") {
        assert.equal(this.#looking, undefined);
        this.#looking = id;
      } else if (command === "send") this.#underWay.push(this.#queued.shift()!);
    }
    assert.ok(this.#underWay.length <= this.#sendsAtOnce);
    assert.ok(machine.waiting <= limits.queueDatagrams);
    const { received, dropped, filtered } = machine.counts;
    assert.equal(received + dropped + filtered, this.#arrived);
    if (machine.state === "open") {
      assert.equal(machine.waiting, received - this.#taken);
    }
  }

  /** Closes in the end; all that was handed in is settled then. */
  finish(): void {
    const { machine } = this.talk;
    machine.close(0);
    machine.handleTimeout(1000);
    this.talk.drain();
    this.#check();
    assert.ok(this.#closed);
    machine.handleClosed();
    for (let lost; (lost = machine.pollLost()) !== undefined;) {
      this.#settle(lost.id);
    }
    assert.equal(this.#settled.size, this.#count);
    assert.equal(machine.pollTimeout(), Infinity);
  }
}
