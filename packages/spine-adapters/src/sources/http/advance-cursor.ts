import { createHash } from "node:crypto";
import { type JsonValue, SourceError } from "spine-core";
import { type HttpCursor, sourceChanged } from "./http-cursor.ts";
import type { HttpRules } from "./http-source-options.ts";
import { numberAt, type Pager, type Place } from "./pagers.ts";
import type { PageAnswer } from "./paginate.ts";

/** What came in an answer, as far as it says where to go on. */
export type Came = Pick<PageAnswer, "body" | "header" | "records"> & {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Where it was asked for. */
  readonly origin: string;
};

/**
 * The cursor after an answer that was read to its end. Throws where what came cannot be all: never is a part taken for the whole.
 *
 * Errors: SOURCE_CHANGED (retryable: it begins anew) where there are more or fewer rows in all than before;
 * SOURCE_TRUNCATED (retryable) where the end comes before the number of rows that was said; SOURCE_MALFORMED for a next page that is this
 * one; SOURCE_FORMAT and PERMISSION_DENIED for what `numberAt` and links can have.
 */
export function advanceCursor(
  at: HttpCursor,
  came: Came,
  pager: Pager,
  rules: Pick<HttpRules, "paginate" | "allowEmptyPages" | "linkOrigins">,
): HttpCursor {
  const { records } = came;
  const received = at.received + records;
  const { total: totalAt } = rules.paginate;
  const said = totalAt === undefined ? null : numberAt(came, totalAt, "rows");
  if (said !== null && at.total !== null && said !== at.total) {
    throw sourceChanged(`There were ${at.total} rows in all when reading began, and now there are ${said}.`, {
      before: at.total,
      now: said,
    });
  }
  const total = said ?? at.total;
  const place = at.next ?? null;
  const next = pager.next({ place, body: came.body, header: came.header, records, received, total });
  if (total !== null && received > total) {
    throw sourceChanged(`${received} rows came, though there are ${total} in all.`, { received, total });
  }
  const { part: _part, next: _next, ...kept } = at;
  const after = { ...kept, answers: at.answers + 1, received, total };
  if (next === undefined) {
    if (total !== null && received < total) throw tooFew(received, total);
    return after;
  }
  if (records === 0 && !rules.allowEmptyPages) {
    if (total !== null) throw tooFew(received, total);
    throw new SourceError(
      "A page is empty though it says that another one follows. Where that is right, set `allowEmptyPages`.",
      { code: "SOURCE_TRUNCATED", retryable: true },
    );
  }
  return { ...after, next: pager.links ? checkedLink(next, came, rules.linkOrigins) : next };
}

/** Places that were met in this reading: a place that comes again would never end. */
export class Places {
  readonly #met = new Set<string>();

  meet(place: Place): void {
    // Cursors may be long, and there may be many: their hashes are met.
    const text = createHash("sha256").update(JSON.stringify(place)).digest("base64url").slice(0, 22);
    if (!this.#met.has(text)) {
      this.#met.add(text);
      return;
    }
    throw new SourceError(
      "The other side names a page as the next one that was read before: its pages go in a circle.",
      { code: "SOURCE_MALFORMED" },
    );
  }
}

/** An absolute URL of the origin that was asked, or of another one that is allowed. */
function checkedLink(next: JsonValue, { url, origin }: Came, allowed: readonly string[]): string {
  const text = String(next);
  if (!URL.canParse(text, url.href)) {
    throw new SourceError("The link to the next page is no URL.", { code: "SOURCE_FORMAT" });
  }
  const link = new URL(text, url);
  link.hash = "";
  if (link.origin === origin || allowed.includes(link.origin)) return link.href;
  throw new SourceError(
    `The link to the next page leads to another origin, ${link.origin}. Where that is right, name it in \`linkOrigins\`.`,
    { code: "PERMISSION_DENIED", category: "PERMISSION" },
  );
}

function tooFew(received: number, total: number): SourceError {
  return new SourceError(`The pages end after ${received} rows, though there are ${total} in all.`, {
    code: "SOURCE_TRUNCATED",
    retryable: true,
    detail: { received, total },
  });
}
