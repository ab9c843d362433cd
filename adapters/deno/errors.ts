/**
 * Translation of Deno's errors to `SockeyeError`.
 *
 * What comes from the system has an errno name as `code` (Deno 2.9), so the
 * classes of `Deno.errors` are needed only for what Deno says by itself.
 *
 * @module
 */
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import { errorCode } from "../_shared/errors.ts";

/** An error of Deno as ours, with Deno's as its `cause`. */
export function translateError(error: unknown): SockeyeError {
  if (error instanceof SockeyeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SockeyeError(codeOf(error, message), message, { cause: error });
}

function codeOf(error: unknown, message: string): ErrorCode {
  if (!(error instanceof Error)) return "EIO";
  if ((error as { code?: unknown }).code !== undefined) return errorCode(error);
  if (
    error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied
  ) {
    return "EACCES";
  }
  // getaddrinfo's words, in a plain Error: no class, no code.
  if (message.startsWith("failed to lookup address information")) {
    return message.includes("Temporary failure") ? "EAI_AGAIN" : "ENOTFOUND";
  }
  if (message === "No resolved address found") return "ENOTFOUND";
  // A host with a space in it, or none: other runtimes ask the resolver.
  if (error instanceof URIError) return "ENOTFOUND";
  // Port 0, which cannot be connected to.
  if (error instanceof RangeError) return "EINVAL";
  return "EIO";
}
