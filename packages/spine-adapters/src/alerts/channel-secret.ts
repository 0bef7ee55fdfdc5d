import { environmentSecrets, type KnownSecret, SpineError } from "spine-core";

/** A secret of a channel: the environment variable that holds it (`env:NAME`), a function that gets it, or its text. */
export type ChannelSecret = string | (() => string | Promise<string>);

const fromEnvironment = environmentSecrets();

/** What a key or a URL is made of. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** A password may have spaces and letters of any language. (`\p{Cc}` are the control characters.) */
const PASSWORD = /^[^\p{Cc}\p{Cs}]+$/u;

/** The text of a key, when it is needed. @throws SpineError CONFIG_INVALID that does not repeat it */
export async function secretOf(channel: string, field: string, secret: ChannelSecret): Promise<string> {
  return await textOf(channel, field, secret, VISIBLE);
}

/** The same of a password. */
export async function passwordOf(channel: string, secret: ChannelSecret): Promise<string> {
  return await textOf(channel, "password", secret, PASSWORD);
}

async function textOf(
  channel: string,
  field: string,
  secret: ChannelSecret,
  pattern: RegExp,
): Promise<string> {
  const isReference = typeof secret === "string" && /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(secret);
  const value: unknown =
    typeof secret === "function" ? await secret() : isReference ? await fromEnvironment(secret) : secret;
  if (typeof value === "string" && pattern.test(value)) return value;
  throw new SpineError(
    "CONFIG_INVALID",
    `The \`${field}\` of the alert channel "${channel}" is ${typeof value === "string" ? "empty, or has characters that it cannot have" : "no text"}. Check where it comes from.`,
  );
}

/** A URL that is a secret, with all that must not be shown of it: the path of a webhook is its key. */
export async function secretUrl(
  channel: string,
  field: string,
  secret: ChannelSecret,
): Promise<{ readonly url: URL; readonly secrets: readonly KnownSecret[] }> {
  const text = await secretOf(channel, field, secret);
  if (!URL.canParse(text)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The \`${field}\` of the alert channel "${channel}" is no URL. Check where it comes from.`,
    );
  }
  const url = new URL(text);
  const parts = [text, url.href, url.pathname, url.search].filter((part) => part.length >= 8);
  return { url, secrets: parts.map((value) => ({ reference: field, value })) };
}
