import { type KnownSecret, SpineError } from "spine-core";
import type { HttpCursor } from "./http-cursor.ts";
import type { Pager } from "./pagers.ts";

/**
 * The cursor without credentials, for it is stored: links often repeat the key that they were asked with, which they get anew when they are
 * followed. PERMISSION_DENIED for a place that has one in it in another way.
 */
export function withoutSecrets(
  cursor: HttpCursor,
  pager: Pager,
  secrets: readonly KnownSecret[],
): HttpCursor {
  const { next } = cursor;
  if (next === undefined || secrets.length === 0) return cursor;
  const clean = pager.links && typeof next === "string" ? withoutParameters(next, secrets) : next;
  const text = JSON.stringify(clean);
  if (!secrets.some(({ value }) => value.length >= SHORTEST && text.includes(value))) {
    return { ...cursor, next: clean };
  }
  throw new SpineError(
    "PERMISSION_DENIED",
    "The place of the next page has a credential in it, which must not be stored. Use another way of paging.",
  );
}

/** Shorter values would be found by chance. */
const SHORTEST = 4;

function withoutParameters(url: string, secrets: readonly KnownSecret[]): string {
  const link = new URL(url);
  for (const [name, value] of [...link.searchParams]) {
    if (secrets.some((secret) => secret.value === value)) link.searchParams.delete(name);
  }
  return link.href;
}
