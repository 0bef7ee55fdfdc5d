import { expect, test } from "vitest";
import { checkProgress } from "./check-progress.ts";

test("what is left out is null, and more done than there is in all is no mistake", () => {
  const rows = { in: 2, out: 1, rejected: 1 };
  expect(checkProgress({ done: 3.5, total: 3, rows, message: undefined }, "copy")).toEqual({
    rows,
    done: 3.5,
    total: 3,
    unit: null,
    message: null,
  });
  expect(checkProgress({}, "copy")).toMatchObject({ done: null, message: null });
});

test.each([
  [undefined, "progress"],
  ["half", "progress"],
  [{ done: Number.NaN }, "done"],
  [{ done: -1 }, "done"],
  [{ done: "5" }, "done"],
  [{ total: Number.POSITIVE_INFINITY }, "total"],
  [{ unit: "" }, "unit"],
  [{ unit: "x".repeat(41) }, "unit"],
  [{ unit: "\ud800" }, "unit"],
  [{ message: new Error("x") }, "message"],
  [{ rows: 5 }, "rows"],
  [{ rows: { in: 1, out: 1 } }, "rows"],
  [{ rows: { in: 1, out: 0.5, rejected: 0 } }, "rows"],
  [{ percent: 5 }, "percent"],
])("%j is refused, and the step and the field are named", (given, field) => {
  const refused = () => checkProgress(given as never, "copy");
  expect(refused).toThrow(/the progress of step "copy"/);
  expect(refused).toThrow(
    expect.objectContaining({
      code: "VALIDATION_FAILED",
      detail: { issues: [expect.objectContaining({ path: `/${field}` })] },
    }),
  );
});
