/** The simulated network, for programs that run anywhere. */
export * from "@sockeye/net/memory";
