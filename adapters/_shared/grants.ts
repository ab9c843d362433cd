/**
 * What this process may do, where a runtime has permissions: asked before it is
 * done, so that the runtime never asks the user.
 *
 * @module
 */

/** Permissions, as they are now. */
export interface Grants {
  /** Whether a program at this path may be looked at and run. */
  mayRun(path: string): boolean;
  /** Whether a file or directory may be looked at. */
  mayRead(path: string): boolean;
  /** Whether a file may be appended to. */
  mayAppend(path: string): boolean;
  /** Whether the whole environment may be read. */
  mayReadEnvironment(): boolean;
  /** Whether it may be asked which user we are. */
  mayKnowUser(): boolean;
  /** Whether processes may be sent signals that are not our own children. */
  maySignal(): boolean;
}

/** Where there are no permissions. */
export const everything: Grants = {
  mayRun: () => true,
  mayRead: () => true,
  mayAppend: () => true,
  mayReadEnvironment: () => true,
  mayKnowUser: () => true,
  maySignal: () => true,
};
