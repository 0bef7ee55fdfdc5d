import { type JsonValue, type Page, type Source, SourceError, SpineError } from "spine-core";

// A page loop of its own until httpSource is there: same request, same paginator, to be replaced by options of that one.

export interface QueryRequest {
  readonly url: string;
  readonly body: { readonly [key: string]: JsonValue };
}

interface Paginate {
  apply(request: QueryRequest, place: JsonValue | null): QueryRequest;
  next(answer: {
    place: JsonValue | null;
    records: number;
    header(name: string): string | null;
  }): JsonValue | null;
}

export function queryPages(name: string, baseUrl: string, paginate: Paginate): Source<QueryRequest> {
  return {
    name,
    async *stream(request, { signal, cursor } = {}) {
      let place: JsonValue | null = null;
      if (cursor !== null && cursor !== undefined) {
        const { next = null } = cursor as { next?: JsonValue };
        if (next === null) return;
        place = next;
      }
      for (;;) {
        signal?.throwIfAborted();
        const sent = paginate.apply(request, place);
        const url = new URL(sent.url, baseUrl);
        const response = await fetch(url, {
          method: "POST",
          headers: { Accept: "application/json", "Content-Type": "application/json" },
          body: JSON.stringify(sent.body),
          ...(signal ? { signal } : {}),
        }).catch((error: unknown) => {
          signal?.throwIfAborted();
          throw new SpineError("SOURCE_UNAVAILABLE", `${url.href} cannot be reached: ${String(error)}`, {
            cause: error,
          });
        });
        const text = await response.text();
        if (response.status === 429) throw new SpineError("RATE_LIMITED", "limited");
        if (response.status >= 500) throw new SpineError("SOURCE_UNAVAILABLE", `HTTP ${response.status}`);
        if (response.status >= 400) throw new SourceError(`HTTP ${response.status}: ${text}`);
        if (!text.startsWith("[") && text !== "") throw new SourceError("no JSON", { code: "SOURCE_FORMAT" });
        const rows = text === "" ? [] : (JSON.parse(text) as Page["rows"]);
        const next = paginate.next({
          place,
          records: rows.length,
          header: (header) => response.headers.get(header),
        });
        if (rows.length > 0) yield { rows, cursor: { next }, bytes: text.length };
        if (next === null) return;
        place = next;
      }
    },
  };
}
