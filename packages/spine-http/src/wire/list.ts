import { hash } from "node:crypto";
import { canonicalJson } from "spine-core";
import { z } from "zod";
import { HttpProblem } from "../problems.ts";

/** A page of a list. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    items: z.array(item),
    next_cursor: z.string().nullable().describe("For the next page; null behind the last one."),
  });
}

/** Members of a query that pages have. */
export const PAGE = {
  limit: z.int().min(1).max(200).optional().describe("Items of a page at most; 50 when left out."),
  cursor: z.string().max(2_000).optional().describe("`next_cursor` of the page before."),
} as const;

/** Written into cursors: what they mean may change. */
const VERSION = 1;

/** A cursor that is good for one list with one filter only: `place` is where its next page begins. */
export function writeCursor(filter: unknown, place: string | number): string {
  return Buffer.from(JSON.stringify([VERSION, digestOf(filter), place])).toString("base64url");
}

/** The place in a cursor; undefined where none was given. @throws HttpProblem bad-cursor */
export function readCursor<T extends "string" | "number">(
  filter: unknown,
  cursor: string | undefined,
  is: T,
): (T extends "string" ? string : number) | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [version, digest, place] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    const isPlace = typeof place === is && (typeof place === "string" || Number.isSafeInteger(place));
    if (version === VERSION && digest === digestOf(filter) && isPlace) return place as never;
  } catch {
    // Refused below.
  }
  throw new HttpProblem(
    "bad-cursor",
    "The cursor is not one of this list with this filter. Leave it out to begin at the first page.",
    { errors: [{ path: "/cursor", code: "stale", message: "is not of this list" }] },
  );
}

/** Cursors carry no authority: they only have to be of the list that is asked for. */
function digestOf(filter: unknown): string {
  return hash("sha256", canonicalJson(filter)).slice(0, 12);
}

/** Seconds between two ISO times. */
export function secondsBetween(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000;
}
