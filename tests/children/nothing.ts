/** A module that exports no handler. */
export const handler = 5;
