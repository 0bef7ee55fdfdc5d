import { expect, test } from "vitest";
import type { StepRecord } from "../history/records.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { Step } from "../workflow/step.ts";
import { workflowDiff } from "./workflow-diff.ts";

const SAME = { removed: [], added: [], changed: [], moved: [] };
const code = () => null;
const leaf = (name: string) => Step.lambda(name, code);
const flow = (...steps: readonly Step[]) => defineWorkflow({ name: "demo.flow", steps });
const begun = (...names: readonly (string | readonly [name: string, kind: string])[]) =>
  names.map((one) => {
    const [name, kind] = typeof one === "string" ? [one, "lambda"] : one;
    return { name, kind } as StepRecord;
  });

const nested = Step.parallel("p", [Step.sequence("x", [leaf("one"), leaf("two")]), leaf("y")]);
const map = Step.map("m", code, Step.sequence("each", [leaf("a"), leaf("b")]));

test("what it had begun is still there: nothing, whatever comes behind it", () => {
  const records = begun("a", ["p", "parallel"], "p/y", "p/x/one", "p/x/two", "undo/a");
  expect(workflowDiff(records, flow(leaf("a"), nested, leaf("z")))).toEqual(SAME);
  const items = begun(["m", "map"], "m/k1/a", "m/k2/a", "m/k1/b");
  expect(workflowDiff(items, flow(map))).toEqual(SAME);
});

test("steps inside of others that are gone, or new, or stand elsewhere", () => {
  const records = begun(["p", "parallel"], "p/x/uno", "p/x/two", "p/z", "p/y");
  expect(workflowDiff(records, flow(nested))).toEqual({
    ...SAME,
    removed: ["p/x/uno", "p/z"],
    added: ["p/x/one"],
  });
  const other = begun(["p", "parallel"], "p/y", "p/x/two", "p/x/one");
  expect(workflowDiff(other, flow(nested))).toEqual({ ...SAME, moved: ["p/x/two"] });
  const branch = begun(["p", "parallel"], "p/y");
  expect(workflowDiff(branch, flow(nested))).toEqual({ ...SAME, added: ["p/x"] });
  const items = begun(["m", "map"], "m/k1/old", "m/k2/old");
  expect(workflowDiff(items, flow(map))).toEqual({ ...SAME, removed: ["m/*/old"] });
});

test("steps that became others are named once, and not what was inside of them", () => {
  const records = begun("a", ["m", "map"], "m/k1/a", "m/k2/a", ["w", "wait"]);
  expect(workflowDiff(records, flow(leaf("a"), leaf("m"), leaf("w")))).toEqual({
    ...SAME,
    changed: [
      { step: "m", was: "map", is: "lambda" },
      { step: "w", was: "wait", is: "lambda" },
    ],
  });
});

test("another order of the workflow's own steps", () => {
  const records = begun("a", "b", "c");
  expect(workflowDiff(records, flow(leaf("b"), leaf("a"), leaf("c")))).toEqual({ ...SAME, moved: ["a"] });
});
