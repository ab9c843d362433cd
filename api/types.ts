/**
 * What users of the streams hold and hand in: types only.
 *
 * @module
 */
export type * from "./types/connection.ts";
export type * from "./types/options.ts";
export type * from "./types/server.ts";
