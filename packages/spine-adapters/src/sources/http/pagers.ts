import { type JsonValue, SourceError } from "spine-core";
import { type BodyPath, nameOf, valueAt } from "./body-path.ts";
import { type HttpRequest, type Outgoing, withParameter } from "./http-request.ts";
import { linkOf } from "./link-header.ts";
import type { NumberAt, PageAnswer, Paginate } from "./paginate.ts";

/** Where a page is found: a number, a cursor or a URL; null is the beginning. */
export type Place = JsonValue | null;

/** One way of paging. Pure: all that it knows is in the place and the answer. */
export interface Pager {
  /** The first place. */
  readonly first: Place;
  /** Puts a place into the request. */
  apply(request: Outgoing, place: Place): Outgoing;
  /** The place after an answer; undefined: it was the last one. */
  next(answer: PageAnswer): JsonValue | undefined;
  /** True where places are URLs that the other side wrote. */
  readonly links?: boolean;
}

/** `convert` makes requests of what custom code gives. */
export function pagerOf(
  paginate: Paginate,
  original: HttpRequest,
  convert: (request: HttpRequest) => Outgoing,
): Pager {
  switch (paginate.kind) {
    case "single":
      return { first: null, apply: (request) => request, next: () => undefined };
    case "json-link":
      return linkPager(({ body }) => valueAt(body, paginate.next));
    case "header-link":
      return linkPager(({ header }) => linkOf(header("link"), paginate.rel ?? "next"));
    case "header-cursor":
      return cursorPager(paginate, ({ header }) => header(paginate.header));
    case "cursor":
      return cursorPager(paginate, ({ body }) => {
        if (paginate.more === undefined) return valueAt(body, paginate.next);
        return isMore(body, paginate.more) ? nextThatFollows(body, paginate.next) : null;
      });
    case "offset":
      return offsetPager(paginate);
    case "page-number":
      return pageNumberPager(paginate);
    case "custom":
      return {
        first: null,
        apply: (_request, place) => convert(paginate.apply(original, place)),
        next: (answer) => paginate.next(answer) ?? undefined,
      };
  }
}

/** Where it is left out, or null, there is no more. */
function isMore(body: JsonValue | undefined, at: BodyPath): boolean {
  const more = valueAt(body, at) ?? false;
  if (typeof more === "boolean") return more;
  throw formatError(`${placeName(at)} is ${JSON.stringify(more).slice(0, 60)}, not true or false.`);
}

function nextThatFollows(body: JsonValue | undefined, at: BodyPath): JsonValue {
  const next = valueAt(body, at);
  if (next !== undefined && next !== null && next !== "") return next;
  throw new SourceError(`The body says that there is more, but ${placeName(at)} does not say where.`, {
    code: "SOURCE_TRUNCATED",
    retryable: true,
  });
}

function linkPager(find: (answer: PageAnswer) => JsonValue | undefined): Pager {
  return {
    first: null,
    links: true,
    apply: (request, place) => (typeof place === "string" ? { ...request, url: new URL(place) } : request),
    next: (answer) => {
      const link = find(answer);
      if (link === undefined || link === null || link === "") return undefined;
      if (typeof link === "string") return link;
      throw formatError("The link to the next page is no text.");
    },
  };
}

function cursorPager(
  { cursorPath, in: sent = "query" }: Extract<Paginate, { readonly kind: "cursor" | "header-cursor" }>,
  find: (answer: PageAnswer) => JsonValue | undefined,
): Pager {
  return {
    first: null,
    apply: (request, place) => (place === null ? request : withParameter(request, sent, cursorPath, place)),
    next: (answer) => {
      const cursor = find(answer);
      return cursor === null || cursor === "" ? undefined : cursor;
    },
  };
}

function offsetPager(paginate: Extract<Paginate, { readonly kind: "offset" }>): Pager {
  const { limit, in: sent = "query", offsetPath = "offset", limitPath = "limit", first = 0 } = paginate;
  return {
    first,
    apply: (request, place) => {
      const from = withParameter(request, sent, offsetPath, place);
      return limitPath === null ? from : withParameter(from, sent, limitPath, limit);
    },
    next: ({ place, records, received, total }) => {
      const isEnd = total === null ? records === 0 : received >= total;
      return isEnd ? undefined : Number(place) + records;
    },
  };
}

function pageNumberPager(paginate: Extract<Paginate, { readonly kind: "page-number" }>): Pager {
  const { in: sent = "query", pagePath = "page", first = 1, limit, limitPath = "limit", pages } = paginate;
  return {
    first,
    apply: (request, place) => {
      const numbered = withParameter(request, sent, pagePath, place);
      return limit === undefined ? numbered : withParameter(numbered, sent, limitPath, limit);
    },
    next: (answer) => {
      const { place, records, received, total } = answer;
      const count = pages === undefined ? null : numberAt(answer, pages, "pages");
      const page = Number(place);
      const isEnd =
        count !== null ? page - first + 1 >= count : total !== null ? received >= total : records === 0;
      return isEnd ? undefined : page + 1;
    },
  };
}

/** A number that an answer must say; SOURCE_FORMAT where it does not. Null for an answer without content, or "unknown" (`*`). */
export function numberAt(
  { body, header, records }: Pick<PageAnswer, "body" | "header" | "records">,
  at: NumberAt,
  what: string,
): number | null {
  const found = "header" in at ? header(at.header) : valueAt(body, at.body);
  const where = "header" in at ? `the header ${at.header}` : placeName(at.body);
  // `Content-Range: items 0-9/100` has it behind the slash.
  const text = typeof found === "string" ? found.replace(/^.*\//, "").trim() : found;
  const value = typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  if (text === "*") return null;
  if ((found === null || found === undefined) && records === 0 && body === undefined) return null;
  throw formatError(`The number of ${what} is missing: ${where} has none.`);
}

function placeName(path: BodyPath): string {
  return `"${nameOf(path)}" in the body`;
}

function formatError(message: string): SourceError {
  return new SourceError(message, { code: "SOURCE_FORMAT" });
}
