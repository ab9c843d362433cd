/**
 * A directory with FIFOs in it, and processes at their ends, simulated: what
 * the machines of the rendezvous ask for is done in memory, one effect at a
 * time, so that a test decides who goes next, what fails, and who is killed.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "../../core/error.ts";
import { SockeyeError } from "../../core/error.ts";
import {
  RendezvousClient,
  type RendezvousClientOptions,
} from "../../core/rendezvous/client.ts";
import type {
  ClientEffect,
  FileEffect,
  FoundFile,
  RendezvousEnd,
  ServerEffect,
} from "../../core/rendezvous/effects.ts";
import type {
  RendezvousServerOptions,
  ServerHandshake,
} from "../../core/rendezvous/handshake.ts";
import { RendezvousServer } from "../../core/rendezvous/server.ts";
import { RendezvousSweep } from "../../core/rendezvous/sweep.ts";
import type { Credentials } from "../../core/transport.ts";

export const path = "run/app";
export const timeout = 10_000;
/** A pipe's capacity on Linux (pipe(7)). */
const capacity = 65536;

/** What stands at a name. */
export interface Node {
  kind: FoundFile["kind"];
  readonly inode: number;
  uid: number;
  group: number;
  mode: number;
  links: number;
  modified: number;
  readers: number;
  writers: number;
  content: string;
}

/** One descriptor. */
export interface Opened {
  readonly node: Node;
  readonly to: "read" | "write";
}

/** Why an effect failed. */
export class Failed {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    this.code = code;
  }
}

/** The names, and a clock. */
export class World {
  now = 1_000_000;
  readonly log: string[] = [];
  readonly files: Map<string, Node> = new Map();
  readonly processes: Set<number> = new Set();
  #inode = 0;

  put(at: string, more: Partial<Node> = {}): Node {
    const node: Node = {
      kind: "fifo",
      inode: ++this.#inode,
      uid: 1000,
      group: 1000,
      mode: 0o600,
      links: 1,
      modified: this.now,
      readers: 0,
      writers: 0,
      content: "",
      ...more,
    };
    this.files.set(at, node);
    return node;
  }

  at(name: string): Node {
    const node = this.files.get(name);
    if (node === undefined) throw new Failed("ENOENT");
    return node;
  }

  /** What is in the directory but the rendezvous. */
  pairs(): string[] {
    return [...this.files.keys()].filter((name) => name !== path).sort();
  }

  open(name: string, to: "read" | "write", uid: number): Opened {
    const node = this.at(name);
    if (node.kind === "link") throw new Failed("ELOOP");
    // Everybody is in each other's group here.
    const bit = to === "read" ? 0o044 : 0o022;
    const mine = uid === 0 || uid === node.uid || (node.mode & bit) !== 0;
    if (!mine) throw new Failed("EACCES");
    if (node.kind === "fifo") {
      if (to === "write" && node.readers === 0) throw new Failed("ENXIO");
      if (to === "read") node.readers++;
      else node.writers++;
    }
    return { node, to };
  }

  close({ node, to }: Opened): void {
    if (to === "read") node.readers--;
    else node.writers--;
  }

  write({ node, to }: Opened, text: string): void {
    assert.equal(to, "write", "a descriptor for reading was written to");
    assert.ok(text.length <= 4096, "more than PIPE_BUF");
    if (node.readers === 0) throw new Failed("EPIPE");
    if (node.content.length + text.length > capacity) {
      throw new Failed("EAGAIN");
    }
    node.content += text;
  }

  found(node: Node): FoundFile {
    return {
      kind: node.kind,
      identity: `1:${node.inode}`,
      uid: node.uid,
      age: this.now - node.modified,
      group: node.group,
      mode: node.mode,
      links: node.links,
    };
  }

  unlink(name: string): void {
    this.at(name).links--;
    this.files.delete(name);
  }
}

/** The open ends of one handshake, and what is done with them. */
class Ends {
  readonly world: World;
  readonly uid: number;
  readonly open: Map<RendezvousEnd, Opened> = new Map();

  constructor(world: World, uid: number) {
    this.world = world;
    this.uid = uid;
  }

  perform(effect: FileEffect): FoundFile | undefined {
    const { world } = this;
    switch (effect.do) {
      case "open":
        assert.ok(!this.open.has(effect.end), `${effect.end} is open already`);
        this.open.set(
          effect.end,
          world.open(effect.path, effect.to, this.uid),
        );
        return;
      case "look":
        return world.found(this.#of(effect.end).node);
      case "write":
        return void world.write(this.#of(effect.end), effect.text);
      case "close":
        world.close(this.#of(effect.end));
        return void this.open.delete(effect.end);
      case "unlink":
        return void world.unlink(effect.path);
    }
  }

  #of(end: RendezvousEnd): Opened {
    const opened = this.open.get(end);
    assert.ok(opened, `${end} is not open`);
    return opened;
  }

  closeAll(): void {
    for (const opened of this.open.values()) this.world.close(opened);
    this.open.clear();
  }
}

let serial = 0;

/** A client process. */
export class Client {
  readonly world: World;
  readonly machine: RendezvousClient;
  readonly ends: Ends;
  readonly pid: number;
  readonly nonce: string;
  readonly uid: number;
  dead = false;

  constructor(
    world: World,
    options: Partial<RendezvousClientOptions> & { uid?: number } = {},
  ) {
    this.world = world;
    this.uid = options.uid ?? 1000;
    this.ends = new Ends(world, this.uid);
    this.pid = options.pid ?? 100 + ++serial;
    this.nonce = options.nonce ?? (++serial).toString(16).padStart(32, "0");
    world.processes.add(this.pid);
    this.machine = new RendezvousClient(world.now, {
      path,
      expectServer: undefined,
      timeout,
      ...options,
      pid: this.pid,
      nonce: this.nonce,
    });
  }

  get name(): string {
    return `${path}.${this.pid}.${this.nonce}`;
  }

  get end(): "done" | SockeyeError | undefined {
    const effect = this.machine.pollEffect();
    if (effect.do === "failed") return effect.error;
    return effect.do === "done" ? "done" : undefined;
  }

  /** Whether it waits for somebody else, or for time to pass. */
  get waits(): boolean {
    const { do: what } = this.machine.pollEffect();
    return what === "wait" ||
      (what === "receive" && this.#received().content === "");
  }

  /** Does one effect; with `failure`, it fails so instead. */
  step(failure?: ErrorCode): void {
    const { machine, world } = this;
    const effect = machine.pollEffect();
    world.log.push(describe(effect));
    try {
      if (failure !== undefined) throw new Failed(failure);
      const outcome = this.#perform(effect);
      if (outcome === "told") return;
      if (outcome === undefined) machine.handleDone(world.now);
      else machine.handleFound(world.now, outcome);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      machine.handleFailed(world.now, error.code);
    }
  }

  #perform(effect: ClientEffect): FoundFile | undefined | "told" {
    const { world, machine } = this;
    switch (effect.do) {
      case "inspect":
        return world.found(world.at(effect.path));
      case "makeFifos":
        for (const each of effect.paths) {
          if (world.files.has(each)) throw new Failed("EEXIST");
          world.put(each, { uid: this.uid, group: this.uid });
        }
        return;
      case "chmod":
        world.at(effect.path).mode = effect.mode;
        return;
      case "chown":
        world.at(effect.path).group = effect.group;
        return;
      case "wait":
      case "receive": {
        const node = effect.do === "receive" ? this.#received() : undefined;
        if (node !== undefined && node.content !== "") {
          const bytes = ascii(node.content);
          node.content = "";
          machine.handleBytes(world.now, bytes);
          return "told";
        }
        world.now = Math.max(world.now, machine.pollTimeout());
        machine.handleTimeout(world.now);
        return "told";
      }
      case "done":
      case "failed":
        throw new Error(`Nobody performs ${effect.do}`);
      default:
        return this.ends.perform(effect);
    }
  }

  #received(): Node {
    return this.ends.open.get("s2c")!.node;
  }

  /** To the end, or until it waits. */
  run(): this {
    for (let step = 0; this.end === undefined && !this.waits; step++) {
      assert.ok(step < 1000, "it does not come to an end");
      this.step();
    }
    return this;
  }

  /** `kill -9`: nothing is cleaned up, its descriptors are closed. */
  kill(): void {
    this.dead = true;
    this.world.processes.delete(this.pid);
    this.ends.closeAll();
  }

  /** Asserts that the failed or dead client holds nothing. */
  assertNothingOpen(): void {
    assert.deepEqual([...this.ends.open.keys()], []);
  }
}

/** A connection that the server admitted. */
export interface Admitted {
  readonly credentials: Credentials;
  readonly c2s: Opened;
  readonly s2c: Opened;
}

/** A server process that holds the rendezvous. */
export class Server {
  readonly world: World;
  readonly machine: RendezvousServer;
  readonly admitted: Admitted[] = [];
  readonly refused: SockeyeError[] = [];
  readonly exhausted: SockeyeError[] = [];
  readonly uid: number;
  /** What the next effects of a kind fail with. */
  failing: ((effect: ServerEffect) => ErrorCode | undefined) | undefined;
  readonly #node: Node;
  readonly #ends: Map<ServerHandshake, Ends> = new Map();
  readonly #held: Opened[];

  constructor(
    world: World,
    options: Partial<RendezvousServerOptions> & {
      uid?: number;
      mode?: number;
      rendezvousGroup?: number;
    } = {},
  ) {
    this.world = world;
    this.uid = options.uid ?? 1000;
    this.#node = world.put(path, {
      uid: this.uid,
      mode: options.mode ?? 0o600,
      group: options.rendezvousGroup ?? 1000,
    });
    this.#held = [
      world.open(path, "read", this.uid),
      world.open(path, "write", this.uid),
    ];
    this.machine = new RendezvousServer({
      path,
      timeout,
      allowUsers: undefined,
      group: undefined,
      ...options,
    });
    this.machine.setAccepting(true);
  }

  /** One turn: reads if it wants to, then does what there is to do. */
  turn(): void {
    const { machine } = this;
    if (machine.wantsBytes && this.#node.content !== "") {
      machine.handleBytes(ascii(this.#node.content));
      this.#node.content = "";
    }
    machine.startTurn();
    for (;;) {
      const handshake = machine.poll(this.world.now);
      if (handshake === undefined) return;
      this.#advance(handshake);
    }
  }

  /** Turns until nothing is left to do but to wait. */
  settle(): this {
    for (let turn = 0; turn < 1000; turn++) {
      this.turn();
      const due = this.machine.pollTimeout(this.world.now);
      const more = this.machine.wantsBytes && this.#node.content !== "";
      if (due > this.world.now && !more) return this;
    }
    throw new Error("It does not come to rest");
  }

  #advance(handshake: ServerHandshake): void {
    const { world } = this;
    const ends = this.#ends.get(handshake) ?? new Ends(world, this.uid);
    this.#ends.set(handshake, ends);
    for (;;) {
      const effect = handshake.pollEffect();
      world.log.push(`server ${describe(effect)}`);
      if (effect.do === "wait") return;
      if (effect.do === "admit" || effect.do === "refuse") {
        this.#end(effect, ends);
        handshake.handleDone(world.now);
        this.#ends.delete(handshake);
        return;
      }
      try {
        const failure = this.failing?.(effect);
        if (failure !== undefined) throw new Failed(failure);
        if (effect.do === "exhausted") this.exhausted.push(effect.error);
        const found = effect.do === "exhausted"
          ? undefined
          : ends.perform(effect);
        if (found === undefined) handshake.handleDone(world.now);
        else handshake.handleFound(world.now, found);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        handshake.handleFailed(world.now, error.code);
      }
    }
  }

  #end(
    effect: Extract<ServerEffect, { do: "admit" | "refuse" }>,
    { open }: Ends,
  ): void {
    if (effect.do === "refuse") {
      assert.deepEqual([...open.keys()], [], "a refusal left ends open");
      this.refused.push(effect.error);
      return;
    }
    assert.deepEqual([...open.keys()].sort(), ["c2s", "s2c"]);
    this.admitted.push({
      credentials: effect.credentials,
      c2s: open.get("c2s")!,
      s2c: open.get("s2c")!,
    });
  }

  /** Gives the descriptors of the rendezvous back. */
  kill(): void {
    for (const opened of this.#held.splice(0)) this.world.close(opened);
    for (const ends of this.#ends.values()) ends.closeAll();
    for (const { c2s, s2c } of this.admitted) {
      this.world.close(c2s);
      this.world.close(s2c);
    }
  }

  /** Writes to the rendezvous what no client of ours writes. */
  hears(text: string): this {
    this.#node.content += text;
    return this.settle();
  }
}

/** One sweep; gives how many files went. */
export function sweep(world: World, age: number = timeout): number {
  const machine = new RendezvousSweep({ path, age });
  for (;;) {
    const effect = machine.pollEffect();
    try {
      switch (effect.do) {
        case "done":
          return machine.removed;
        case "list":
          assert.equal(effect.path, "run/");
          machine.handleListed(
            [...world.files.keys()].map((name) => name.slice(4)),
          );
          break;
        case "inspect":
          machine.handleFound(world.found(world.at(effect.path)));
          break;
        case "probe":
          world.close(world.open(effect.path, "write", 0));
          machine.handleDone();
          break;
        case "probeProcess":
          if (!world.processes.has(effect.pid)) throw new Failed("ENOENT");
          machine.handleDone();
          break;
        case "unlink":
          world.unlink(effect.path);
          machine.handleDone();
      }
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      machine.handleFailed(error.code);
    }
  }
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function describe(effect: ClientEffect | ServerEffect): string {
  const words: string[] = [effect.do];
  if ("end" in effect) words.push(effect.end);
  if ("to" in effect) words.push(effect.to);
  if ("text" in effect) words.push(JSON.stringify(effect.text));
  if ("path" in effect && effect.do !== "open") {
    words.push(effect.path.replace(/^run\//, "").replace(/\.\d+\.\w+/, ""));
  }
  return words.join(" ");
}

/** Why a client failed; asserts that it holds nothing. */
export function failureOf(client: Client): SockeyeError {
  assert.ok(client.end instanceof SockeyeError, `it ended ${client.end}`);
  assert.equal(client.machine.state, "closed");
  client.assertNothingOpen();
  return client.end;
}

/** The client is through, and its ends are the server's, crosswise. */
export function assertConnected(
  client: Client,
  server: Server,
  index: number = 0,
): void {
  const admitted = server.admitted[index];
  assert.ok(admitted, `refused: ${server.refused}`);
  assert.equal(client.end, "done");
  assert.equal(client.machine.state, "open");
  assert.deepEqual([...client.ends.open.keys()].sort(), ["c2s", "s2c"]);
  const { c2s, s2c } = admitted;
  assert.equal(client.ends.open.get("c2s")?.node, c2s.node);
  assert.equal(client.ends.open.get("s2c")?.node, s2c.node);
  for (const { node } of [c2s, s2c]) {
    assert.deepEqual([node.readers, node.writers, node.links], [1, 1, 0]);
  }
}
