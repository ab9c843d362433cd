/**
 * Connecting.
 *
 * @module
 */
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
} from "../core/address.ts";
import { SockeyeError } from "../core/error.ts";
import type { Deadlined } from "../core/timers.ts";
import type {
  ConnectRequest,
  Runtime,
  StreamHandle,
} from "../core/transport.ts";
import { explain, refuseDatagrams } from "./acceptor.ts";
import { StreamConnection } from "./connection.ts";
import { Driver } from "./driver.ts";
import { Loop } from "./loop.ts";
import { checkOptions, connectRequestOf, limitsOf } from "./options.ts";
import type { Connection, ConnectOptions } from "./types.ts";
import { checkSignal, deadlineOf, Waiter } from "./wait.ts";

/** Connects over a runtime; see `connect` in `mod.ts`. */
export async function connectOver(
  runtime: Runtime,
  to: AddressLike,
  options: ConnectOptions,
): Promise<Connection> {
  const address = connectable(parseAddress(to));
  checkOptions(options);
  const limits = limitsOf(options);
  const request = connectRequestOf(options);
  checkSignal(options.signal);
  const handle = await handleFor(runtime, address, request, options);
  const driver = new Driver(Loop.of(runtime), handle, limits, false);
  const connection = new StreamConnection(driver);
  driver.start(connection);
  return connection;
}

function connectable(address: Address): Address {
  refuseDatagrams(address, "connect to");
  if ("port" in address && address.port === 0) {
    throw new SockeyeError(
      "ERR_SOCKEYE_ADDRESS",
      `Cannot connect to ${formatAddress(address)}: port 0 is for listening`,
    );
  }
  return address;
}

/** A connected handle; a deadline or a signal gives the attempt up. */
function handleFor(
  runtime: Runtime,
  address: Address,
  request: ConnectRequest,
  options: ConnectOptions,
): Promise<StreamHandle> {
  const action = `connect to ${formatAddress(address)}`;
  const loop = Loop.of(runtime);
  const deadline = deadlineOf(options, runtime.now());
  const waiter = new Waiter<StreamHandle>(
    deadline,
    options.signal,
    (reason) => {
      giveUp();
      waiter.reject(reason);
    },
  );
  const expiry: Deadlined = {
    timerIndex: -1,
    pollTimeout: () => expired ? Infinity : deadline,
    handleTimeout: () => {
      giveUp();
      waiter.reject(
        new SockeyeError("ETIMEDOUT", `Cannot ${action}: the time was over`),
      );
    },
  };
  let expired = false;
  const settle = (): void => {
    expired = true;
    loop.update(expiry);
  };
  const pending = runtime.connect(address, request, {
    connected(handle): void {
      settle();
      waiter.resolve(handle);
    },
    failed(error): void {
      settle();
      waiter.reject(explain(error, action));
    },
  });
  const giveUp = (): void => {
    settle();
    pending.cancel();
  };
  loop.update(expiry);
  return waiter.promise;
}
