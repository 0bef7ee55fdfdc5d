import { randomUUID } from "node:crypto";

/** What a client shows at the token endpoint. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** FINRA's tokens are valid for about half an hour. */
const SECONDS = 1_800;

export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, string | number>>;
}

/** OAuth2 client credentials, as FINRA's identity service answers them: what is wrong is a 400 there, never a 401. */
export class Tokens {
  readonly #credentials: Credentials | null;
  readonly #seconds: number;
  readonly #given = new Map<string, number>();

  constructor(credentials: Credentials | null, seconds = SECONDS) {
    this.#credentials = credentials;
    this.#seconds = seconds;
  }

  grant(authorization: string | undefined, grantType: string | null): TokenAnswer {
    const refused = (error_message: string, error = "invalid_client") => ({
      status: 400,
      body: { error_message, error },
    });
    if (!authorization?.startsWith("Basic ")) return refused("Client credentials is required");
    if (grantType !== "client_credentials")
      return refused("Unsupported grant type", "unsupported_grant_type");
    const shown = Buffer.from(authorization.slice(6), "base64").toString();
    const known = this.#credentials;
    // RFC 6749 has both parts encoded as in forms; most who send them do not.
    const forms = known === null ? [] : formsOf(known);
    if (!forms.includes(shown)) return refused("Invalid Credentials");
    const access_token = randomUUID();
    this.#given.set(access_token, Date.now() + this.#seconds * 1_000);
    return { status: 200, body: { access_token, token_type: "Bearer", expires_in: this.#seconds } };
  }

  /** Whether a request may have data: anonymous ones may where nothing is required, a wrong token never. */
  admits(authorization: string | undefined, required: boolean): boolean {
    if (authorization === undefined) return !required;
    const ends = this.#given.get(authorization.replace(/^Bearer /, ""));
    return ends !== undefined && ends > Date.now();
  }

  /** Every token is as if it had run out. */
  expire(): void {
    this.#given.clear();
  }
}

function formsOf({ clientId, clientSecret }: Credentials): readonly string[] {
  return [
    `${clientId}:${clientSecret}`,
    `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`,
  ];
}
