import { defineTable, defineWorkflow, type Page, type Source } from "spine-core";
import { z } from "zod";

const source: Source<unknown, { id: string; qty: string }> = {
  name: "parts",
  async *stream(): AsyncGenerator<Page<{ id: string; qty: string }>> {
    yield {
      rows: ["0", "none", "2", "none"].map((qty, id) => ({ id: `r${id}`, qty })),
      lines: [2, 3, 4, 5],
      cursor: 1,
    };
  },
};

/** Two of four rows are loaded, into a partition for each day; the others can be driven again with these edits. */
export const redriveFlow = defineWorkflow({
  name: "demo.redrive",
  params: z.object({ day: z.string() }),
  partition: ({ params: { day } }) => ({ day }),
})
  .fetch("fetch", { from: source, request: () => null })
  .transform("clean", {
    from: "fetch",
    row: (row, { params: { day } }) => ({ day, ...row }),
    schema: z.object({ day: z.string(), id: z.string(), qty: z.string().regex(/^\d+$/) }),
  })
  .load("load", {
    from: "clean",
    into: defineTable({
      name: "parts",
      columns: { day: "text", id: "text", qty: "decimal" },
      key: ["day", "id"],
      partition: ["day"],
    }),
    disposition: "replace-partition",
  });

export const redriveOptions = {
  step: "clean",
  edits: { 0: { id: "r1", qty: "1" }, 1: { id: "r3", qty: "3" } },
};
