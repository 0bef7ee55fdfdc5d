import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holds, PERMISSIONS } from "./auth/permissions.ts";
import { openApi } from "./openapi.ts";
import { OPERATIONS } from "./operations/index.ts";
import { PROBLEMS } from "./problems.ts";

const document = openApi(OPERATIONS, "/spine");

test("has every operation once, each with its answers, and all that it refers to", () => {
  const found = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map((each) => (each as { operationId: string }).operationId),
  );
  expect(found.sort()).toEqual(OPERATIONS.map(({ id }) => id).sort());
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );
  expect(refs.length).toBeGreaterThan(20);
  expect(refs.filter((name) => !((name ?? "") in document.components.schemas))).toEqual([]);
  expect(JSON.stringify(document)).not.toContain("#/$defs");
});

test("what stands in a path, a query and a body is described", () => {
  const start = document.paths["/pipelines/run/{name}"]?.post as Record<string, unknown>;
  expect(start).toMatchObject({
    operationId: "pipelines.run",
    "x-permission": "runs:start",
    parameters: [
      { name: "name", in: "path" },
      { name: "idempotency-key", in: "header" },
      { name: "prefer", in: "header" },
    ],
    requestBody: {
      required: false,
      content: {
        "application/json": { schema: { anyOf: [{ $ref: "#/components/schemas/RunRequest" }, {}] } },
      },
    },
    responses: { 202: {}, 404: {}, 413: {}, 415: {}, 422: {}, 429: {} },
  });
  const list = document.paths["/history/runs"]?.get as { parameters: { name: string; schema: unknown }[] };
  expect(list.parameters.find(({ name }) => name === "limit")?.schema).toMatchObject({
    type: "integer",
    minimum: 1,
    maximum: 200,
  });
  expect(document.paths["/health"]?.get).toMatchObject({ security: [] });
});

test("the permissions are those that operations need, and the presets hold what they say", () => {
  const needed = new Set(
    OPERATIONS.flatMap(({ permission }) => (permission === null ? [] : [permission as string])),
  );
  expect([...needed].sort()).toEqual([...PERMISSIONS].sort());
  // What only looks is let in with `:read`; outputs of steps are somebody's data.
  for (const { method, permission, id } of OPERATIONS) {
    if (permission === null) continue;
    const isReading = method === "GET" && permission !== "runs:output";
    expect(holds("viewer", permission), id).toBe(isReading);
    if (isReading) expect(holds("operator", permission), id).toBe(true);
  }
  expect(holds("operator", "runs:bulk")).toBe(false);
  expect(holds("wrong" as "viewer", "runs:read")).toBe(false);
});

test("every problem that is declared is in the catalogue", () => {
  for (const { problems, id } of OPERATIONS)
    for (const code of problems) expect(PROBLEMS, id).toHaveProperty(code);
});

test("docs/http.md has every operation with its permission, and every problem", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/http.md"), "utf8");
  for (const { method, path, permission, summary } of OPERATIONS)
    expect(page).toContain(
      `| \`${method} ${path}\` | ${permission === null ? "" : `\`${permission}\``} | ${summary} |`,
    );
  for (const code of Object.keys(PROBLEMS)) expect(page).toContain(`\`${code}\``);
});
