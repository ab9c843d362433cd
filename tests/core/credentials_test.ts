/** Who is calling: both machines, together and against all that is not right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../core/address.ts";
import {
  checkConnectRequest,
  checkListenRequest,
} from "../../core/credentials.ts";
import { SockeyeError } from "../../core/error.ts";
import { MAX_HANDSHAKE_LINE } from "../../core/credentials/lines.ts";
import { Challenges } from "../../core/credentials/challenges.ts";
import type { FoundFile } from "../../core/disk_name/effects.ts";
import { preparePlace, removePlace } from "../../core/credentials/place.ts";
import { connectRequest, listenRequest } from "../requests.ts";
import { chances } from "./disk_model.ts";
import {
  bytesOf,
  clientSide,
  Disk,
  nonce,
  place,
  proof,
  serverSide,
} from "./handshake_pair.ts";

const identify = `sockeye/1 identify ${nonce}\n`;
const ready = "sockeye/1 ready 77\n";

test("a client makes its proof, the server takes its owner, nothing is left", () => {
  const disk = new Disk();
  const before = [...disk.files.keys()];
  const server = serverSide(disk), client = clientSide(disk);
  assert.equal(server.sent, identify);
  assert.equal(client.sent, "");
  client.hear(server.sent);
  assert.equal(client.sent, ready);
  assert.equal(disk.files.get(proof)?.mode, 0o700);
  server.hear(client.sent);
  assert.deepEqual(server.machine.pollEffect(), {
    do: "done",
    credentials: { uid: 1000, claimedPid: 77, how: "proof" },
  });
  client.hear(server.sent.slice(identify.length));
  assert.equal(client.end, "done");
  assert.equal(server.machine.pollTimeout(), Infinity);
  assert.deepEqual([...disk.files.keys()], before);
});

test("in pieces of any size, with the user's bytes behind: all arrive, none are lost", () => {
  for (let seed = 0; seed < 300; seed++) {
    const chance = chances(seed);
    const lengths = Array.from(
      { length: 1 + Math.floor(chance() * 8) },
      () => 1 + Math.floor(chance() * (seed % 2 ? 6 : 60)),
    );
    const disk = new Disk();
    const server = serverSide(disk), client = clientSide(disk);
    client.hear(server.sent, ...lengths);
    const early = "early\nbytes sockeye/1 ready 1\n".slice(0, seed % 30);
    server.hear(client.sent + early, ...lengths);
    assert.equal(server.end, "done");
    assert.equal(server.rest, early);
    const answer = `${server.sent.slice(identify.length)}${early}`;
    client.hear(answer, ...lengths);
    assert.equal(client.end, "done");
    assert.equal(client.rest, early);
  }
});

test("what stands at the proof's name must be a fresh one of mode 0700", () => {
  const table: [Partial<FoundFile>, string | RegExp][] = [
    [{}, "done"],
    [{ kind: "socket" }, "done"],
    [{ links: 2 }, "done"], // as a directory has on most file systems
    [{ age: 10_000 }, "done"],
    [{ age: -10_000 }, "done"],
    [{ kind: "socket", links: 2 }, /has 2 names/],
    [{ kind: "link", mode: 0o777 }, /is a symbolic link/],
    [{ kind: "file" }, /is a file/],
    [{ kind: "fifo" }, /is a fifo/],
    [{ mode: 0o755 }, /has mode 0755, not 0700/],
    [{ mode: 0o2700 }, /has mode 02700/],
    [{ mode: 0o600 }, /has mode 0600/],
    [{ age: 10_001 }, /not a fresh one/],
    [{ age: -10_001 }, /not a fresh one/],
    [{ age: NaN }, /not a fresh one/],
    [{ uid: 65534 }, /user 65534/],
  ];
  for (const [seen, end] of table) {
    const disk = new Disk();
    const server = serverSide(disk);
    disk.put(proof, "directory", { uid: 1000, ...seen });
    server.hear(ready);
    if (end === "done") assert.equal(server.end, "done");
    else {
      assert.match(server.end, /^EACCES: its proof /);
      assert.match(server.end, end as RegExp);
      assert.ok(server.sent.endsWith("sockeye/1 error EACCES\n"));
    }
    assert.ok(!disk.files.has(proof), `${end}: it is removed`);
  }
});

test("no proof, or one that cannot be removed, is none", () => {
  const none = serverSide(new Disk()).hear(ready);
  assert.match(none.end, /^EACCES: there is no proof/);
  const disk = new Disk();
  disk.put(proof, "directory");
  disk.put(`${proof}/full`, "file");
  assert.match(serverSide(disk).hear(ready).end, /cannot be removed/);
});

test("the server looks once, at one name, and asks for nothing a client names", () => {
  const disk = new Disk();
  disk.put(proof, "directory");
  serverSide(disk).hear(ready);
  assert.deepEqual(disk.log, [`inspect ${proof}`, `removeDirectory ${proof}`]);
});

test("users who may not call are refused, with their proof shown", () => {
  const called = (allowUsers: readonly number[]) => {
    const disk = new Disk();
    disk.put(proof, "directory", { uid: 1000 });
    return serverSide(disk, { allowUsers }).hear(ready).end;
  };
  assert.equal(called([1, 1000]), "done");
  assert.match(called([1, 10000]), /^EACCES: user 1000 may not call here/);
  assert.match(called([0]), /^EACCES/);
});

test("a server refuses what is no answer to its challenge", () => {
  const table: [string, RegExp][] = [
    ["garbage\n", /no handshake: "garbage"/],
    ["\n", /no handshake: ""/],
    ["\0\x01\x02", /not printable/],
    ["sockeye/1 ready 77\r\n", /not printable/],
    ["sockeye/2 ready 77\n", /the peer speaks "sockeye\/2"/],
    ["sockeye/1 ready\n", /expected "sockeye\/1 ready <pid>"/],
    ["sockeye/1 ready 0\n", /expected/],
    ["sockeye/1 ready -7\n", /expected/],
    ["sockeye/1 ready 7 7\n", /expected/],
    ["sockeye/1 ready 77777777777\n", /expected/],
    ["sockeye/1 ready ../../x\n", /expected/],
    ["sockeye/1 ok 0\n", /expected/],
    [identify, /expected/],
    ["GET / HTTP/1.1\r\n\r\n", /not printable|no handshake/],
    ["x".repeat(MAX_HANDSHAKE_LINE + 1), /more than 128 characters/],
    [`${"x".repeat(MAX_HANDSHAKE_LINE + 1)}\n`, /more than 128 characters/],
  ];
  for (const [text, message] of table) {
    for (const length of [text.length, 1]) {
      const disk = new Disk();
      disk.put(proof, "directory");
      const server = serverSide(disk);
      server.hear(text, length);
      assert.match(server.end, /^ERR_SOCKEYE_PROTOCOL: /, text);
      assert.match(server.end, message);
      assert.ok(server.sent.endsWith("sockeye/1 error ERR_SOCKEYE_PROTOCOL\n"));
      assert.ok(!disk.files.has(proof), "what it left is removed");
    }
  }
});

test("a MiB without a newline is refused at its first piece", () => {
  const server = serverSide(new Disk());
  server.machine.handleData(new Uint8Array(1 << 20).fill(0x61));
  assert.match(server.run().end, /more than 128 characters/);
});

test("a client refuses what is no challenge, and makes nothing", () => {
  const table: [string, RegExp][] = [
    ["hello\n", /ERR_SOCKEYE_PROTOCOL.*no handshake: "hello"/],
    [`sockeye/3 identify ${nonce}\n`, /the peer speaks "sockeye\/3"/],
    ["sockeye/1 identify\n", /nonce is not 32/],
    ["sockeye/1 identify 0123\n", /nonce is not 32/],
    [`sockeye/1 identify ${nonce.toUpperCase()}\n`, /nonce is not 32/],
    [`sockeye/1 identify ../${nonce.slice(3)}\n`, /nonce is not 32/],
    [`sockeye/1 identify ${nonce}0\n`, /nonce is not 32/],
    [`sockeye/1 identify ${nonce} x\n`, /expected/],
    ["sockeye/1 ok 1000\n", /expected "sockeye\/1 identify/],
    ["sockeye/1 error EMFILE\n", /^EMFILE: the server refused it/],
    ["sockeye/1 error EVERYTHING\n", /^ERR_SOCKEYE_PROTOCOL: .*EVERYTHING/],
    [`${"y".repeat(200)}`, /more than 128/],
  ];
  for (const [text, message] of table) {
    const disk = new Disk();
    const client = clientSide(disk).hear(text, 7);
    assert.match(client.end, message);
    assert.equal(client.sent, "");
    assert.ok(!disk.log.some((line) => line.startsWith("makeDirectory")));
  }
});

test("a client takes its proof back when it is refused", () => {
  const table: [string, RegExp][] = [
    ["sockeye/1 error EACCES\n", /^EACCES: the server refused it: EACCES/],
    ["sockeye/1 error ERR_SOCKEYE_PROTOCOL\n", /^ERR_SOCKEYE_PROTOCOL/],
    ["sockeye/1 ok\n", /expected "sockeye\/1 ok <uid>"/],
    ["sockeye/1 ok root\n", /expected/],
    ["bye\n", /no handshake/],
  ];
  for (const [text, message] of table) {
    const disk = new Disk();
    const client = clientSide(disk).hear(identify);
    assert.ok(disk.files.has(proof));
    assert.match(client.hear(text).end, message);
    assert.ok(!disk.files.has(proof));
  }
});

test("a client goes on only where nobody can lead it elsewhere", () => {
  const table: [(disk: Disk) => void, RegExp][] = [
    [(disk) => disk.files.delete(place.path), /^ENOENT/],
    [(disk) => disk.put(place.path, "file"), /^ENOTSOCK: .* is a file/],
    [
      (disk) => disk.files.get("/run")!.uid = 3,
      /^EACCES: \/run belongs to user 3, who could/,
    ],
    [
      (disk) => disk.files.get("/run")!.mode = 0o775,
      /^EACCES: \/run is writable by others and not sticky/,
    ],
    [(disk) => disk.files.get("/")!.mode = 0o777, /^EACCES: \/ is writable/],
  ];
  for (const [spoil, message] of table) {
    const disk = new Disk();
    spoil(disk);
    assert.match(clientSide(disk).end, message);
  }
  const fine: ((disk: Disk) => void)[] = [
    (disk) => disk.files.get("/run")!.mode = 0o1777,
    (disk) => disk.files.get("/run")!.uid = 500, // the server's
    (disk) => disk.files.get("/run")!.uid = 1000, // the client's own
  ];
  for (const change of fine) {
    const disk = new Disk();
    change(disk);
    assert.equal(clientSide(disk).hear(identify).sent, ready);
  }
});

test("a client makes its proof only in a directory of the server's, for the same socket", () => {
  const table: [(disk: Disk) => void, RegExp][] = [
    [(disk) => disk.files.get(place.directory)!.uid = 3, /no directory of the/],
    [(disk) => disk.put(place.directory, "link", { uid: 500 }), /no directory/],
    [(disk) => disk.files.delete(place.directory), /^ENOENT.*\.auth/],
    [(disk) => disk.put(place.path, "socket"), /another server took its place/],
    [(disk) => disk.put(proof, "directory"), /^EEXIST/],
  ];
  for (const [spoil, message] of table) {
    const disk = new Disk();
    const client = clientSide(disk);
    spoil(disk);
    client.hear(identify);
    assert.match(client.end, message);
    assert.equal(client.sent, "");
  }
});

test("expectServer is checked before anything is sent, with identify and without", () => {
  for (const identify of [true, false]) {
    const disk = new Disk();
    const wrong = clientSide(disk, { identify, expectServer: 501 });
    assert.match(wrong.end, /^EACCES: .* belongs to user 500, expected 501/);
    const right = clientSide(disk, { identify, expectServer: 500 });
    assert.equal(right.end, identify ? "receive" : "done");
  }
});

test("a relay's challenge has a proof made for the relay, which is none elsewhere", () => {
  const disk = new Disk();
  disk.put("/run/relay.sock", "socket", { uid: 600, identity: "8:43" });
  disk.put("/run/relay.sock.auth", "directory", { uid: 600, mode: 0o1733 });
  const server = serverSide(disk);
  const client = clientSide(disk, { path: "/run/relay.sock" });
  client.hear(server.sent);
  server.hear(client.sent);
  assert.match(server.end, /^EACCES: there is no proof/);
  assert.ok(disk.files.has(`/run/relay.sock.auth/8-43-${nonce}`));
  client.hear(server.sent.slice(identify.length));
  assert.match(client.end, /^EACCES: the server refused it/);
  assert.deepEqual(disk.children("/run/relay.sock.auth"), []);
});

test("the deadline ends it on both sides, and says who was silent", () => {
  const disk = new Disk();
  const server = serverSide(disk), client = clientSide(disk);
  server.machine.handleTimeout(999);
  assert.equal(server.end, "receive");
  server.machine.handleTimeout(1000);
  assert.match(
    server.run().end,
    /^ETIMEDOUT: .* after 1000 ms, the peer said nothing/,
  );
  assert.ok(server.sent.endsWith("sockeye/1 error ETIMEDOUT\n"));
  client.hear("sockeye/1 iden");
  client.machine.handleTimeout(1000);
  assert.match(client.run().end, /the peer did not go on with it/);
});

test("a peer that leaves: without a word it is no failure of a server's", () => {
  const probe = serverSide(new Disk());
  probe.machine.handleEnd();
  assert.equal(probe.run().end, "left");
  const reset = serverSide(new Disk());
  reset.machine.handleClosed(new SockeyeError("ECONNRESET", "reset"));
  assert.equal(reset.run().end, "left");

  const disk = new Disk();
  disk.put(proof, "directory");
  const half = serverSide(disk).hear("sockeye/1 re");
  half.machine.handleEnd();
  assert.match(half.run().end, /^ECONNABORTED: the peer left in the middle/);
  assert.equal(half.sent, identify, "nobody is there to be told");
  assert.ok(!disk.files.has(proof));

  const client = clientSide(new Disk());
  client.machine.handleEnd();
  assert.match(client.run().end, /^ECONNABORTED/);
});

test("giving up takes the client's proof back", () => {
  const disk = new Disk();
  const client = clientSide(disk).hear(identify);
  client.machine.giveUp("ERR_SOCKEYE_CLOSED", "it was given up");
  assert.match(client.run().end, /^ERR_SOCKEYE_CLOSED/);
  assert.ok(!disk.files.has(proof));
});

test("a result that nobody asked for is the caller's mistake", () => {
  const server = serverSide(new Disk());
  assert.throws(() => server.machine.handleResult({}), {
    code: "ERR_SOCKEYE_STATE",
  });
});

test("the place is made for whom the socket's mode lets in, and removed", () => {
  for (
    const [mode, wanted] of [[0o600, 0o700], [0o660, 0o1733], [0o666, 0o1733]]
  ) {
    const disk = new Disk();
    disk.uid = 500;
    disk.files.delete(place.directory);
    assert.deepEqual(disk.run(preparePlace(place.path, mode!)), place);
    assert.equal(disk.files.get(place.directory)?.mode, wanted);
    disk.run(removePlace(place));
    assert.ok(!disk.files.has(place.directory));
  }
});

test("what a killed server left is taken over, and swept", () => {
  const disk = new Disk();
  disk.files.get(place.directory)!.mode = 0o755;
  disk.put(proof, "directory", { uid: 1 });
  disk.put(`${place.directory}/x`, "socket", { uid: 2 });
  disk.put(`${place.directory}/y`, "link", { uid: 2 });
  disk.run(preparePlace(place.path, 0o666));
  assert.deepEqual(disk.children(place.directory), []);
  assert.equal(disk.files.get(place.directory)?.mode, 0o1733);
});

test("a place that others own, or could swap, is refused", () => {
  const table: [(disk: Disk) => void, RegExp][] = [
    [(disk) => disk.put(place.directory, "link", { uid: 500 }), /no directory/],
    [(disk) => disk.put(place.directory, "file", { uid: 500 }), /no directory/],
    [(disk) => disk.files.get(place.directory)!.uid = 1, /belongs to user 1/],
    [(disk) => disk.files.get("/run")!.mode = 0o770, /\/run is writable/],
    [(disk) => disk.files.get("/run")!.uid = 1, /\/run belongs to user 1/],
  ];
  for (const [spoil, message] of table) {
    const disk = new Disk();
    spoil(disk);
    const before = [...disk.files.keys()];
    assert.throws(() => disk.run(preparePlace(place.path, 0o600)), {
      code: "EACCES",
      message,
    });
    assert.deepEqual([...disk.files.keys()], before);
  }
});

test("a server whose name another has by now leaves the other's place", () => {
  const disk = new Disk();
  disk.put(place.path, "socket", { uid: 500 });
  disk.put(proof, "directory");
  disk.run(removePlace(place));
  assert.ok(disk.files.has(proof));
});

test("beyond so many handshakes the oldest gives way", () => {
  const handshakes = new Challenges<{ pollTimeout(): number }>(2);
  const [a, b, c] = [1, 2, 3].map((at) => ({ pollTimeout: () => at }));
  assert.equal(handshakes.pollTimeout(), Infinity);
  assert.equal(handshakes.add(a!), undefined);
  assert.equal(handshakes.add(b!), undefined);
  assert.equal(handshakes.add(c!), a);
  assert.equal(handshakes.pollTimeout(), 2);
  assert.equal(handshakes.takeExpired(1.9), undefined);
  assert.equal(handshakes.takeExpired(2), b);
  assert.deepEqual(handshakes.takeAll(), [c]);
  assert.equal(handshakes.size, 0);
});

test("only sockets with a path and FIFOs can show who calls", () => {
  const listen = (at: string, options: object) => () =>
    checkListenRequest(parseAddress(at), { ...listenRequest, ...options });
  const connect = (at: string, options: object) => () =>
    checkConnectRequest(parseAddress(at), { ...connectRequest, ...options });
  const unable = ["tcp://:0", "unix:@name", "mem:name", "udp://:0"];
  for (const at of unable) {
    const unsupported = {
      code: "ERR_SOCKEYE_UNSUPPORTED",
      message: /identify/,
    };
    assert.throws(listen(at, { identify: true }), unsupported);
    assert.throws(connect(at, { identify: true }), unsupported);
    const allow = { code: "EINVAL", message: /allowUsers/ };
    assert.throws(listen(at, { allowUsers: [0] }), allow);
    const expect = { code: "EINVAL", message: /expectServer/ };
    assert.throws(connect(at, { expectServer: 0 }), expect);
    listen(at, {})();
    connect(at, {})();
  }
  const allowUsers = [0], expectServer = 0;
  assert.throws(listen("unix:/x", { allowUsers }), /identify must be true/);
  listen("unix:/x", { allowUsers, identify: true })();
  listen("fifo:/x", { allowUsers })();
  listen("fifo:/x", { allowUsers, identify: true })();
  connect("unix:/x", { expectServer })();
  connect("unix:/x", { expectServer, identify: true })();
  connect("fifo:/x", { expectServer, identify: true })();
});

test("bytes that are pushed may be reused by whoever pushed them", () => {
  const disk = new Disk();
  disk.put(proof, "directory");
  const server = serverSide(disk);
  const bytes = bytesOf(`${ready}user`);
  server.machine.handleData(bytes);
  bytes.fill(0);
  assert.equal(server.run().rest, "user");
});
