/**
 * Where a program may be, by its name: as execvp(3) looks for it.
 *
 * @module
 */

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

function within(cwd: string | undefined, path: string): string {
  return cwd === undefined || path.startsWith("/") ? path : `${cwd}/${path}`;
}
