/** A module that is not content with what it is told at its start. */

/** Wants to be told something. */
export function onStart(data: unknown): Promise<void> {
  return Promise.reject(new RangeError(`Not with ${data}`));
}

export default {};
