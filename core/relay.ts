/**
 * The relay: a connection of one thread, served in another.
 *
 * No runtime lets a socket change threads: the descriptor is the process's, both
 * threads would own its number, and whoever closes second closes a stranger's.
 * So the socket stays with the thread that accepted it, and what the contract of
 * `transport.ts` says travels between the two, frame by frame
 * (`relay/frames.ts`): commands one way, events the other, in order.
 *
 * - `relay/socket_side.ts` stands beside the socket, and carries out what the
 *   other side asks.
 * - `relay/handler_side.ts` stands beside the driver, and tells it what the socket
 *   told: when it asked to be told, and as the contract wants it told.
 *
 * Both are bounded. Towards the handler there is credit: bytes are read only
 * while fewer than `relayWindow` are on their way or wait there, small pieces
 * counted for more (`relay/credit.ts`), and the kernel stops the peer. Towards the socket the contract bounds it: one transmit is
 * pending at a time, and it is over when the system has taken its bytes, so
 * that a write is told at the moment at which it would be told without a relay.
 *
 * What ends a connection stays what it was: an end comes behind all bytes; a
 * reset is told behind them, or when something was still to be written; and when
 * the thread of the handler ends before its time, its connections are aborted.
 *
 * @module
 */

/**
 * Bytes that are read ahead of the handler's thread. With one read of 64 KiB the
 * two threads would wait for each other; twice that keeps both at work.
 */
export const relayWindow = 131_072;

export {
  type FrameKind,
  FrameQueue,
  isShared,
  type Opened,
  readFailure,
  readFrames,
  writeFailure,
  type WrittenFailure,
} from "./relay/frames.ts";
export { HandlerSide, type HandlerSideOutput } from "./relay/handler_side.ts";
export { SocketSide, type SocketSideCommand } from "./relay/socket_side.ts";
