/** What went wrong is said in the same words on every runtime. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { textOf } from "../core/error.ts";
import { connect, formatAddress, listen, SockeyeError } from "../mod.ts";

async function failureOf(action: Promise<unknown>): Promise<SockeyeError> {
  try {
    await action;
  } catch (error) {
    assert.ok(error instanceof SockeyeError);
    return error;
  }
  return assert.fail("it went well");
}

test("messages: nobody listens, and an address in use", async () => {
  const listener = await listen("tcp://:0");
  const at = formatAddress(listener.address);
  const used = await failureOf(listen(at));
  assert.equal(used.message, `Cannot listen on ${at}: the address is in use`);
  await listener.close();
  const refused = await failureOf(connect(at));
  assert.equal(
    refused.message,
    `Cannot connect to ${at}: the connection was refused`,
  );
  assert.ok(refused.cause instanceof Error);
});

test("messages: what stands at a path", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sockeye-"));
  const path = join(directory, "name");
  const missing = await failureOf(connect(`unix:${path}`));
  assert.equal(
    missing.message,
    `Cannot connect to unix:${path}: there is no such file or directory`,
  );
  await writeFile(path, "");
  const plain = await failureOf(listen(`unix:${path}`));
  assert.equal(
    plain.message,
    `Cannot listen on unix:${path}: the address is in use (a plain file stands there)`,
  );
  await rm(path);
  const listener = await listen(`unix:${path}`);
  const live = await failureOf(listen(`unix:${path}`));
  assert.equal(
    live.message,
    `Cannot listen on unix:${path}: the address is in use (a server answers there)`,
  );
  await listener.close();
  await rm(directory, { recursive: true });
});

test("messages: a runtime's words are the cause, ours are kept", () => {
  const cause = new Error("connect ENOENT x");
  assert.equal(
    textOf(new SockeyeError("ENOENT", "connect ENOENT x", { cause })),
    "there is no such file or directory",
  );
  assert.equal(
    textOf(new SockeyeError("EMFILE", "Too many")),
    "the process has no descriptor left (Too many)",
  );
  assert.equal(textOf(new SockeyeError("EIO", "Odd", { cause })), "Odd");
  assert.equal(
    textOf(new SockeyeError("ERR_SOCKEYE_LIMIT", "Full", { cause })),
    "Full",
  );
});
