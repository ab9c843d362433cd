/** Everything of the core, and nothing else. */
export * from "@sockeye/net/core";
