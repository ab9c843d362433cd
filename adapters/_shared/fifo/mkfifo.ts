/**
 * Making FIFOs: no runtime has mkfifo(3), so the command is run.
 *
 * A process takes 1.5 ms and more to start, and can make many. So one runs at
 * a time, for all who asked by then: 256 clients at once cost four processes,
 * not 256.
 *
 * @module
 */
import { type ErrorCode, SockeyeError } from "../../../core/error.ts";
import { translateError } from "../errors.ts";
import type { FifoPlatform } from "./platform.ts";

/** FIFOs made by one process; their paths stay far below ARG_MAX (execve(2)). */
const MOST = 128;

/** The length of a nonce and `.c2s`. */
const suffix = 36;

interface Wanted {
  readonly paths: readonly string[];
  made(): void;
  failed(error: unknown): void;
}

const queues = new Map<FifoPlatform, Wanted[]>();

/**
 * Makes FIFOs of mode 0600, whatever the umask.
 *
 * @returns a promise that rejects with a `SockeyeError` where one of them could
 * not be made; the others may have been.
 */
export function makeFifos(
  platform: FifoPlatform,
  paths: readonly string[],
): Promise<void> {
  return new Promise((made, failed) => {
    const wanted: Wanted = { paths, made, failed };
    const queue = queues.get(platform);
    if (queue !== undefined) return void queue.push(wanted);
    const begun = [wanted];
    queues.set(platform, begun);
    // Those who ask in the same turn are served by the same process.
    queueMicrotask(() => void work(platform, begun));
  });
}

async function work(platform: FifoPlatform, queue: Wanted[]): Promise<void> {
  while (queue.length > 0) {
    const batch: Wanted[] = [];
    for (let count = 0; count < MOST && queue.length > 0;) {
      const wanted = queue.shift()!;
      batch.push(wanted);
      count += wanted.paths.length;
    }
    await make(platform, batch);
  }
  queues.delete(platform);
}

async function make(
  platform: FifoPlatform,
  batch: readonly Wanted[],
): Promise<void> {
  const paths = batch.flatMap((wanted) => wanted.paths);
  try {
    const { status, errors } = await platform.mkfifo([
      "-m",
      "600",
      "--",
      ...paths,
    ]);
    for (const wanted of batch) {
      const why = status === 0 ? undefined : reason(wanted, errors, batch);
      if (why === undefined) wanted.made();
      else wanted.failed(why);
    }
  } catch (error) {
    const why = notStarted(error);
    for (const wanted of batch) wanted.failed(why);
  }
}

/** Why these could not be made; undefined where the command complained of others. */
function reason(
  { paths }: Wanted,
  errors: string,
  batch: readonly Wanted[],
): SockeyeError | undefined {
  const lines = errors.trim().split("\n");
  // The command quotes a path where it has to; its end, the nonce and the
  // direction, is plain and like no other's.
  const ends = paths.map((path) => path.slice(-suffix));
  const line = lines.find((each) => ends.some((end) => each.includes(end)));
  if (line === undefined && batch.length > 1) return undefined;
  const said = line ?? lines.at(-1) ?? "";
  return new SockeyeError(
    codeOf(said),
    said || "mkfifo failed and said nothing",
  );
}

/** What strerror(3) says in the C locale, of the GNU C library and of musl. */
const words: readonly (readonly [RegExp, ErrorCode])[] = [
  [/File exists$/, "EEXIST"],
  [/Permission denied$/, "EACCES"],
  [/Operation not permitted$/, "EPERM"],
  [/No such file or directory$/, "ENOENT"],
  [/Not a directory$/, "ENOTDIR"],
  [/No space left on device$/, "ENOSPC"],
  [/(?:Disk q|Q)uota exceeded$/, "ENOSPC"],
  [/Read-only file system$/, "EROFS"],
  [/File ?name too long$/, "ENAMETOOLONG"],
  [/(?:Too many levels of symbolic links|Symbolic link loop)$/, "ELOOP"],
];

function codeOf(line: string): ErrorCode {
  return words.find(([pattern]) => pattern.test(line))?.[1] ?? "EIO";
}

function notStarted(error: unknown): SockeyeError {
  const translated = translateError(error);
  if (translated.code !== "ENOENT") return translated;
  return new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    "FIFOs are made by the command mkfifo, which is not installed",
    { cause: error },
  );
}
