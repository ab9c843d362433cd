/**
 * Translation of errors in Node's style, `error.code`, to `SockeyeError`.
 *
 * Node and Bun give them for sockets, and all three runtimes for `node:fs`.
 *
 * @module
 */
import { type ErrorCode, isErrnoCode, SockeyeError } from "../../core/error.ts";

/** Codes outside of our union, by the nearest code in it. */
const nearest: Readonly<Record<string, ErrorCode>> = {
  EADDRNOTAVAILABLE: "EADDRNOTAVAIL",
  EAI_NODATA: "ENOTFOUND",
  EAI_NONAME: "ENOTFOUND",
  ECANCELED: "ECONNABORTED",
  EDQUOT: "ENOSPC",
  EHOSTDOWN: "EHOSTUNREACH",
  ENODATA: "ENOTFOUND",
  ENOSYS: "ERR_SOCKEYE_UNSUPPORTED",
  ENOTEMPTY: "EEXIST",
  ENOTSUP: "ERR_SOCKEYE_UNSUPPORTED",
  EOPNOTSUPP: "ERR_SOCKEYE_UNSUPPORTED",
  EPROTONOSUPPORT: "EAFNOSUPPORT",
  // What stands at the path is a socket of datagrams.
  EPROTOTYPE: "EPROTO",
  ERR_INVALID_ARG_TYPE: "EINVAL",
  ERR_INVALID_ARG_VALUE: "EINVAL",
  ERR_INVALID_IP_ADDRESS: "EINVAL",
  ERR_OUT_OF_RANGE: "EINVAL",
  ERR_SOCKET_BAD_PORT: "EINVAL",
  ERR_SOCKET_CONNECTION_TIMEOUT: "ETIMEDOUT",
  ETIMEOUT: "ETIMEDOUT",
  EWOULDBLOCK: "EAGAIN",
};

/**
 * The code of an error in Node's style, normalised; `EIO` where it has none
 * that we know.
 *
 * Of several attempts (`AggregateError`: one for each address of a name) the
 * first that names its code counts.
 */
export function errorCode(error: unknown): ErrorCode {
  if (error instanceof SockeyeError) return error.code;
  const { code, errors } = (error ?? {}) as {
    code?: unknown;
    errors?: unknown;
  };
  if (isErrnoCode(code)) return code;
  if (typeof code === "string" && code in nearest) return nearest[code]!;
  if (Array.isArray(errors) && errors.length > 0) return errorCode(errors[0]);
  return "EIO";
}

/**
 * An error of the runtime as ours, with the runtime's as its `cause`; one of
 * ours is given back as it is. The message is what the runtime said.
 */
export function translateError(error: unknown): SockeyeError {
  if (error instanceof SockeyeError) return error;
  return new SockeyeError(errorCode(error), messageOf(error), { cause: error });
}

function messageOf(error: unknown): string {
  const { message, errors } = (error ?? {}) as {
    message?: unknown;
    errors?: unknown;
  };
  if (typeof message === "string" && message !== "") return message;
  // An AggregateError of node:net says nothing by itself.
  if (Array.isArray(errors) && errors.length > 0) return messageOf(errors[0]);
  return String(error);
}
