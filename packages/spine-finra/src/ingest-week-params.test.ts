import { expect, it } from "vitest";
import { z } from "zod";
import { ingestWeek } from "./ingest-week.ts";
import { IngestWeekParams } from "./ingest-week-params.ts";

const file = "/data/week.csv";
const stored = {
  tier: "OTCE",
  week_start: "2025-11-10",
  week_ending: "2025-11-14",
  file,
  last_update_date: null,
};

it.each([
  { tier: "OTCE", week_ending: "2025-11-14", file },
  { tier: "OTC", week_ending: "2025-11-10", file },
  { tier: "T3", weekEnding: "2025-11-14", file },
  { tier: "OTCE", week_ending: "2025-11-14", weekEnding: "2025-11-16", file },
  { tier: "OTCE", week_ending: "2025-11-14", file, last_update_date: null },
  { ...stored },
] as const)("%j becomes the one stored form", (input) => {
  expect(IngestWeekParams.parse(input)).toEqual(stored);
});

it("without a file names the service that its rows come from", () => {
  const params = IngestWeekParams.parse({ tier: "OTC", week_ending: "2025-11-14" });
  const { file: _none, ...rest } = stored;
  expect(params).toEqual({ ...rest, source: "FINRA" });
  expect(IngestWeekParams.parse(params)).toEqual(params);
  expect(IngestWeekParams.parse({ ...params, source: "SAMPLE" }).source).toBe("SAMPLE");
});

it("keeps the date of a restatement", () => {
  const params = IngestWeekParams.parse({ ...stored, last_update_date: "2026-01-08" } as const);
  expect(params.last_update_date).toBe("2026-01-08");
  expect(IngestWeekParams.parse(params)).toEqual(params);
});

it.each([
  ["tier", { tier: "T4" }],
  ["tier", { tier: undefined }],
  ["week_ending", { week_ending: undefined }],
  ["week_ending", { week_ending: "2025-11-31" }],
  ["week_ending", { week_ending: "14.11.2025" }],
  ["weekEnding", { weekEnding: "2025-11-21" }],
  ["file", { file: "" }],
  ["source", { source: "SAMPLE" }],
  ["source", { file: undefined, source: "" }],
  ["last_update_date", { last_update_date: "2025-12-12" }],
  ["last_update_date", { last_update_date: "soon" }],
])("names %s when it is wrong: %j", (field, change) => {
  const result = IngestWeekParams.safeParse({ tier: "OTCE", week_ending: "2025-11-14", file, ...change });
  expect(result.error?.issues.map(({ path }) => path.join("."))).toEqual([field]);
});

it("gives the run its partition", () => {
  const params = IngestWeekParams.parse({ tier: "OTC", week_ending: "2025-11-16", file });
  expect(ingestWeek.partition({ params })).toEqual({ week_start: "2025-11-10", tier: "OTCE" });
});

it("has a JSON Schema for forms", () => {
  const schema = z.toJSONSchema(IngestWeekParams, { io: "input" });
  expect(schema).toMatchObject({ type: "object", required: ["tier"] });
});

it("has its steps in the order of the pipeline", () => {
  expect(ingestWeek.steps.map(({ name, kind }) => [name, kind])).toEqual([
    ["fetch", "fetch"],
    ["transform", "transform"],
    ["quality", "quality"],
    ["load", "load"],
    ["summary", "lambda"],
  ]);
});
