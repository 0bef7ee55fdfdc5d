import { SpineError } from "spine-core";
import { maskPassword } from "../mask-password.ts";
import { isOutsideOfMarked } from "./transaction-mark.ts";

/** What the server says about an error; Node's own errors of sockets have a `code` too. */
interface DriverError extends Error {
  readonly code?: string;
  readonly severity?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
  readonly constraint?: string;
  readonly table?: string;
  readonly column?: string;
}

const SOCKET_ERRORS = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "ENOTCONN",
]);

/** The server's code of an error (SQLSTATE); undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = asDriverError(error);
  return severity !== undefined && code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The server's error as it was thrown. */
export function asDriverError(error: unknown): DriverError {
  return error instanceof Error ? error : new Error(String(error));
}

/** True when the connection is gone, or the server takes none: what was under way has an unknown outcome. */
export function isConnectionLost(error: unknown): boolean {
  if (SpineError.is(error)) return error.code === "DATABASE_UNAVAILABLE" && error.retryable;
  const state = sqlState(error);
  // 57P01 to 57P03: shut down, crashed, starting up. 25P03 and 57P05: idle for too long.
  if (state !== undefined) return state.startsWith("08") || /^(?:57P0[1235]|25P03|25P04)$/.test(state);
  const { code, message } = asDriverError(error);
  if (code !== undefined && SOCKET_ERRORS.has(code)) return true;
  return /^Connection terminated|^timeout expired$|^Query read timeout$|^Client has encountered a connection error|^Client was closed/.test(
    message,
  );
}

/** True when a client of `pg` was ended by who made it. */
export function isEndedByHost(error: unknown): boolean {
  return sqlState(error) === undefined && asDriverError(error).message.startsWith("Client was closed");
}

/** True when a statement wanted to write where only reading is allowed. */
export function isReadOnly(error: unknown): boolean {
  return (sqlState(error) ?? sqlState(asDriverError(error).cause)) === "25006";
}

/** True when the same transaction may succeed if it is done again. */
export function isSerializationFailure(error: unknown): boolean {
  const state = sqlState(error) ?? sqlState(asDriverError(error).cause);
  return state === "40001" || state === "40P01";
}

/** What Postgres says itself where somebody else changed what a transaction has read; here of a row that was not there yet. */
export function overtaken(): Error {
  const error = new Error("somebody else has written what was about to be written");
  return Object.assign(error, { code: "40001", severity: "ERROR" });
}

/** Errors of keys that were not there when the transaction looked: somebody else has brought them since. */
const SINCE = new WeakSet<Error>();

/** Says so of an error. */
export function broughtSince<E extends Error>(error: E): E {
  SINCE.add(error);
  return error;
}

/** True when the same transaction would see what it did not, if it is done again. */
export function isBroughtSince(error: unknown): boolean {
  return error instanceof Error && SINCE.has(error);
}

/** True when the values of a statement are what was refused, not the statement or the server. */
export function isDataError(error: unknown): boolean {
  return /^(?:2[123]|54)/.test(sqlState(error) ?? "");
}

/** An error of the driver or the server as a SpineError that says what to do. Others stay as they are. */
export function toSpineError(error: unknown, database: string): unknown {
  if (SpineError.is(error) || !(error instanceof Error)) return error;
  const { detail, constraint, table, column } = asDriverError(error);
  const message = maskPassword(error.message);
  const state = sqlState(error);
  const facts = { sqlstate: state, message, detail, constraint, table, column };
  const options = { context: { database }, detail: facts, cause: error };
  if (isConnectionLost(error)) {
    return new SpineError(
      "DATABASE_UNAVAILABLE",
      `The database ${database} cannot be reached (${message || asDriverError(error).code}). If it goes on, check that the server runs, and what stands in between.`,
      options,
    );
  }
  if (error.message.startsWith("timeout exceeded when trying to connect")) {
    return new SpineError(
      "DATABASE_BUSY",
      "All connections of this process for this kind of work stayed taken. End transactions sooner, or query through the transaction that is open.",
      options,
    );
  }
  if (state === undefined) return asConnectError(error, message, database, options) ?? error;
  if (isOutsideOfMarked(state, message)) {
    return new SpineError(
      "TRANSACTION_INVALID",
      "The transaction that this was to be recorded in has been ended by something else; nothing was recorded. Spine begins and ends its transactions itself.",
      options,
    );
  }
  return fromSqlState(state, message, database, options);
}

/** What the driver, or TLS, says about a connection that cannot be made; undefined for everything else, such as a user's own error. */
function asConnectError(
  error: Error,
  message: string,
  database: string,
  options: ConstructorParameters<typeof SpineError>[2],
): SpineError | undefined {
  const { code = "" } = asDriverError(error);
  const invalid = (text: string) =>
    new SpineError("CONFIG_INVALID", `The database ${database} ${text} (${message}).`, options);
  if (/^SASL:.*password must be/.test(message)) {
    return invalid("asks for a password, and none was given. Give it in the URL, or as `password`");
  }
  if (message.startsWith("SASL:"))
    return invalid("could not check the password. Check the URL, and what stands in between");
  if (message.startsWith("The server does not support SSL")) {
    return invalid(
      "takes no connections with TLS. Leave `sslmode` and `ssl` out, or set TLS up on the server",
    );
  }
  if (message.startsWith("There was an error establishing an SSL connection")) {
    return invalid("is no Postgres server, or one that cannot do TLS. Check the host and the port");
  }
  if (/^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/.test(code)) {
    return invalid("could not be reached with TLS. Check its certificate, and `ssl: { ca }`");
  }
  return undefined;
}

function fromSqlState(
  state: string,
  message: string,
  database: string,
  options: ConstructorParameters<typeof SpineError>[2],
): SpineError {
  switch (state) {
    case "28P01":
    case "28000":
      return new SpineError(
        "CONFIG_INVALID",
        `The database ${database} refused the user or password (${message}). Check the URL.`,
        options,
      );
    case "3D000":
      return new SpineError(
        "CONFIG_INVALID",
        `The server has no such database: ${database} (${message}). Create it, or check the URL.`,
        options,
      );
    case "42501":
      return new SpineError(
        "PERMISSION_DENIED",
        `The user of ${database} may not do this: ${message}. Grant it, or use another user.`,
        options,
      );
    case "53100":
    case "53200":
      return new SpineError(
        "DATABASE_FULL",
        `The server of ${database} has no room left (${message}). Free disk space or memory; what was committed is safe.`,
        options,
      );
    case "53300":
      return new SpineError(
        "DATABASE_BUSY",
        `The server of ${database} takes no more connections (${message}). Raise max_connections, or run fewer processes.`,
        options,
      );
    case "40001":
    case "40P01":
      return new SpineError(
        "TRANSIENT",
        `Other transactions kept this one from committing: ${message}.`,
        options,
      );
    case "25P02":
      return new SpineError(
        "TRANSACTION_INVALID",
        "An earlier statement of this transaction failed, so Postgres does no more in it. Let its error through instead of catching it.",
        options,
      );
    case "55P03":
    case "57014":
      return new SpineError("DATABASE_BUSY", `The server gave up a statement: ${message}.`, options);
    case "25006":
      return new SpineError(
        "DATABASE_UNAVAILABLE",
        `The database ${database} is read-only (${message}). Connect to the primary server.`,
        options,
      );
    default:
      return new SpineError("DATABASE_FAILED", `Postgres refused a statement: ${message}.`, options);
  }
}
