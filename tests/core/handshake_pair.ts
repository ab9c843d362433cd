/**
 * A server's and a client's handshake, a disk and a clock, simulated: one
 * effect at a time, with pieces of any size on the wire.
 *
 * @module
 */
import type { ErrorCode } from "../../core/error.ts";
import {
  answerChallenge,
  type CallRequest,
  challenge,
  type ChallengeRequest,
} from "../../core/credentials.ts";
import type { HandshakeMachine } from "../../core/credentials/handshake.ts";
import type { FoundFile } from "../../core/disk_name/effects.ts";
import type {
  PlaceEffect,
  PlaceFlow,
  PlaceResult,
} from "../../core/credentials/effects.ts";
import { PlaceMachine } from "../../core/credentials/place.ts";

export const nonce = "0123456789abcdef0123456789abcdef";
export const place = {
  path: "/run/app.sock",
  identity: "8:42",
  directory: "/run/app.sock.auth",
};
/** Where the proof must be. */
export const proof = `${place.directory}/8-42-${nonce}`;

type File = { -readonly [key in keyof FoundFile]: FoundFile[key] };

/** What stands at paths. */
export class Disk {
  readonly files: Map<string, File> = new Map();
  readonly log: string[] = [];
  /** Whose process acts. */
  uid = 1000;
  /** What happens to an effect before it is done; a code fails it. */
  fault: (effect: PlaceEffect) => ErrorCode | void = () => {};
  #inode = 100;

  constructor() {
    this.put("/", "directory", { mode: 0o755, uid: 0 });
    this.put("/run", "directory", { mode: 0o755, uid: 0 });
    this.put(place.path, "socket", { identity: place.identity, uid: 500 });
    this.put(place.directory, "directory", { mode: 0o1733, uid: 500 });
  }

  put(
    path: string,
    kind: FoundFile["kind"],
    more: Partial<FoundFile> = {},
  ): File {
    const file: File = {
      kind,
      identity: `8:${++this.#inode}`,
      uid: this.uid,
      age: 0,
      mode: 0o700,
      links: 1,
      group: 0,
      ...more,
    };
    this.files.set(path, file);
    return file;
  }

  children(path: string): string[] {
    const start = path === "/" ? "/" : `${path}/`;
    return [...this.files.keys()].filter((name) =>
      name !== "/" && name.startsWith(start) &&
      !name.slice(start.length).includes("/")
    ).map((name) => name.slice(start.length));
  }

  perform(effect: PlaceEffect): PlaceResult {
    this.log.push(`${effect.do} ${effect.path}`);
    const code = this.fault(effect);
    if (code) return { code };
    const { path } = effect;
    const there = this.files.get(path);
    if (effect.do === "makeDirectory") {
      if (there) return { code: "EEXIST" };
      this.put(path, "directory", { mode: effect.mode });
      return {};
    }
    if (!there) return { code: "ENOENT" };
    switch (effect.do) {
      case "resolve":
        return { path };
      case "inspect":
        return { found: { ...there } };
      case "list":
        return { names: this.children(path) };
      case "chmod":
        there.mode = effect.mode;
        return {};
      case "unlink":
        if (there.kind === "directory") return { code: "EISDIR" };
        this.files.delete(path);
        return {};
      case "removeDirectory":
        if (there.kind !== "directory") return { code: "ENOTDIR" };
        if (this.children(path).length > 0) return { code: "EEXIST" };
        this.files.delete(path);
        return {};
      default:
        return effect satisfies never;
    }
  }

  run<T>(flow: PlaceFlow<T>): T {
    const machine = new PlaceMachine(flow);
    for (;;) {
      const effect = machine.pollEffect();
      if (effect === undefined) return machine.result;
      machine.handleResult(this.perform(effect));
    }
  }
}

/** One side, and what it has sent. */
export class Side {
  readonly machine: HandshakeMachine;
  readonly disk: Disk;
  sent = "";
  #uid: number;

  constructor(machine: HandshakeMachine, disk: Disk, uid: number) {
    this.machine = machine;
    this.disk = disk;
    this.#uid = uid;
    this.run();
  }

  /** Does what can be done without the peer. */
  run(): this {
    for (;;) {
      const effect = this.machine.pollEffect();
      switch (effect.do) {
        case "receive":
        case "done":
        case "left":
          return this;
        case "failed":
          this.sent += effect.farewell ?? "";
          return this;
        case "send":
          this.sent += effect.text;
          this.machine.handleResult({});
          break;
        case "connect":
          this.machine.handleResult({});
          break;
        default:
          this.disk.uid = this.#uid;
          this.machine.handleResult(this.disk.perform(effect));
      }
    }
  }

  /** These characters arrive, in pieces of these lengths, the last one repeated. */
  hear(text: string, ...lengths: number[]): this {
    const bytes = bytesOf(text);
    let [length = bytes.length] = lengths;
    for (let at = 0; at < bytes.length;) {
      length = lengths.shift() ?? length;
      this.machine.handleData(bytes.subarray(at, at + length));
      at += length;
      if (this.machine.pollEffect().do !== "receive") this.run();
    }
    return this;
  }

  get end(): string {
    const effect = this.machine.pollEffect();
    return effect.do === "failed"
      ? `${effect.error.code}: ${effect.error.message}`
      : effect.do;
  }

  get rest(): string {
    return String.fromCharCode(...this.machine.rest);
  }
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function serverSide(
  disk: Disk,
  request: Partial<ChallengeRequest> = {},
): Side {
  const wanted = { place, nonce, allowUsers: undefined, timeout: 1000 };
  return new Side(challenge(0, { ...wanted, ...request }), disk, 500);
}

export function clientSide(
  disk: Disk,
  request: Partial<CallRequest> = {},
): Side {
  const uid = request.uid ?? 1000;
  const wanted = {
    path: place.path,
    identify: true,
    expectServer: undefined,
    pid: 77,
    uid,
    timeout: 1000,
  };
  return new Side(answerChallenge(0, { ...wanted, ...request }), disk, uid);
}
