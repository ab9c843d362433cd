/**
 * What a start leaves that was killed half-way, and removing it.
 *
 * @module
 */
import type { DiskFlow, NameKind } from "./effects.ts";
import type { ErrorCode } from "../error.ts";

/** The names of a start's temporary directories, and of what is in them; see `disk_name.ts`. */
const temporaryName = /^\.sk[0-9a-z]{6}$/;
const ownName = /^(?:[0-9a-z]{6}o?|p)$/;

/** Whose leftovers are looked for, and how they are asked. */
export interface Sweeper {
  readonly kind: NameKind;
  /** What a probe says when nobody is there. */
  readonly gone: ErrorCode;
  /** Only this user's are touched. */
  readonly uid: number;
  /** The sweeper's own temporary directory. */
  readonly temporary: string;
}

/** Whether a name in a directory is that of a temporary directory. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name);
}

/**
 * Removes a start's directory, or its lock, if `age` milliseconds old and if
 * its socket says that it is dead; false if it was left, as is what is in
 * doubt.
 *
 * Other users' are left as well: where they may write to the directory, theirs
 * could be changed for a symbolic link between two effects.
 */
export function* clearLeftover(
  sweeper: Sweeper,
  directory: string,
  age: number,
): DiskFlow<boolean> {
  const { found } = yield { do: "inspect", path: directory };
  if (found?.kind !== "directory" || found.uid !== sweeper.uid) return false;
  if (found.age < age) return false;
  const { names } = yield { do: "list", path: directory };
  if (!names || !names.every((name) => ownName.test(name))) return false;
  for (const name of names) {
    if (!(yield* isDead(sweeper, `${directory}/${name}`))) return false;
  }
  for (const name of names) {
    yield { do: "unlink", path: `${directory}/${name}` };
  }
  // Fails, as it should, if another start has taken the lock by now.
  const removed = yield { do: "removeDirectory", path: directory };
  return removed.code === undefined;
}

/** Probes by a second name: a path within the lock may be too long to connect to. */
function* isDead(sweeper: Sweeper, path: string): DiskFlow<boolean> {
  const { found } = yield { do: "inspect", path };
  if (found?.kind !== sweeper.kind) return false;
  const near = `${sweeper.temporary}/p`;
  const linked = yield { do: "link", path, to: near };
  if (linked.code) return false;
  const probed = yield { do: "probe", path: near };
  yield { do: "unlink", path: near };
  return probed.code === sweeper.gone;
}
