import { defineTable, defineWorkflow, type WorkflowData } from "spine-core";
import { z } from "zod";
import { httpSource } from "../sources/http/http-source.ts";
import type { HttpSourceOptions } from "../sources/http/http-source-options.ts";

const fetchedRows = defineTable({ name: "fetched_rows", columns: { id: "text" }, key: ["id"] });

/** A workflow that loads what a server of tests has, page by page. */
export function httpWorkflow(options: HttpSourceOptions, attempts = 3) {
  return defineWorkflow({ name: "demo.http", params: z.object({ url: z.string() }) })
    .fetch("fetch", {
      from: httpSource({ allowHosts: ["127.0.0.1"], quickRetries: 0, ...options }),
      request: ({ params }) => ({ url: params.url }),
      retry: { attempts, delay: "1ms" },
    })
    .transform("rows", {
      from: "fetch",
      row: (row) => ({ id: String(row.id) }),
      schema: z.object({ id: z.string() }),
    })
    .load("load", { from: "rows", into: fetchedRows, disposition: "append" });
}

/** A hundred pages by offset, as a process that is killed reads them. */
const hundredPages: HttpSourceOptions = {
  paginate: { kind: "offset", limit: 20, total: { header: "Record-Total" } },
  key: "id",
};

/** By its own name: workflows are data. */
export const hundredPagesFlow = httpWorkflow(hundredPages) satisfies WorkflowData;
