import { expect, test, vi } from "vitest";

test("the example of docs/http.md runs", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await import("./main.ts");
  expect(log.mock.calls).toEqual([["COMPLETED", "count → review → publish"], ["42 orders on 2026-01-05"]]);
});
