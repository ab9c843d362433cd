/**
 * Foreign peers: bare `node:net` at the other end, so that a fault of the
 * library cannot hide behind the same fault at its own other end. Over `mem`,
 * which has no foreigners, the library plays the part.
 */
import { connect, createServer } from "node:net";
import type { AddressLike } from "../core/address.ts";
import { netAddress, pathOf } from "./addresses.ts";
import { FifoForeign } from "./peers/fifo.ts";
import { MemPeer, MemServer } from "./peers/memory.ts";
import { NetPeer, NetServer } from "./peers/net.ts";
import type { ForeignServer, Peer, PeerOptions } from "./peers/peer.ts";
import type { Scratch } from "./scratch.ts";
import type { Subject } from "./subject.ts";

/** A peer that is destroyed waits for nobody. */
const noLinger = { lingerTimeout: 0, flushTimeout: 100 };

/** Makes foreign peers for one transport. */
export class Foreign {
  readonly #subject: Subject;
  readonly #scratch: Scratch;
  readonly #fifos: FifoForeign = new FifoForeign();

  constructor(subject: Subject, scratch: Scratch) {
    this.#subject = subject;
    this.#scratch = scratch;
  }

  async connect(
    to: AddressLike,
    options?: PeerOptions,
  ): Promise<Peer> {
    if (this.#subject.transport === "mem") {
      return new MemPeer(await this.#subject.connect(to, noLinger), options);
    }
    if (this.#subject.transport === "fifo") {
      return await this.#fifos.connect(pathOf(to), options);
    }
    const socket = connect({ ...netAddress(to), allowHalfOpen: true });
    // Before the connection stands, or a first chunk is read all the same.
    if (options?.paused) socket.pause();
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve();
      });
    });
    return new NetPeer(socket, this.#subject.transport === "unix", options);
  }

  async listen(options?: PeerOptions): Promise<ForeignServer> {
    const at = this.#scratch.address();
    if (this.#subject.transport === "mem") {
      return new MemServer(await this.#subject.listen(at, noLinger), options);
    }
    if (this.#subject.transport === "fifo") {
      return await this.#fifos.listen(pathOf(at), options);
    }
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: options?.paused ?? false,
    });
    const foreign = new NetServer(server, at, options);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(netAddress(at), () => resolve());
    });
    return foreign;
  }

  /** Ends whatever served them all. */
  async close(): Promise<void> {
    await this.#fifos.close();
  }
}
