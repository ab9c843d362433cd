/**
 * Names on disk taken for servers of `node:net`, which every runtime has.
 *
 * @module
 */
import { connect, createServer, type Server } from "node:net";
import process from "node:process";
import { errorCode } from "../adapters/_shared/errors.ts";
import {
  type Binder,
  takeName,
  type TakenName,
} from "../adapters/_shared/disk_name.ts";
import type { Pending } from "../core/transport.ts";

/** Each connection is told the server's process id, and closed. */
export const binder: Binder<Server> = {
  bind: (path) =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.end(`${process.pid}`);
      });
      server.once("error", reject);
      server.listen(path, () => resolve(server));
    }),
  unbind: (server) => new Promise((resolve) => server.close(() => resolve())),
  probe: (path) =>
    new Promise((resolve) => {
      const socket = connect(path);
      socket.once("connect", () => {
        socket.destroy();
        resolve("alive");
      });
      socket.on("error", (error) => resolve(errorCode(error)));
    }),
};

/** A start under way, and how it ends. */
export interface Taking {
  readonly pending: Pending;
  readonly name: Promise<TakenName<Server>>;
}

export function start(path: string, mode: number = 0o600): Taking {
  let pending!: Pending;
  const name = new Promise<TakenName<Server>>((resolve, reject) => {
    pending = takeName(
      { kind: "socket", path, mode, group: undefined },
      binder,
      {
        taken: resolve,
        failed: reject,
      },
    );
  });
  return { pending, name };
}

/** Gives the name back, then the descriptor. */
export async function finish(name: TakenName<Server>): Promise<void> {
  name.release();
  await binder.unbind(name.listener);
}

/** Closes the server and leaves its name, as one does that is killed. */
export async function abandon(name: TakenName<Server>): Promise<void> {
  await binder.unbind(name.listener);
}

/** Who answers at a path: a process id, or `undefined`. */
export function whoAnswers(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(path);
    socket.on("data", (bytes) => said += bytes);
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(said === "" ? undefined : Number(said)));
  });
}
