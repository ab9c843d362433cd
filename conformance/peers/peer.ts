/** What a foreign peer is, whatever it is made of. */

/** One end of a connection, held by a foreigner. */
export interface Peer {
  /** Bytes that arrived so far. */
  readonly received: number;
  /** What arrived so far. */
  bytes(): Uint8Array;
  /** Resolves with `end`, or with the code of the error that came instead. */
  readonly over: Promise<string>;
  /** Resolves when the bytes have been handed to the system. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends its direction, with these as the last bytes if given. */
  end(bytes?: Uint8Array): Promise<void>;
  /** Sends a reset; over a Unix socket only if it has left bytes unread. */
  reset(): void;
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Closes without further ado. */
  destroy(): Promise<void>;
}

/** A server held by a foreigner. */
export interface ForeignServer {
  /** Where to connect to. */
  readonly address: string;
  accept(): Promise<Peer>;
  close(): Promise<void>;
}

/** How a peer begins. */
export interface PeerOptions {
  /** It reads nothing until it is told to. */
  readonly paused?: boolean;
}
