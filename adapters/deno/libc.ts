/**
 * What Deno has no API for and the C library has, where the user allows it.
 *
 * @module
 */

/** `F_DUPFD_CLOEXEC`, fcntl(2) on Linux. */
const duplicateClosedByExec = 1030;

/** Duplicates a descriptor; -1 where that fails. */
type Duplicate = (descriptor: number) => number;

let loaded: Duplicate | undefined | "not yet" = "not yet";

/**
 * A way to duplicate descriptors, or undefined: outside of Linux, without
 * `--allow-ffi`, which is not asked for, or where no C library is found.
 */
export function duplicator(): Duplicate | undefined {
  if (loaded === "not yet") loaded = load();
  return loaded;
}

function load(): Duplicate | undefined {
  if (Deno.build.os !== "linux") return undefined;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return undefined;
  }
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      const { symbols } = Deno.dlopen(name, {
        fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
      });
      return (descriptor) =>
        symbols.fcntl(descriptor, duplicateClosedByExec, 0);
    } catch {
      // The other one, or none.
    }
  }
  return undefined;
}
