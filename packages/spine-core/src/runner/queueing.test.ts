import { expect, test } from "vitest";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { queueing } from "./queueing.ts";
import type { RunOptions } from "./runner.ts";

const NOW = Date.parse("2026-01-05T09:00:00.000Z");
const plain = defineWorkflow({ name: "demo" });
const queued = defineWorkflow({ name: "demo", queue: "reports" });

const place = (options: RunOptions, workflow: typeof plain = plain) => queueing(workflow, options, NOW);
const none = { queue: null, priority: 0, concurrencyKey: null, availableAt: null };

test("a run without a queue or a time of its own need not wait", () => {
  expect(place({})).toEqual({ ...none, waits: false });
  expect(place({ priority: -100 })).toEqual({ ...none, priority: -100, waits: false });
});

test("a run stands in the queue of its start, or of its workflow", () => {
  expect(place({}, queued)).toMatchObject({ queue: "reports", waits: true });
  expect(place({ queue: "Other.1" }, queued)).toMatchObject({ queue: "Other.1", waits: true });
  expect(place({ concurrencyKey: "acme" }, queued)).toMatchObject({ concurrencyKey: "acme", waits: true });
});

test("a run that is to begin later waits until then", () => {
  const from = (options: RunOptions) => {
    const { waits, availableAt } = place(options);
    return [waits, availableAt === null ? null : availableAt - NOW];
  };
  expect(from({ delay: 250 })).toEqual([true, 250]);
  expect(from({ delay: "1.5s" })).toEqual([true, 1_500]);
  expect(from({ delay: 0 })).toEqual([true, null]);
  expect(from({ delay: 0.2 })).toEqual([true, 1]);
  expect(from({ startAt: new Date(NOW + 60_000) })).toEqual([true, 60_000]);
  expect(from({ startAt: "2026-01-05T11:00:00+01:00" })).toEqual([true, 3_600_000]);
  // One that is late does not pass those that wait already.
  expect(from({ startAt: "2020-01-01T00:00Z" })).toEqual([true, null]);
});

const refused: readonly (readonly [path: string, options: Readonly<Record<string, unknown>>])[] = [
  ["/queue", { queue: "" }],
  ["/queue", { queue: "a b" }],
  ["/queue", { queue: null }],
  ["/priority", { priority: 101 }],
  ["/priority", { priority: 0.5 }],
  ["/priority", { priority: "1" }],
  ["/concurrencyKey", { concurrencyKey: "acme" }],
  ["/concurrencyKey", { queue: "q", concurrencyKey: "" }],
  ["/concurrencyKey", { queue: "q", concurrencyKey: 7 }],
  ["/concurrencyKey", { queue: "q", concurrencyKey: "x".repeat(201) }],
  ["/delay", { delay: -1 }],
  ["/delay", { delay: "soon" }],
  ["/delay", { delay: "9999999999d" }],
  ["/delay", { delay: 1, startAt: new Date(NOW) }],
  ["/startAt", { startAt: "tomorrow" }],
  ["/startAt", { startAt: "2026-01-05T09:00:00" }],
  ["/startAt", { startAt: "2026-02-31T00:00:00Z" }],
  ["/startAt", { startAt: "2026-04-31T00:00:00+01:00" }],
  ["/startAt", { startAt: "2026-02-29T12:00Z" }],
  ["/startAt", { startAt: "2026-13-01T12:00Z" }],
  ["/startAt", { startAt: new Date(Number.NaN) }],
  ["/startAt", { startAt: NOW }],
  ["/startAt", { startAt: new Date("+012345-01-01T00:00:00Z") }],
];

test.each(refused)("refuses, and names %s: %j", (path, options) => {
  expect(() => place(options)).toThrow(
    expect.objectContaining({
      code: "VALIDATION_FAILED",
      detail: { issues: [expect.objectContaining({ path })] },
    }),
  );
});

test("a refusal says what was given", () => {
  const given = (options: Readonly<Record<string, unknown>>) => expect(() => place(options as RunOptions));
  given({ priority: "1" }).toThrow('is a whole number from -100 to 100, not "1", a string.');
  given({ priority: null }).toThrow("not null.");
  given({ startAt: "2026-02-31T00:00:00Z" }).toThrow('"2026-02-31T00:00:00Z" was given');
  given({ startAt: new Date(Number.NaN) }).toThrow("an invalid Date was given");
  expect(place({ startAt: "2028-02-29T12:00Z" }).availableAt).toBe(Date.UTC(2028, 1, 29, 12));
  // The end of a day is the beginning of the next one.
  expect(place({ startAt: "2026-01-31T24:00:00Z" }).availableAt).toBe(Date.UTC(2026, 1, 1));
});

test("a concurrency key has to be a text that is not too long", () => {
  for (const concurrencyKey of ["x".repeat(201), "\0", 7]) {
    expect(() => place({ queue: "q", concurrencyKey } as RunOptions)).toThrow(/concurrencyKey/);
  }
});

test("a workflow's queue is checked when it is defined", () => {
  expect(() => defineWorkflow({ name: "demo", queue: "no queue" })).toThrow(
    expect.objectContaining({ code: "WORKFLOW_INVALID" }),
  );
  expect([plain.queue, queued.queue, queued.step("one", () => 1).queue]).toEqual([
    null,
    "reports",
    "reports",
  ]);
});
