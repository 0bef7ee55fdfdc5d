import type { JsonValue } from "spine-core";
import type { BodyPath } from "./body-path.ts";
import type { HttpRequest, SentIn } from "./http-request.ts";

/** Where an answer says a number: in a header (`Content-Range` too), or in its body. */
export type NumberAt = { readonly header: string } | { readonly body: BodyPath };

interface Counted {
  /** Where each answer says how many rows there are in all. What was received must come to that very number. */
  readonly total?: NumberAt;
}

/** How the pages of an answer follow each other. Parameters are sent in the query unless `in` says "body". */
export type Paginate =
  /** One answer is all there is. */
  | ({ readonly kind: "single" } & Counted)
  /** The body names the URL of the next page. */
  | ({ readonly kind: "json-link"; readonly next: BodyPath } & Counted)
  /** The header `Link` does, with a relation: "next" when left out. */
  | ({ readonly kind: "header-link"; readonly rel?: string } & Counted)
  /** A header has what is to be sent for the next page. */
  | ({
      readonly kind: "header-cursor";
      readonly header: string;
      readonly cursorPath: BodyPath;
      readonly in?: SentIn;
    } & Counted)
  /** The body has what is to be sent for the next page; `more` may say that there is none. */
  | ({
      readonly kind: "cursor";
      readonly next: BodyPath;
      readonly more?: BodyPath;
      readonly cursorPath: BodyPath;
      readonly in?: SentIn;
    } & Counted)
  /** So many rows from a row on. It goes on behind the rows that really came, and a short page is not the end. */
  | ({
      readonly kind: "offset";
      readonly limit: number;
      readonly in?: SentIn;
      /** "offset" when left out. */
      readonly offsetPath?: BodyPath;
      /** "limit" when left out; null: it is not sent. */
      readonly limitPath?: BodyPath | null;
      /** The offset of the first row; 0 when left out. */
      readonly first?: number;
    } & Counted)
  /** Pages by their number. Without `total` and `pages`, the first page that is empty is the end. */
  | ({
      readonly kind: "page-number";
      readonly in?: SentIn;
      /** "page" when left out. */
      readonly pagePath?: BodyPath;
      /** The number of the first page; 1 when left out. */
      readonly first?: number;
      readonly limit?: number;
      /** "limit" when left out; sent where there is a `limit`. */
      readonly limitPath?: BodyPath;
      /** Where answers say how many pages there are. */
      readonly pages?: NumberAt;
    } & Counted)
  /** By code of your own. `next` says where it goes on after an answer, as JSON that `apply` makes a request of; null is the end. */
  | ({
      readonly kind: "custom";
      readonly apply: (request: HttpRequest, place: JsonValue | null) => HttpRequest;
      readonly next: (answer: PageAnswer) => JsonValue | null;
    } & Counted);

/** An answer as its paginator sees it. */
export interface PageAnswer {
  /** Where it came from; null for the first one of paginators that have no number for it. */
  readonly place: JsonValue | null;
  /** The parsed body; undefined where the format is not JSON or there was none. */
  readonly body: JsonValue | undefined;
  header(name: string): string | null;
  /** Rows and rejects in this answer… */
  readonly records: number;
  /** …and in all answers so far, this one included. */
  readonly received: number;
  readonly total: number | null;
}
