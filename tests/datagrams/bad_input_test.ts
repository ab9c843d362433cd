/** Bad input to datagram sockets: a typed error each, and the socket goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AddressLike,
  bind as bindAny,
  type BindOptions,
  connect,
  listen,
  serve,
} from "../../mod.ts";
import { fails, rejects } from "../bad_input.ts";
import { bytesOf, hear, portOf, withSockets } from "./ends.ts";

const bindOptions: readonly [name: string, ...values: unknown[]][] = [
  ["queueDatagrams", 0, -1, 1.5, NaN, "10", null],
  ["queueBytes", 0, -1, NaN, "64k"],
  ["maxQueued", 0, -1, NaN, {}],
  ["flushTimeout", -1, NaN, "1"],
  ["broadcast", 1, "yes", null],
  ["reuseAddress", 1, "yes"],
  ["ipv6Only", 0, null],
  ["ttl", 0, 256, 1.5, "64", NaN, Infinity],
  ["multicastTtl", -1, 256, 0.5, "1"],
  ["multicastLoopback", 1, "no"],
  ["multicastInterface", 1, {}, true],
  ["receiveBuffer", 0, -1, 1.5, 2 ** 31, "1"],
  ["sendBuffer", 0, -1, 1.5, 2 ** 31, "1"],
  ["onDatagram", 1, "log", {}],
  ["onError", 5, {}],
];

for (const [name, ...values] of bindOptions) {
  test(`bad input, udp: bind with ${name} out of range, and the port stays free`, async () => {
    const first = await bindAny("udp://:0");
    const at = first.localAddress;
    await first.close();
    for (const value of values) {
      await rejects(
        () => bindAny(at, { [name]: value } as BindOptions),
        "EINVAL",
        new RegExp(`\\b${name} is .+, expected `),
      );
    }
    await (await bindAny(at)).close();
  });
}

test("bad input, udp: options that are none, and signals that are none", async () => {
  for (const options of [null, 5, "broadcast"]) {
    const bad = options as unknown as BindOptions;
    await rejects(
      () => bindAny("udp://:0", bad),
      "EINVAL",
      /expected an object/,
    );
  }
  for (const signal of [{}, 5, "soon", null]) {
    const bad = { signal } as unknown as BindOptions;
    await rejects(() => bindAny("udp://:0", bad), "EINVAL", /AbortSignal/);
  }
  await assert.rejects(
    bindAny("udp://:0", { signal: AbortSignal.abort("no") }),
    (reason) => reason === "no",
  );
});

test("bad input, udp: verbs of streams say that it is bind", async () => {
  const to = "udp://:9";
  const message = /udp:\/\/127\.0\.0\.1:9: udp carries datagrams, use bind$/;
  await rejects(() => connect(to), "ERR_SOCKEYE_UNSUPPORTED", message);
  await rejects(() => listen(to), "ERR_SOCKEYE_UNSUPPORTED", message);
  await rejects(() => serve(to, {}), "ERR_SOCKEYE_UNSUPPORTED", message);
  for (const at of ["tcp://:0", "unix:/tmp/never", "fifo:/tmp/never"]) {
    await rejects(
      () => bindAny(at),
      "ERR_SOCKEYE_UNSUPPORTED",
      /^Cannot bind .+ carries streams, use listen or connect$/,
    );
  }
});

test(
  "bad input, udp: addresses to bind that nobody has, or somebody has",
  withSockets(async (bind) => {
    const socket = await bind();
    const port = portOf(socket);
    const cases: [AddressLike, string][] = [
      [socket.localAddress, "EADDRINUSE"],
      ["udp://198.51.100.1:0", "EADDRNOTAVAIL"],
      ["udp://no.such.host.invalid:0", "ENOTFOUND"],
      ["udp://:65536", "ERR_SOCKEYE_ADDRESS"],
      ["udp:7000", "ERR_SOCKEYE_ADDRESS"],
      [{ transport: "udp", host: "::1" } as never, "ERR_SOCKEYE_ADDRESS"],
      [null as never, "ERR_SOCKEYE_ADDRESS"],
    ];
    for (const [at, code] of cases) {
      const said = code === "EADDRINUSE" ? new RegExp(`:${port}: `) : /Cannot /;
      await rejects(() => bindAny(at), code, said);
    }
  }),
);

test(
  "bad input, udp: what cannot be sent, and where to",
  withSockets(async (bind) => {
    const [socket, other] = [await bind(), await bind()];
    const to = other.localAddress;
    for (const bytes of ["text", 5, null, undefined, [1], new ArrayBuffer(2)]) {
      await rejects(
        () => socket.send(bytes as unknown as Uint8Array, to),
        "EINVAL",
        /expected a Uint8Array/,
      );
    }
    const word = bytesOf("word");
    const wrong: [unknown, string][] = [
      ["udp://:0", "ERR_SOCKEYE_ADDRESS"],
      ["nonsense", "ERR_SOCKEYE_ADDRESS"],
      [null, "ERR_SOCKEYE_ADDRESS"],
      [5, "ERR_SOCKEYE_ADDRESS"],
      [
        { transport: "udp", host: "127.0.0.1", port: -1 },
        "ERR_SOCKEYE_ADDRESS",
      ],
      ["tcp://:9", "EAFNOSUPPORT"],
      ["unix:/tmp/never", "EAFNOSUPPORT"],
      ["udp://[::ffff:255.255.255.255]:9", "EACCES"],
    ];
    for (const [address, code] of wrong) {
      const bad = address as AddressLike;
      await rejects(() => socket.send(word, bad), code, /Cannot /);
      await rejects(() => socket.connect(bad), code, /Cannot /);
    }
    const ops = [{ timeout: -1 }, { timeout: NaN }, { timeout: "1" }, {
      signal: {},
    }];
    for (const op of ops as never[]) {
      await rejects(() => socket.send(word, to, op), "EINVAL", /Cannot wait/);
      await rejects(() => socket.connect(to, op), "EINVAL", /Cannot wait/);
      await rejects(() => socket.receive(op), "EINVAL", /Cannot wait/);
    }
    const aborted = { signal: AbortSignal.abort("no") };
    for (
      const call of [
        () => socket.send(word, to, aborted),
        () => socket.connect(to, aborted),
        () => socket.receive(aborted),
      ]
    ) await assert.rejects(call(), (reason) => reason === "no");
    // An address that its owner alters is read again.
    const altered = { transport: "udp", host: "127.0.0.1", port: 9 } as const;
    await socket.send(word, altered);
    Object.assign(altered, { port: portOf(other) });
    await socket.send(bytesOf("altered"), altered);
    assert.equal(await hear(other), "altered");
    assert.equal(socket.stats.sent, 2);
  }),
);

test(
  "bad input, udp: an oversized datagram says how long it was, and where to",
  withSockets(async (bind) => {
    const [socket, other] = [await bind(), await bind()];
    await rejects(
      () => socket.send(new Uint8Array(70_000), other.localAddress),
      "EMSGSIZE",
      /^Cannot send 70000 bytes to udp:\S+ from udp:\S+: the message is too long$/,
    );
  }),
);

test(
  "bad input, udp: groups that are none",
  withSockets(async (bind) => {
    const socket = await bind("udp://0.0.0.0:0");
    const wrong: [unknown, unknown, string][] = [
      ["127.0.0.1", undefined, "EINVAL"],
      ["240.0.0.1", undefined, "EINVAL"],
      ["all.example", undefined, "EINVAL"],
      ["", undefined, "EINVAL"],
      [null, undefined, "EINVAL"],
      [5, undefined, "EINVAL"],
      ["239.1.2.3", 5, "EINVAL"],
      ["239.1.2.3", "nosuch0", "ENODEV"],
      ["239.1.2.3", "198.51.100.1", "ENODEV"],
      ["ff02::1", undefined, "EAFNOSUPPORT"],
    ];
    for (const [group, name, code] of wrong) {
      const join = () => socket.joinGroup(group as string, name as string);
      await fails(join, code, /^Cannot join group /);
    }
    await fails(
      () => socket.leaveGroup("239.1.2.3"),
      "EADDRNOTAVAIL",
      /it was not joined$/,
    );
    await rejects(
      () => bindAny("udp://:0", { multicastInterface: "nosuch0" }),
      "ENODEV",
      /^Cannot bind /,
    );
  }),
);

test("bad input, udp: a closed socket says so to every call, and closes once", async () => {
  const socket = await bindAny("udp://:0");
  const first = socket.close();
  assert.equal(socket.close(), first);
  for (const state of ["closing", "closed"]) {
    const calls: [string, () => unknown][] = [
      ["send", () => socket.send(bytesOf("x"), "udp://:9")],
      ["receive", () => socket.receive()],
      ["tryReceive", () => socket.tryReceive()],
      ["connect", () => socket.connect("udp://:9")],
      ["joinGroup", () => socket.joinGroup("239.1.2.3")],
      ["leaveGroup", () => socket.leaveGroup("239.1.2.3")],
    ];
    for (const [name, call] of calls) {
      await fails(call, "ERR_SOCKEYE_CLOSED", /the socket is closed$/);
      assert.ok(name !== "", state);
    }
    for await (const _ of socket) assert.fail("nothing is given");
    socket.disconnect();
    await first;
  }
  await socket.closed;
});

test(
  "bad input, udp: with a peer, an address is refused; without both, too",
  withSockets(async (bind) => {
    const [socket, other] = [await bind(), await bind()];
    const word = bytesOf("word");
    await rejects(() => socket.send(word), "ENOTCONN", /it is not connected$/);
    await socket.connect(other.localAddress);
    assert.deepEqual(socket.remoteAddress, other.localAddress);
    await rejects(
      () => socket.send(word, other.localAddress),
      "ERR_SOCKEYE_STATE",
      /it is connected to udp:\S+, and an address was given$/,
    );
    const connecting = socket.connect("udp://localhost:9");
    const busy = { code: "ERR_SOCKEYE_STATE", message: /a connect is on$/ };
    assert.throws(() => socket.disconnect(), busy);
    await assert.rejects(socket.connect(other.localAddress), busy);
    await connecting;
    socket.disconnect();
    socket.disconnect();
    assert.equal(socket.remoteAddress, undefined);
  }),
);

test(
  "bad input, udp: a socket with a handler gives nothing to whoever asks",
  withSockets(async (bind) => {
    const socket = await bind("udp://:0", { onDatagram: () => {} });
    const message = /onDatagram is given what arrives$/;
    await rejects(() => socket.receive(), "ERR_SOCKEYE_STATE", message);
    await fails(() => socket.tryReceive(), "ERR_SOCKEYE_STATE", message);
    const loop = async () => {
      for await (const _ of socket) assert.fail("nothing is given");
    };
    await rejects(loop, "ERR_SOCKEYE_STATE", message);
  }),
);
