/**
 * What a pool says that is to be done.
 *
 * @module
 */

/** What the driver is to do next. */
export type PoolOutput =
  /** Start a child by this number. */
  | { readonly do: "start"; readonly child: number }
  /** Give it the connection that waits longest. */
  | { readonly do: "deliver"; readonly child: number }
  /** Tell it to finish within `grace` ms (`Infinity`: as long as it takes) and to end. */
  | { readonly do: "retire"; readonly child: number; readonly grace: number }
  /** End it at once. */
  | { readonly do: "kill"; readonly child: number }
  /** Abort the connection that waits longest: nobody will serve it. */
  | { readonly do: "drop" }
  /** All is over; once, and last. */
  | { readonly do: "closed" }
  | { readonly do: "wait" };
