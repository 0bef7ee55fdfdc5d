import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { defineWorkflow, type Page, type Source } from "spine-core";

export const PAGES = 100;
export const PAGE_ROWS = 40;

/** A source of a hundred pages that writes into a book which of them it was asked for. */
export function bookedSource(
  book: string,
  onPage: (page: number) => void = () => {},
): Source<object, { id: number }> {
  return {
    name: "booked",
    async *stream(_, { cursor } = {}): AsyncGenerator<Page<{ id: number }>> {
      for (let page = Number(cursor ?? 0) + 1; page <= PAGES; page += 1) {
        appendFileSync(book, `${page}\n`);
        onPage(page);
        const rows = Array.from({ length: PAGE_ROWS }, (_none, index) => ({ id: page * 1_000 + index }));
        yield { rows, cursor: page };
      }
    },
  };
}

/** The pages that a book says were asked for. */
export function pagesIn(book: string): readonly number[] {
  if (!existsSync(book)) return [];
  return readFileSync(book, "utf8").trim().split("\n").map(Number);
}

export const pagedFlow = (source: Source<object, { id: number }>) =>
  defineWorkflow({ name: "demo.paged" })
    .fetch("fetch", { from: source, incremental: { field: "id" }, request: () => ({}) })
    .step("after", () => "done");
