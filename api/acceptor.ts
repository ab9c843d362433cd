/**
 * The driver of one listener: carries connections from the transport to
 * whoever takes them, as the machine decides.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import type { Admission } from "../core/admission.ts";
import { checkListenRequest } from "../core/credentials.ts";
import { SockeyeError, textOf } from "../core/error.ts";
import { ListenerMachine } from "../core/listener.ts";
import type { Deadlined } from "../core/timers.ts";
import type { Runtime, RuntimeBase } from "../core/runtime.ts";
import type {
  ListenEvents,
  ListenHandle,
  ListenRequest,
  StreamHandle,
} from "../core/transport.ts";
import { Loop } from "./loop.ts";
import type { Capacity } from "./options.ts";
import { checkSignal } from "./wait.ts";

/** Who takes the connections of an acceptor. */
export interface Taker {
  /** One for you; call `admission.handleLeft(true)` when it is over. */
  onConnection(handle: StreamHandle): void;
  /** One waits that nobody asked for yet. */
  onArrived(): void;
  onAcceptFailed(error: SockeyeError): void;
  /** A client did not get through the handshake. */
  onRefused(error: SockeyeError): void;
  /** The listener is over; an error says that nobody here asked for it. */
  onOver(error: SockeyeError | undefined): void;
}

/** A listener that stands, and the machine that runs it. */
export class Acceptor implements ListenEvents, Deadlined {
  readonly address: Address;
  readonly machine: ListenerMachine;
  timerIndex = -1;

  readonly #loop: Loop;
  readonly #handle: ListenHandle;
  readonly #admission: Admission;
  #taker!: Taker;
  #waiting: StreamHandle[] = [];
  #draining = false;
  #error: SockeyeError | undefined;

  constructor(
    runtime: RuntimeBase,
    handle: ListenHandle,
    capacity: Capacity,
    admission: Admission,
  ) {
    this.#loop = Loop.of(runtime);
    this.#handle = handle;
    this.#admission = admission;
    this.address = handle.address;
    this.machine = new ListenerMachine({
      acceptsOnDemand: handle.acceptsOnDemand,
      overflow: capacity.overflow,
      maxWaiting: capacity.maxWaiting,
    }, admission);
  }

  /** Names who takes the connections, and begins. */
  start(taker: Taker): void {
    this.#taker = taker;
    this.#handle.attach(this);
    this.drain();
  }

  // What the transport tells

  connection(handle: StreamHandle): void {
    this.#waiting.push(handle);
    this.machine.handleConnection(this.#loop.runtime.now());
    this.drain();
    if (this.machine.waiting > 0) this.#taker.onArrived();
  }

  acceptFailed(error: SockeyeError): void {
    this.machine.handleAcceptFailed(this.#loop.runtime.now(), error.code);
    this.#taker.onAcceptFailed(
      explain(error, `accept on ${formatAddress(this.address)}`),
    );
    this.drain();
  }

  refused(error: SockeyeError): void {
    this.#taker.onRefused(
      explain(error, `admit a client on ${formatAddress(this.address)}`),
    );
  }

  closed(error?: SockeyeError): void {
    this.#error = error;
    this.machine.handleClosed();
    this.drain();
  }

  // What the loop's timer tells

  pollTimeout(): number {
    return this.machine.pollTimeout();
  }

  handleTimeout(now: number): void {
    this.machine.handleTimeout(now);
    this.drain();
  }

  /** Does what the machine says, after every mutation of it. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#drainAll();
    } finally {
      this.#draining = false;
    }
    this.#loop.update(this);
  }

  #drainAll(): void {
    const { runtime } = this.#loop;
    for (;;) {
      const output = this.machine.pollOutput(runtime.now());
      switch (output) {
        case "wait":
          return;
        case "look":
          this.#admission.handleDescriptors(
            runtime.now(),
            runtime.descriptors(),
          );
          break;
        case "reject":
          this.#reject(this.#waiting.pop()!);
          break;
        case "deliver":
          this.#taker.onConnection(this.#waiting.shift()!);
          break;
        case "startAccept":
          this.#handle.startAccept();
          break;
        case "stopAccept":
          this.#handle.stopAccept();
          break;
        case "close":
          this.#handle.close();
          break;
        case "closed":
          this.#taker.onOver(this.#error);
          break;
        default:
          output satisfies never;
      }
    }
  }

  /** Its descriptor counts until the transport says that it is back. */
  #reject(handle: StreamHandle): void {
    handle.attach({
      data: () => false,
      written: () => {},
      readClosed: () => {},
      shutdownDone: () => {},
      closed: () => {
        this.#admission.handleLeft(false);
        this.drain();
      },
    });
    handle.abort();
  }
}

/** Starts to listen; rejects with the runtime's error, its message completed. */
export function startListening(
  runtime: Pick<Runtime, "listen">,
  at: Address,
  request: ListenRequest,
  signal: AbortSignal | undefined,
): Promise<ListenHandle> {
  return new Promise((resolve, reject) => {
    refuseDatagrams(at, "listen on");
    checkListenRequest(at, request);
    checkSignal(signal);
    const onAbort = (): void => {
      pending.cancel();
      reject(signal!.reason);
    };
    const pending = runtime.listen(at, request, {
      listening(handle): void {
        signal?.removeEventListener("abort", onAbort);
        resolve(handle);
      },
      failed(error): void {
        signal?.removeEventListener("abort", onAbort);
        reject(explain(error, `listen on ${formatAddress(at)}`));
      },
    });
    signal?.addEventListener("abort", onAbort);
  });
}

/** @throws {SockeyeError} `ERR_SOCKEYE_UNSUPPORTED` for an address that has no connections. */
export function refuseDatagrams(address: Address, action: string): void {
  if (address.transport !== "udp") return;
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    `Cannot ${action} ${formatAddress(address)}: ` +
      "udp carries datagrams, use bind",
  );
}

/** The same error, saying the action, the address, and why in the words of all runtimes. */
export function explain(error: SockeyeError, action: string): SockeyeError {
  return new SockeyeError(error.code, `Cannot ${action}: ${textOf(error)}`, {
    cause: error.cause ?? error,
  });
}
