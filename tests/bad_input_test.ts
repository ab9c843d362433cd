/**
 * Bad input, on the runtime's own adapter: arguments. Every one is a typed
 * error that says what was asked, before anything is begun.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  type AddressLike,
  connect,
  formatAddress,
  type Handlers,
  listen,
  serve,
} from "../mod.ts";
import {
  at,
  bytes,
  echo,
  fails,
  failure,
  isServed,
  pair,
  rejects,
  text,
  transports,
} from "./bad_input.ts";

// Options

const streamOptions: [string, ...unknown[]][] = [
  ["readHighWater", 0, -1, NaN, "64k", null, true],
  ["writeHighWater", 0, -5, NaN, "1", null],
  ["maxQueued", 0, -1, NaN, {}],
  ["flushTimeout", -1, NaN, "1"],
  ["lingerTimeout", -1, NaN, null],
  ["keepAliveDelay", -1, NaN, "1"],
  ["noDelay", 0, 1, "yes", null],
  ["keepAlive", 0, "no"],
  ["allowHalfOpen", 1, null],
  ["signal", {}, "soon", 5, null],
];
const listenOptions: [string, ...unknown[]][] = [
  ...streamOptions,
  ["backlog", 0, -1, 1.5, 65_536, NaN, Infinity, "10"],
  ["ipv6Only", 0, "yes"],
  ["mode", -1, 0o1000, 0.5, "600", NaN],
  ["group", -1, 1.5, 2 ** 32, "users", null],
  ["maxConnections", 0, -1, 1.5, NaN, "10"],
  ["maxWaiting", -1, 0.5, NaN],
  ["overflow", "drop", null, 1],
  ["onError", 5, "console", {}],
];

for (const transport of transports) {
  test(`bad input, ${transport}: options out of range, and the address stays free`, async () => {
    await at(transport, async (address, keep) => {
      const standing = keep(await listen(address));
      const to = standing.address;
      const connectOptions: [string, ...unknown[]][] = [
        ...streamOptions,
        ["timeout", -1, NaN, "5", null],
      ];
      for (const [name, ...values] of connectOptions) {
        for (const value of values) {
          await rejects(
            () => connect(to, { [name]: value }),
            "EINVAL",
            new RegExp(`\\b${name} is .+, expected `),
          );
        }
      }
      await standing.close();
      const verbs = {
        listen: (options: object) => listen(to, options),
        serve: (options: object) => serve(to, {}, options),
      };
      for (const [verb, call] of Object.entries(verbs)) {
        const own: typeof listenOptions = verb === "serve"
          ? [["borrow", 1, "yes", null]]
          : [];
        for (const [name, ...values] of [...listenOptions, ...own]) {
          for (const value of values) {
            await rejects(
              () => call({ [name]: value }),
              "EINVAL",
              new RegExp(`\\b${name} is .+, expected `),
            );
          }
        }
      }
      // None of them has taken it.
      await (await listen(to)).close();
    });
  });
}

test("bad input: retries out of range", async () => {
  const values: [string, ...unknown[]][] = [
    ["attempts", 0, -1, 1.5, NaN, "3", null],
    ["minDelay", 0, -1, NaN, "1", null],
    ["maxDelay", 99, NaN, "1", null], // shorter than the first pause
    ["onFailure", 5, {}, null],
  ];
  for (const [name, ...wrong] of values) {
    for (const value of wrong) {
      await rejects(
        () => connect("mem:nowhere", { retry: { [name]: value } }),
        "EINVAL",
        new RegExp(`\\b${name} is .+, expected `),
      );
    }
  }
  for (const retry of [true, 3, null]) {
    await rejects(
      () => connect("mem:nowhere", { retry: retry as unknown as object }),
      "EINVAL",
      /\bretry is .+, expected an object/,
    );
  }
});

test("bad input: no handlers, no address, no strategy that there is", async () => {
  const given = (handler: unknown): Handlers => handler as Handlers;
  for (const handler of [undefined, null, 5, "data"]) {
    await rejects(
      () => serve("mem:nothing", given(handler)),
      "EINVAL",
      /expected handlers or a function, got/,
    );
  }
  for (const name of ["open", "data", "drain", "end", "closed"]) {
    await rejects(
      () => serve("mem:nothing", given({ [name]: "later" })),
      "EINVAL",
      new RegExp(`handler ${name} is string, expected a function`),
    );
  }
  await rejects(() => serve([], {}), "EINVAL", /no address is given/);
  for (const strategy of ["threads", "worker", "", 5, null]) {
    await rejects(
      () => serve("mem:nothing", {}, { strategy: strategy as "loop" }),
      "ERR_SOCKEYE_UNSUPPORTED",
      /strategy is .*only "loop", "process", "prefork" and "workers" are there/,
    );
  }
  const listener = await listen("mem:nothing"); // Nobody took it.
  await listener.close();
});

// Addresses

const malformed: [AddressLike, RegExp][] = [
  ["", /no scheme/],
  ["localhost:80", /"localhost" is no known scheme/],
  ["127.0.0.1:80", /no scheme/],
  ["http://localhost:80", /"http" is no known scheme/],
  ["tcp:", /"\/\/" is missing/],
  ["tcp://localhost", /port is missing/],
  ["tcp://localhost:65536", /port "65536"|port 65536/],
  ["tcp://localhost:-1", /port "-1"/],
  ["tcp://localhost:http", /port "http"/],
  ["tcp://::1:80", /in brackets/],
  ["tcp://[::1:80", /./],
  ["tcp://local host:80", /./],
  ["tcp://a\0b:80", /./],
  [" tcp://localhost:80", /white space/],
  ["tcp://*:80", /wildcard/],
  ["unix:", /path is empty/],
  ["unix:/tmp/a\0b", /NUL/],
  [`unix:/${"x".repeat(107)}`, /108 bytes, and 107 fit/],
  ["unix:@", /abstract name is empty/],
  ["unix://host/path", /a host is not allowed/],
  ["mem:", /name is empty/],
  [undefined as unknown as string, /expected a string or an object/],
  [null as unknown as string, /expected a string or an object/],
  [80 as unknown as string, /expected a string or an object/],
  [{} as AddressLike, /transport is missing/],
  [{ transport: "tcp", host: "localhost" } as AddressLike, /port is missing/],
  [{ transport: "unix", path: 5 } as unknown as AddressLike, /path is 5/],
];

test("bad input: malformed addresses, through each verb", async () => {
  for (const [address, message] of malformed) {
    const verbs = [
      () => connect(address),
      () => listen(address),
      () => serve(address, {}),
      () => serve(["mem:good", address], {}),
    ];
    for (const verb of verbs) {
      const error = await failure(verb);
      assert.equal(error.code, "ERR_SOCKEYE_ADDRESS", error.message);
      assert.match(error.message, /^Cannot understand address /);
      assert.match(error.message, message);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(error.message, /[\0-\x1f]/);
    }
  }
  await (await listen("mem:good")).close();
});

test("bad input: addresses that are understood, and lead nowhere", async () => {
  for (const address of ["tcp://:0", "tcp://localhost:0"]) {
    await rejects(
      () => connect(address),
      "ERR_SOCKEYE_ADDRESS",
      /^Cannot connect to tcp:\/\/.*:0: port 0 is for listening$/,
    );
  }
  for (const address of ["tls://localhost:443", "udp://:53"]) {
    const verbs = [
      () => connect(address),
      () => listen(address),
      () => serve(address, {}),
    ];
    for (const verb of verbs) {
      const error = await failure(verb);
      assert.equal(error.code, "ERR_SOCKEYE_UNSUPPORTED", error.message);
      assert.match(error.message, /^Cannot .*(tls|udp)/);
    }
  }
});

for (const transport of transports) {
  test(`bad input, ${transport}: an address in use stays its owner's`, async () => {
    await at(transport, async (address, keep) => {
      const server = keep(await serve(address, echo));
      const [taken] = server.addresses;
      const spare = "mem:beside";
      const verbs = [
        () => listen(taken!),
        () => serve(taken!, {}),
        () => serve([spare, taken!], {}),
      ];
      for (const verb of verbs) {
        await rejects(
          verb,
          "EADDRINUSE",
          new RegExp(`^Cannot listen on ${formatAddress(taken!)}: `),
        );
      }
      await (await listen(spare)).close();
      await isServed(taken!);
      assert.deepEqual(await server.close(), { drained: 0, aborted: 0 });
    });
  });
}

// Bytes

const notBytes: unknown[] = [
  undefined,
  null,
  "hello",
  5,
  true,
  [1, 2, 3],
  { length: 3 },
  new ArrayBuffer(3),
  new DataView(new ArrayBuffer(3)),
  new Uint16Array(3),
  new Int8Array(3),
  new Uint8ClampedArray(3),
];

for (const transport of transports) {
  test(`bad input, ${transport}: what is no Uint8Array is refused, by name`, async () => {
    await pair(transport, async (client, server) => {
      for (const value of notBytes) {
        const given = value as Uint8Array;
        for (const name of ["write", "readInto"] as const) {
          await rejects(
            () => client[name](given),
            "EINVAL",
            /^Cannot (write|read into a buffer): expected a Uint8Array, got /,
          );
        }
        for (const name of ["send", "tryWrite", "tryRead"] as const) {
          assert.throws(() => client[name](given), {
            name: "SockeyeError",
            code: "EINVAL",
          });
        }
      }
      await fails(
        () => client.write("hello" as unknown as Uint8Array),
        "EINVAL",
        /got string$/,
      );
      await fails(
        () => client.write(new DataView(new ArrayBuffer(1)) as never),
        "EINVAL",
        /got DataView$/,
      );
      await client.write(bytes("whole"));
      assert.equal(text(await server.read()), "whole");
      assert.equal(client.bytesWritten, 5);
    });
  });

  test(`bad input, ${transport}: Buffers are bytes like others, and may be reused`, async () => {
    await pair(transport, async (client, server) => {
      const pooled = Buffer.from("a Buffer, from Node's pool");
      await client.write(pooled);
      pooled.fill("x");
      const sent = Buffer.from(", another");
      client.send(sent);
      sent.fill("x");
      const tried = Buffer.from(", a third");
      assert.equal(client.tryWrite(tried), tried.length);
      tried.fill("x");
      await client.closeWrite();
      const buffer = Buffer.alloc(100);
      let filled = 0;
      for (;;) {
        const count = await server.readInto(buffer.subarray(filled));
        if (count === null) break;
        filled += count;
      }
      assert.equal(
        buffer.toString("utf8", 0, filled),
        "a Buffer, from Node's pool, another, a third",
      );
    });
  });

  test(`bad input, ${transport}: memory that threads share is written and read like other memory`, async () => {
    await pair(transport, async (client, server) => {
      const shared = new Uint8Array(new SharedArrayBuffer(5));
      shared.set(bytes("taken"));
      await client.write(shared);
      client.send(shared);
      const got = new Uint8Array(new SharedArrayBuffer(10));
      for (let at = 0; at < 10;) {
        at += (await server.readInto(got.subarray(at)))!;
      }
      assert.equal(text(new Uint8Array(got)), "takentaken");
    });
  });

  test(`bad input, ${transport}: nothing at all is written, sent and read at once`, async () => {
    await pair(transport, async (client, server) => {
      const nothing = new Uint8Array(0);
      await client.write(nothing);
      assert.equal(client.send(nothing), true);
      assert.equal(client.tryWrite(nothing), 0);
      assert.equal(server.tryRead(nothing), undefined);
      await client.write(bytes("x"));
      assert.equal(await server.readInto(nothing), 0);
      assert.equal(text(await server.read()), "x");
      await client.closeWrite();
      assert.equal(await server.read(), null);
      assert.equal(await server.readInto(nothing), null);
    });
  });
}
