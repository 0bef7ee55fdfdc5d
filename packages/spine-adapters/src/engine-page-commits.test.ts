// Which pages stand when an attempt fails: each by itself, or some together where the source reads ahead. None waits for rows to come.
import { defineTable, defineWorkflow, type Page, type Source, SpineError } from "spine-core";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { placeOn } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

interface Numbered {
  readonly id: number;
}

/** Where each attempt began to read. */
let asked: number[] = [];
beforeEach(() => {
  asked = [];
});

/** Twenty pages; the first attempt comes no further than to the eleventh. */
function source(
  page: (nth: number) => Omit<Page<Numbered>, "cursor">,
  readsAhead: boolean,
): Source<null, Numbered> {
  return {
    name: "numbered",
    readsAhead,
    async *stream(_request, { cursor } = {}) {
      const from = Number(cursor ?? 0);
      asked.push(from);
      for (let nth = from; nth < 20; nth += 1) {
        if (nth === 10 && asked.length === 1)
          throw new SpineError("SOURCE_UNAVAILABLE", "The line was cut.", { retryable: true });
        yield { ...page(nth), cursor: nth + 1 };
      }
    },
  };
}

const rows = (nth: number) => ({ rows: [{ id: nth }] });
const nothing = () => ({ rows: [] });
const refused = (nth: number) => ({
  rows: [],
  rejects: [{ code: "BROKEN", message: "no row", line: nth, raw: `${nth}` }],
});

const now = { attempts: 3, delay: 0 } as const;
const fetching = (from: Source<null, Numbered>) =>
  defineWorkflow({ name: "demo.pages" }).fetch("read", { from, request: () => null, retry: now });
const ingesting = (from: Source<null, Numbered>) =>
  defineWorkflow({ name: "demo.pages" }).ingest("read", {
    from,
    request: () => null,
    row: (row) => row,
    schema: z.object({ id: z.int() }),
    into: defineTable({ name: "numbered", columns: { id: "integer" }, key: ["id"] }),
    disposition: "append",
    retry: now,
  });

async function read(flow: ReturnType<typeof fetching> | ReturnType<typeof ingesting>) {
  const place = await placeOn("SQLite");
  const spine = await startAt(place, [flow]);
  const run = await spine.run(flow.name, {});
  await run.result();
  const { steps } = await spine.get(run.id);
  return steps.findLast(({ name }) => name === "read")?.rows;
}

describe("a fetch goes on at the page that was under way", () => {
  test.each([
    ["with rows", rows, 20, 0],
    ["without any", nothing, 0, 0],
    ["with nothing but what was refused", refused, 0, 20],
  ])("of pages %s", async (_title, page, out, rejected) => {
    for (const readsAhead of [false, true]) {
      asked = [];
      expect(await read(fetching(source(page, readsAhead)))).toEqual({ in: out + rejected, out, rejected });
      expect(asked).toEqual([0, 10]);
    }
  });
});

describe("an ingest stores eight pages together of a source that reads ahead", () => {
  test.each([
    ["with rows", rows, 20, 0],
    ["without any", nothing, 0, 0],
    ["with nothing but what was refused", refused, 0, 20],
  ])("of pages %s", async (_title, page, out, rejected) => {
    expect(await read(ingesting(source(page, true)))).toEqual({ in: out + rejected, out, rejected });
    expect(asked).toEqual([0, 8]);
  });

  test("and each by itself of another one", async () => {
    await read(ingesting(source(rows, false)));
    expect(asked).toEqual([0, 10]);
  });
});
