/** Bare `node:dgram` as a subject: the obvious call for each verb. */
import { createSocket, type Socket } from "node:dgram";
import type {
  BindOptions,
  Datagram,
  DatagramSocket,
  DatagramStats,
} from "../../../api/datagram/types.ts";
import type { Op } from "../../../api/types.ts";
import {
  type Address,
  type AddressLike,
  parseAddress,
  type UdpAddress,
} from "../../../core/address.ts";
import type { Runtime } from "../../../core/runtime.ts";
import { NotApplicable } from "../../../conformance/harness.ts";
import { ControlError, missing, race, support } from "./bare.ts";
import type {
  DatagramSubject,
  DatagramTransport,
} from "../../../conformance/subject.ts";

/** Bare `node:dgram` over one transport. */
export function dgram(transport: DatagramTransport): DatagramSubject {
  return { name: "dgram", bare: true, transport, support: support({}), bind };
}

async function bind(
  at: AddressLike,
  options: BindOptions = {},
): Promise<DatagramSocket> {
  const { host, port } = udp(at);
  const type = host.includes(":") ? "udp6" : "udp4";
  const socket = createSocket({
    type,
    reuseAddr: options.reuseAddress ?? false,
    ipv6Only: options.ipv6Only ?? false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => reject(translate(error)));
    socket.bind(port, host, () => resolve());
  });
  socket.removeAllListeners("error");
  const { multicastInterface, multicastTtl } = options;
  if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
  if (multicastInterface !== undefined) {
    socket.setMulticastInterface(multicastInterface);
  }
  return new BareSocket(socket, options);
}

interface Waiting {
  resolve(datagram: Datagram): void;
  reject(error: unknown): void;
}

/** Waiting receives, datagrams that wait, and what the events say. */
class BareSocket implements DatagramSocket {
  readonly localAddress: Address;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #arrived: Datagram[] = [];
  readonly #waiting: Waiting[] = [];
  #connected = false;
  #closed = false;

  constructor(socket: Socket, { onDatagram }: BindOptions) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.localAddress = { transport: "udp", host: address, port };
    this.closed = new Promise((resolve) =>
      socket.once("close", () => resolve())
    );
    socket.on("message", (bytes, { address, port }) => {
      const from: Address = { transport: "udp", host: address, port };
      const datagram = { bytes, from };
      if (onDatagram !== undefined) return void onDatagram(datagram, this);
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#arrived.push(datagram);
      else waiter.resolve(datagram);
    });
    socket.on("error", (error) => this.#fail(translate(error)));
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  send(bytes: Uint8Array, to?: AddressLike): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void =>
        error ? reject(translate(error)) : resolve();
      try {
        if (to === undefined) return this.#socket.send(bytes, done);
        const { host, port } = udp(to);
        this.#socket.send(bytes, port, host, done);
      } catch (error) {
        reject(translate(error));
      }
    });
  }

  receive(op?: Op): Promise<Datagram> {
    const datagram = this.#arrived.shift();
    if (datagram !== undefined) return Promise.resolve(datagram);
    if (this.#closed) {
      return Promise.reject(new ControlError("ERR_SOCKEYE_CLOSED"));
    }
    let waiter: Waiting;
    const promise = new Promise<Datagram>((resolve, reject) => {
      this.#waiting.push(waiter = { resolve, reject });
    });
    return race(promise, op).catch((error) => {
      const index = this.#waiting.indexOf(waiter);
      if (index >= 0) this.#waiting.splice(index, 1);
      throw error;
    });
  }

  connect(to: AddressLike): Promise<void> {
    const { host, port } = udp(to);
    return new Promise((resolve, reject) => {
      try {
        if (this.#connected) this.#socket.disconnect();
        this.#socket.connect(
          port,
          host,
          (error?: Error) => {
            this.#connected = !error;
            if (error) reject(translate(error));
            else resolve();
          },
        );
      } catch (error) {
        reject(translate(error));
      }
    });
  }

  disconnect(): void {
    this.#connected = false;
    this.#socket.disconnect();
  }

  joinGroup(group: string, interfaceName?: string): void {
    this.#socket.addMembership(group, interfaceName);
  }

  leaveGroup(group: string, interfaceName?: string): void {
    this.#socket.dropMembership(group, interfaceName);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#fail(new ControlError("ERR_SOCKEYE_CLOSED"));
      this.#socket.close();
    }
    return this.closed;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Datagram> {
    try {
      for (;;) yield await this.receive();
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get remoteAddress(): Address | undefined {
    return missing("remoteAddress");
  }
  get stats(): DatagramStats {
    return missing("counts");
  }
  get readiness(): number {
    return missing("readiness");
  }
  get runtime(): Runtime {
    return missing("runtime");
  }
  tryReceive(): Datagram | undefined {
    return missing("tryReceive");
  }
  watch(): () => void {
    return missing("watch");
  }
}

function udp(address: AddressLike): UdpAddress {
  const parsed = parseAddress(address);
  if (parsed.transport === "udp") return parsed;
  throw new NotApplicable(`The API has no ${parsed.transport}`);
}

/** Names of errors are not what is compared: these are well-known ones. */
function translate(error: unknown): unknown {
  const { code } = error as { code?: string };
  const names: Record<string, string> = {
    ERR_SOCKET_DGRAM_NOT_RUNNING: "ERR_SOCKEYE_CLOSED",
    ERR_SOCKET_DGRAM_NOT_CONNECTED: "ENOTCONN",
    ERR_SOCKET_BAD_PORT: "ENOTCONN",
    ERR_SOCKET_DGRAM_IS_CONNECTED: "ERR_SOCKEYE_STATE",
  };
  return code !== undefined && code in names
    ? new ControlError(names[code]!, error)
    : error;
}
