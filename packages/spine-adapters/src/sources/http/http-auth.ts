import { environmentSecrets, type KnownSecret, SpineError } from "spine-core";

/** A secret: the environment variable that holds it, or a function that gets it. Never its text. */
export type HttpSecret = `env:${string}` | (() => string | Promise<string>);

/** How a source proves who it is. */
export type HttpAuth =
  | { readonly kind: "bearer"; readonly token: HttpSecret }
  /** In a header ("x-api-key" when neither is named) or in the query. */
  | { readonly kind: "key"; readonly key: HttpSecret; readonly header?: string; readonly query?: string }
  | { readonly kind: "basic"; readonly user: string | HttpSecret; readonly password: HttpSecret }
  | OAuth2;

/** OAuth 2 client credentials. The token is kept until shortly before it ends, and got anew once after a 401. */
export interface OAuth2 {
  readonly kind: "oauth2";
  readonly tokenUrl: string;
  readonly clientId: string | HttpSecret;
  readonly clientSecret: HttpSecret;
  readonly scope?: string;
  /** More fields of the token request, e.g. `{ audience: "…" }`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** How client id and secret are sent: by Basic authentication (when left out), or as fields. */
  readonly credentials?: "basic" | "fields";
}

/** What goes into a request, and what of it must be shown to nobody. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly secrets: readonly KnownSecret[];
}

const NONE: Credentials = { headers: {}, query: {}, secrets: [] };

/** The credentials of everything but OAuth 2, which has to ask for some first. */
export async function credentialsOf(auth: Exclude<HttpAuth, OAuth2> | null): Promise<Credentials> {
  if (auth === null) return NONE;
  switch (auth.kind) {
    case "bearer":
      return bearer(await secretText(auth.token, "token"));
    case "key": {
      const key = await secretText(auth.key, "key");
      const secrets = [{ reference: "auth.key", value: key }];
      if (auth.query !== undefined) return { headers: {}, query: { [auth.query]: key }, secrets };
      return { headers: { [(auth.header ?? "x-api-key").toLowerCase()]: key }, query: {}, secrets };
    }
    case "basic": {
      const user = await plainText(auth.user, "user");
      return basic(user, await secretText(auth.password, "password"));
    }
  }
}

export function bearer(token: string): Credentials {
  return {
    headers: { authorization: `Bearer ${token}` },
    query: {},
    secrets: [{ reference: "auth.token", value: token }],
  };
}

export function basic(user: string, password: string): Credentials {
  const pair = Buffer.from(`${user}:${password}`).toString("base64");
  return {
    headers: { authorization: `Basic ${pair}` },
    query: {},
    secrets: [
      { reference: "auth.password", value: password },
      { reference: "auth", value: pair },
    ],
  };
}

/** The text of what may be plain. */
export async function plainText(value: string | HttpSecret, field: string): Promise<string> {
  return typeof value === "string" && !isReference(value)
    ? value
    : await secretText(value as HttpSecret, field);
}

const fromEnvironment = environmentSecrets();

/** The text of a secret, when it is needed; CONFIG_INVALID that does not repeat it for one that no header can have. */
export async function secretText(secret: HttpSecret, field: string): Promise<string> {
  const value: unknown = typeof secret === "function" ? await secret() : await fromEnvironment(secret);
  if (typeof value === "string" && /^[\x20-\x7e\x80-\u00ff]+$/.test(value)) return value;
  throw new SpineError(
    "CONFIG_INVALID",
    `\`auth.${field}\` gave ${typeof value === "string" ? "a text that is empty or has characters that no header can have" : "no text"}. Check where the secret comes from.`,
  );
}

export function isReference(text: string): boolean {
  return /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}
