/** What the kernel has to say: options of sockets, names, limits, foreign peers. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  bind as bindAny,
  capabilities,
  type DatagramSocket,
  type UdpAddress,
} from "../../mod.ts";
import { needs } from "../examples/peers.ts";
import { onStage } from "../examples/programs.ts";
import { bytesOf, hear, portOf, textOf, withSockets } from "./ends.ts";

const { features } = await capabilities();

const to = (host: string, socket: DatagramSocket): UdpAddress => ({
  transport: "udp",
  host,
  port: portOf(socket),
});

test(
  "udp: broadcast is EACCES without the option, and arrives with it",
  withSockets(async (bind) => {
    const wide = "udp://0.0.0.0:0";
    const [receiver, mute] = [await bind(wide), await bind(wide)];
    const caller = await bind(wide, { broadcast: true });
    // That of the loopback network, 127.0.0.0/8: it leaves no machine.
    const all = to("127.255.255.255", receiver);
    await assert.rejects(mute.send(bytesOf("hello"), all), { code: "EACCES" });
    await caller.send(bytesOf("hello, all"), all);
    assert.equal(await hear(receiver), "hello, all");
  }),
);

test(
  "udp: an IPv6 wildcard hears IPv4 and answers it; with ipv6Only it does not",
  withSockets(async (bind) => {
    const both = await bind("udp://[::]:0");
    const only = await bind("udp://[::]:0", { ipv6Only: true });
    const [four, six] = [await bind(), await bind("udp://[::1]:0")];
    await four.send(bytesOf("by IPv4"), to("127.0.0.1", both));
    const { from } = await both.receive();
    assert.deepEqual(from, four.localAddress);
    await both.send(bytesOf("to you"), from);
    assert.equal(await hear(four), "to you");
    await both.connect(to("::ffff:127.0.0.1", four));
    await four.send(bytesOf("peer"), to("127.0.0.1", both));
    assert.equal(await hear(both), "peer");
    await four.send(bytesOf("lost"), to("127.0.0.1", only));
    await six.send(bytesOf("by IPv6"), to("::1", only));
    const got = await only.receive();
    assert.equal(textOf(got.bytes), "by IPv6");
    assert.deepEqual(got.from, six.localAddress);
    assert.equal(only.tryReceive(), undefined);
  }),
);

test(
  "udp: names are looked up, of the family that the socket can send to",
  withSockets(async (bind) => {
    const named = await bind("udp://localhost:0");
    assert.match(
      (named.localAddress as UdpAddress).host,
      /^(127\.0\.0\.1|::1)$/,
    );
    const [four, both] = [await bind(), await bind("udp://[::]:0")];
    await both.send(bytesOf("hello"), to("localhost", both));
    await four.send(bytesOf("hello"), to("localhost", four));
    await four.connect(to("localhost", four));
    assert.deepEqual(four.remoteAddress, four.localAddress);
    assert.equal(await hear(four), "hello");
  }),
);

test(
  "udp: a timeout or signal gives up a look-up, and what is behind it goes",
  withSockets(async (bind) => {
    const [one, other] = [await bind(), await bind()];
    const unknown = "udp://no.such.host.invalid:9";
    const controller = new AbortController();
    const given = one.send(bytesOf("a"), unknown, {
      signal: controller.signal,
    });
    const late = one.send(bytesOf("b"), unknown, { timeout: 1 });
    const behind = one.send(bytesOf("behind"), other.localAddress);
    controller.abort("enough");
    await assert.rejects(given, (reason) => reason === "enough");
    // On a fast resolver the answer comes first.
    const code = (error: { code: string }) =>
      ["ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"].includes(error.code);
    await assert.rejects(late, code);
    await behind;
    assert.equal(await hear(other), "behind");
    await assert.rejects(one.connect(unknown, { timeout: 0 }), {
      code: "ETIMEDOUT",
    });
    await one.connect(other.localAddress);
  }),
);

test("udp: close does not wait for ever for a look-up", async () => {
  const socket = await bindAny("udp://:0", { flushTimeout: 10 });
  const sending = socket.send(bytesOf("a"), "udp://no.such.host.invalid:9");
  const connecting = socket.connect("udp://no.such.host.invalid:9");
  const outcomes = Promise.allSettled([sending, connecting]);
  await socket.close();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, "rejected");
    const { code } = (outcome as PromiseRejectedResult).reason;
    // On a fast resolver the answer of the first comes before.
    assert.match(code, /^(ERR_SOCKEYE_CLOSED|ENOTFOUND|EAI_AGAIN)$/);
  }
});

test(
  "udp: several sockets bind one address with reuseAddress alone",
  withSockets(async (bind) => {
    const first = await bind("udp://:0", { reuseAddress: true });
    const at = `udp://:${portOf(first)}`;
    await bind(at, { reuseAddress: true });
    await assert.rejects(bindAny(at), { code: "EADDRINUSE" });
  }),
);

test(
  "udp: a small receiveBuffer loses more of a burst, where it can be set",
  withSockets(async (bind) => {
    const small = await bind("udp://:0", { receiveBuffer: 4096 });
    const large = await bind("udp://:0", { receiveBuffer: 200_000 });
    const from = await bind("udp://:0", { sendBuffer: 200_000 });
    const sending = [];
    for (let i = 0; i < 50; i++) {
      for (const each of [small, large]) {
        sending.push(from.send(new Uint8Array(1000), each.localAddress));
      }
    }
    await Promise.all(sending);
    for (let i = 0; i < 50; i++) await large.receive({ timeout: 10_000 });
    if (features.udpBuffers.support === "native") {
      assert.ok(small.stats.received < 50, `${small.stats.received} arrived`);
    }
  }),
);

test(
  "udp: ttl is what the option says",
  needs("python3"),
  onStage(async (stage) => {
    const python = stage.python(`
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(20)
s.setsockopt(socket.IPPROTO_IP, 12, 1) # IP_RECVTTL, which Python does not name
say("port", s.getsockname()[1])
data, control, flags, who = s.recvmsg(100, 100)
say(data.decode(), struct.unpack("i", control[0][2])[0])`);
    const port = Number((await python.said("port")).slice("port ".length));
    const socket = await bindAny("udp://:0", { ttl: 7 });
    await socket.send(bytesOf("ttl"), `udp://:${port}`);
    assert.equal(await python.said("ttl"), "ttl 7");
    await socket.close();
  }),
);

test(
  "udp: two members of a group hear a foreign sender, and answer it",
  needs("python3"),
  onStage(async (stage) => {
    const options = { reuseAddress: true };
    const first = await bindAny("udp://239.122.29.2:0", options);
    const members = [first, await bindAny(first.localAddress, options)];
    try {
      for (const member of members) member.joinGroup("239.122.29.2", "lo");
      const python = stage.python(
        `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(20)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
s.sendto(b"who is there", ("239.122.29.2", int(sys.argv[1])))
say(s.getsockname()[1])`,
        String(portOf(first)),
      );
      for (const member of members) {
        assert.equal(await hear(member), "who is there");
      }
      assert.equal(await python.ended(), 0, python.errors);
    } finally {
      await Promise.all(members.map((member) => member.close()));
    }
  }),
);

/** Runs a program of these tests, behind a command that confines it. */
function confined(
  confinement: readonly string[],
  name: string,
): Record<string, string> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const url = new URL(`./programs/${name}.${extension}`, import.meta.url);
  const { execPath, versions } = process;
  const runtime = "deno" in versions
    ? [execPath, "run", "--allow-all", "--quiet"]
    : [execPath];
  const [command = "", ...args] = [
    ...confinement,
    ...runtime,
    fileURLToPath(url.href),
  ];
  const { stdout, stderr, status } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** A network of its own, where not even loopback is up. */
const nowhere = ["unshare", "--net"];
const unshared = spawnSync(nowhere[0]!, [...nowhere.slice(1), "true"]);

test(
  "udp: without a route every send is ENETUNREACH, and the socket lives",
  { skip: unshared.status !== 0 && "needs unshare, and the right to use it" },
  () => {
    const codes = confined(nowhere, "unroutable");
    const wildcard = {
      send: "ENETUNREACH",
      again: "ENETUNREACH",
      broadcast: "EACCES",
      receive: "ETIMEDOUT",
    };
    assert.deepEqual(codes, wildcard);
  },
);

test("udp: at the descriptor limit bind is EMFILE, and works again when one is free", () => {
  // With fewer, Node cannot open the modules of the package.
  const limited = ["sh", "-c", 'ulimit -n 512 && exec "$0" "$@"'];
  const said = confined(limited, "descriptors");
  assert.equal(said.code, "EMFILE");
  assert.equal(said.served, "hello");
});
