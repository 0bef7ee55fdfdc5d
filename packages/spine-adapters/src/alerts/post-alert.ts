import { aBoolean, aText, type KnownSecret, type OptionKinds, redaction, SpineError } from "spine-core";
import { guardedAgent } from "../net/guarded-agent.ts";
import { guardedRequest } from "../net/guarded-request.ts";
import type { NetRules } from "../net/net-rules.ts";
import { retryAfterMs } from "../sources/http/retry-after.ts";
import { plainLine } from "./plain-text.ts";

/** What every channel that speaks HTTP can be told. */
export interface HttpChannelOptions {
  /** How routes call the channel; its kind (`slack`, …) when left out. */
  readonly name?: string;
  /** Lets the URL be of a private network. Without it, only the open internet is asked. */
  readonly allowPrivate?: boolean;
}

export const HTTP_CHANNEL: OptionKinds<HttpChannelOptions> = { name: aText, allowPrivate: aBoolean };

export interface AlertPost {
  readonly url: URL;
  readonly method?: "GET" | "POST" | "PATCH";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
  readonly secrets: readonly KnownSecret[];
  readonly signal: AbortSignal;
}

/** More than this of an answer is not read: it says whether it was taken. */
const MOST_BYTES = 64 * 1024;
const SHOWN = 200;
const CONNECT_MS = 5_000;

/** Posts what a channel has to say, by the rules of the network, and turns what comes back into errors that show no secret. */
export function alertPoster(
  name: string,
  { allowPrivate = false }: HttpChannelOptions,
): (post: AlertPost) => Promise<string> {
  const rules: NetRules = {
    allowPrivate,
    words: {
      url: `The URL of the alert channel "${name}"`,
      todo: "a service of your own network needs `allowPrivate: true`.",
    },
  };
  const agent = guardedAgent({ rules, connectMs: CONNECT_MS });
  return async ({ url, method = "POST", headers = {}, body, secrets, signal }) => {
    const redact = redaction(secrets)?.text ?? ((text: string) => text);
    let status: number;
    let answer: string;
    let asked: number | null;
    try {
      const response = await guardedRequest(agent, rules, {
        url,
        method,
        headers: {
          "user-agent": "spine",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
        signal,
      });
      status = response.status;
      asked = retryAfterMs(response.header("retry-after"), response.header("date"), Date.now());
      answer = await textOf(response.body);
    } catch (error) {
      signal.throwIfAborted();
      if (SpineError.is(error)) throw error;
      const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
      const why = plainLine(redact(typeof code === "string" ? code : String(message)), SHOWN);
      throw new SpineError(
        "SOURCE_UNAVAILABLE",
        `The alert channel "${name}" could not be reached (${why}). It is tried again.`,
      );
    }
    if (status >= 200 && status < 300) return answer;
    throw refusal(name, status, asked, plainLine(redact(answer), SHOWN));
  };
}

function refusal(name: string, status: number, asked: number | null, answer: string): SpineError {
  const said = answer === "" ? "" : `, and says: ${answer}`;
  const text = `The alert channel "${name}" answered ${status}${said}.`;
  const wait = asked === null ? {} : { retryAfterMs: asked };
  if (status === 429) return new SpineError("RATE_LIMITED", text, wait);
  if (status >= 500 || status === 408 || status === 425)
    return new SpineError("SOURCE_UNAVAILABLE", text, wait);
  const code = status === 401 || status === 403 ? "PERMISSION_DENIED" : "SOURCE_REFUSED";
  return new SpineError(code, `${text} It is not tried again: check the channel's options.`);
}

async function textOf(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes > MOST_BYTES) {
      body.destroy();
      break;
    }
  }
  return Buffer.concat(pieces).toString();
}
