/** Waiting that has an end. */

/** Thrown where something was awaited for too long. */
export class Overdue extends Error {
  override readonly name = "Overdue";

  constructor(what: string, ms: number) {
    super(`Still waiting for ${what} after ${ms} ms`);
  }
}

/** Waits for a promise for so long, and says what was awaited if it takes longer. */
export async function within<T>(
  ms: number,
  what: string,
  promise: Promise<T> | T,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Overdue(what, ms)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for a condition, looking every few milliseconds. */
export async function until(
  condition: () => boolean,
  what: string,
  ms = 10_000,
): Promise<void> {
  const last = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > last) {
      throw new Overdue(what, ms);
    }
    await sleep(2);
  }
}

/** Waits until a count has stood still for so many milliseconds. */
export async function settled(
  count: () => number,
  quiet = 100,
): Promise<number> {
  let last = count();
  let since = performance.now();
  while (performance.now() - since < quiet) {
    await sleep(5);
    const now = count();
    if (now !== last) since = performance.now();
    last = now;
  }
  return last;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Has a promise that is awaited later not count as unhandled until then. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
