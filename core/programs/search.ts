/**
 * Where a program may be, by its name: as execvp(3) looks for it.
 *
 * @module
 */

import type { ErrorCode } from "../error.ts";

/** Where the C library looks if there is no PATH; see confstr(3), _CS_PATH. */
const standardPath = "/bin:/usr/bin";

/**
 * The paths at which a command may be found, best first. One with a slash is a
 * path already; an empty entry of `path` is the directory that it runs in.
 */
export function placesOf(
  name: string,
  path: string | undefined,
  cwd: string | undefined,
): readonly string[] {
  if (name.includes("/")) return [within(cwd, name)];
  return (path ?? standardPath)
    .split(":")
    .map((directory) => within(cwd, `${directory || "."}/${name}`));
}

/** What is at one place: a program, something else, or none that may be looked for. */
export type Found = "program" | ErrorCode | "forbidden";

/**
 * Looks at one place after the other for a program, and gives what comes of it.
 * What may not be run is passed over, and told if there is nothing else, as by
 * execvp(3); `forbidden` if it may be looked for nowhere.
 */
export function search(
  places: readonly string[],
  look: (place: string) => Found,
): Found {
  let code: ErrorCode | undefined;
  for (const place of places) {
    const found = look(place);
    if (found === "program") return found;
    if (found === "forbidden") continue;
    if (found !== "ENOENT" || code === undefined) code = found;
  }
  return code ?? "forbidden";
}

function within(cwd: string | undefined, path: string): string {
  return cwd === undefined || path.startsWith("/") ? path : `${cwd}/${path}`;
}
