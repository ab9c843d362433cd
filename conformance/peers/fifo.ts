/**
 * Foreign peers over FIFOs: Python at the other end, from the protocol alone.
 *
 * A gateway in Python joins each FIFO connection to a Unix socket, so that the
 * peers of the other transports serve here too. What is paused there piles up
 * in the gateway: 64 KiB for each direction, and what a Unix socket holds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../program.ts";
import { fifoGateway } from "../programs/fifo.ts";
import { NetPeer } from "./net.ts";
import type { ForeignServer, Peer, PeerOptions } from "./peer.ts";

/** Sockets that a gateway connects to. */
class Inlet {
  readonly path: string;
  readonly #directory: string;
  readonly #server: Server;
  readonly #arrived: Socket[] = [];
  readonly #waiting: ((socket: Socket) => void)[] = [];

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), "sockeye-gateway-"));
    this.path = join(this.#directory, "s");
    this.#server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true },
      (socket) => {
        const taker = this.#waiting.shift();
        if (taker) taker(socket);
        else this.#arrived.push(socket);
      },
    );
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.path, () => resolve());
    });
    return this;
  }

  next(): Promise<Socket> {
    const socket = this.#arrived.shift();
    if (socket) return Promise.resolve(socket);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#arrived) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Foreign peers of one case. */
export class FifoForeign {
  #program: Program | undefined;
  #inlet: Promise<Inlet> | undefined;
  /** One command at a time: what it gives is told by its order. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #all: Peer[] = [];

  async connect(path: string, options: PeerOptions = {}): Promise<Peer> {
    const inlet = await (this.#inlet ??= new Inlet().open());
    const connecting = this.#last.then(async () => {
      await this.command("connect", path, inlet.path);
      return await inlet.next();
    });
    this.#last = connecting.catch(() => {});
    return this.toPeer(await connecting, options);
  }

  async listen(path: string, options: PeerOptions = {}): Promise<FifoServer> {
    const inlet = await new Inlet().open();
    const listening = this.#last.then(() =>
      this.command("listen", path, inlet.path)
    );
    this.#last = listening.catch(() => {});
    await listening;
    return new FifoServer(this, path, inlet, options);
  }

  async command(...words: string[]): Promise<void> {
    this.#program ??= new Program(["python3", "-c", fifoGateway]);
    this.#program.say(words.join(" "));
    const code = await this.#program.line();
    if (code !== "ok") {
      throw Object.assign(new Error(`The gateway says ${code}`), { code });
    }
  }

  toPeer(socket: Socket, { paused = false }: PeerOptions): Peer {
    const peer = new NetPeer(socket, true, { paused });
    if (!paused) socket.resume();
    this.#all.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    for (const peer of this.#all) await peer.destroy();
    await this.#program?.stop();
    await (await this.#inlet)?.close();
  }
}

class FifoServer implements ForeignServer {
  readonly address: string;
  readonly #foreign: FifoForeign;
  readonly #path: string;
  readonly #inlet: Inlet;
  readonly #options: PeerOptions;

  constructor(
    foreign: FifoForeign,
    path: string,
    inlet: Inlet,
    options: PeerOptions,
  ) {
    this.address = `fifo:${path}`;
    this.#foreign = foreign;
    this.#path = path;
    this.#inlet = inlet;
    this.#options = options;
  }

  async accept(): Promise<Peer> {
    return this.#foreign.toPeer(await this.#inlet.next(), this.#options);
  }

  async close(): Promise<void> {
    await this.#foreign.command("close", this.#path);
    await this.#inlet.close();
  }
}
