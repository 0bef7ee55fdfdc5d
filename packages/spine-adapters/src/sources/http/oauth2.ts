import { decodeJson, type JsonValue, SourceError, SpineError } from "spine-core";
import { valueAt } from "./body-path.ts";
import { basic, bearer, type Credentials, type OAuth2, plainText, secretText } from "./http-auth.ts";

/** Sends the token request and gives back its status and text. */
export type AskForToken = (request: {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}) => Promise<{ readonly status: number; readonly text: string; readonly retryAfterMs: number | null }>;

/** A token is not used in its last minute, nor in the second half of a very short life. */
const MARGIN_MS = 60_000;
const DEFAULT_LIFE_MS = 300_000;

/** Tokens of one client, shared by all that is read by its source: they are asked for once at a time. */
export class TokenKeeper {
  readonly #auth: OAuth2;
  readonly #now: () => number;
  #current: { readonly token: string; readonly until: number } | null = null;
  #asking: Promise<string> | null = null;

  constructor(auth: OAuth2, now: () => number = () => performance.now()) {
    this.#auth = auth;
    this.#now = now;
  }

  async credentials(ask: AskForToken): Promise<Credentials> {
    const { secrets, ...sent } = bearer(await this.#token(ask));
    // An error may repeat what the token was asked for with.
    const value = await secretText(this.#auth.clientSecret, "clientSecret");
    return { ...sent, secrets: [...secrets, { reference: "auth.clientSecret", value }] };
  }

  /** The token was refused, unless another one has been got since. */
  refused({ headers }: Credentials): void {
    if (this.#current && headers.authorization === `Bearer ${this.#current.token}`) this.#current = null;
  }

  async #token(ask: AskForToken): Promise<string> {
    if (this.#current && this.#current.until > this.#now()) return this.#current.token;
    this.#asking ??= this.#ask(ask).finally(() => {
      this.#asking = null;
    });
    return await this.#asking;
  }

  async #ask(ask: AskForToken): Promise<string> {
    const { tokenUrl, scope, fields, credentials = "basic", ...client } = this.#auth;
    const id = await plainText(client.clientId, "clientId");
    const secret = await secretText(client.clientSecret, "clientSecret");
    const form = new URLSearchParams({ grant_type: "client_credentials", ...fields });
    if (scope !== undefined) form.set("scope", scope);
    if (credentials === "fields") {
      form.set("client_id", id);
      form.set("client_secret", secret);
    }
    const headers = {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      ...(credentials === "basic" ? basic(encodeURIComponent(id), encodeURIComponent(secret)).headers : {}),
    };
    const asked = this.#now();
    const { status, text, retryAfterMs } = await ask({
      url: new URL(tokenUrl),
      headers,
      body: form.toString(),
    });
    if (status !== 200) throw tokenRefused(status, retryAfterMs);
    const answer = parse(text);
    const token = valueAt(answer, "access_token");
    if (typeof token !== "string" || token === "") throw malformed();
    const seconds = Number(valueAt(answer, "expires_in") ?? Number.NaN);
    const life = seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : DEFAULT_LIFE_MS;
    this.#current = { token, until: asked + Math.max(life - MARGIN_MS, life / 2) };
    return token;
  }
}

function parse(text: string): JsonValue {
  try {
    return decodeJson(text);
  } catch {
    throw malformed();
  }
}

/** Bad credentials are a 400 or a 401, as the other side likes. */
function tokenRefused(status: number, retryAfterMs: number | null): SpineError {
  const wait = retryAfterMs === null ? {} : { retryAfterMs };
  if (status === 429) return new SpineError("RATE_LIMITED", "Tokens were asked for too often.", wait);
  if (status >= 500) return new SpineError("TRANSIENT", `The token request got the status ${status}.`, wait);
  return new SpineError(
    "PERMISSION_DENIED",
    `The token request was refused with the status ${status}. Check \`auth.clientId\` and \`auth.clientSecret\`.`,
  );
}

function malformed(): SourceError {
  return new SourceError("The answer to the token request is no JSON with an `access_token`.", {
    code: "SOURCE_FORMAT",
  });
}
