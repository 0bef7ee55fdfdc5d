import { type KnownSecret, redaction, SourceError, SpineError } from "spine-core";
import { shownUrl } from "./shown-url.ts";

/** What to do about an error, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  SOURCE_NOT_FOUND:
    'Check the URL; where it means that there is nothing (yet), set `status` to "empty" for it.',
  SOURCE_TOO_LARGE: "If it is right, raise the limit.",
  SOURCE_TRUNCATED: "It is asked for again when the step is tried again.",
  SOURCE_TIMEOUT: "It is asked for again when the step is tried again.",
};

/** Problems with certificates do not go away by asking again. */
const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH)/;

/** What went wrong between us and the other side before its answer began, in Spine's words. */
export function asConnectionError(error: unknown): unknown {
  if (SpineError.is(error) || !(error instanceof Error)) return error;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (SpineError.is(inner)) return inner;
  const code = String((inner as NodeJS.ErrnoException)?.code ?? (error as NodeJS.ErrnoException).code ?? "");
  const message = (inner instanceof Error && inner.message) || error.message || code;
  if (code === "UND_ERR_CONNECT_TIMEOUT") {
    return new SpineError("SOURCE_TIMEOUT", "No connection was made in time (`timeouts.connectMs`).", {
      cause: error,
    });
  }
  if (code === "UND_ERR_INVALID_ARG") {
    return new SpineError(
      "CONFIG_INVALID",
      `The request cannot be sent: ${message}. Check its headers and \`auth\`.`,
    );
  }
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return new SourceError("The headers of the answer are too long.", {
      code: "SOURCE_TOO_LARGE",
      cause: error,
    });
  }
  if (error.name === "HTTPParserError" || code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return new SourceError(`What came is no answer of HTTP: ${message}.`, {
      code: "SOURCE_MALFORMED",
      cause: error,
    });
  }
  if (code === "") return error;
  return new SpineError("SOURCE_UNAVAILABLE", `The host could not be asked: ${message}.`, {
    retryable: !CERTIFICATE.test(code),
    cause: error,
  });
}

/** The error with the place that it is about, and what to do; without what must not be shown. */
export function explainHttpError(
  error: unknown,
  {
    name,
    url,
    secrets,
  }: { readonly name: string; readonly url: URL; readonly secrets: readonly KnownSecret[] },
): unknown {
  if (!SpineError.is(error)) return error;
  // Whose words have a place already passed through here before.
  if (error.context.url !== undefined) return error;
  const place = shownUrl(url);
  const explained = error.withContext({ source: name, url: place });
  // What reads files and bodies says "file".
  const said = error.message.replace(/^The file\b/, "The body");
  const advice = ADVICE[error.code];
  explained.message = `${place}: ${said}${advice ? ` ${advice}` : ""}`;
  return redaction(secrets)?.error(explained) ?? explained;
}
