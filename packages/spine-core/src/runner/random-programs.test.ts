import fc from "fast-check";
import { expect, test } from "vitest";
import { SpineError, TransientError } from "../errors.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { ProgramRun } from "./testing/program-run.ts";
import { expectedOf, type Program, programs, toStep } from "./testing/programs.ts";

// Workflows at random, with failures, signals, children, undo, crashes and pauses at random, against a model that only
// evaluates the program: whatever the order of things, the run has to end as the model says.

const RUNS = 2_000;

test(`${RUNS} programs at random end as a model of them says, whatever happens in between`, () => {
  fc.assert(
    fc.property(programs(), fc.integer(), (program, seed) => {
      const workflow = defineWorkflow({
        name: "random.program",
        steps: program.map((node, index) => toStep(node, `s${index}`)),
      });
      const run = new ProgramRun(workflow, program, seed);
      run.drive();
      const expected = expectedOf(program);
      if (run.status !== "CANCELLED") {
        expect(run.status).toBe(expected.status);
        expect(run.outputs()).toEqual(expected.outputs);
      }
      run.audit();
      // Retried while it still fails, and when it does not any more: what was undone is done again, and undone again.
      for (const mended of [false, true]) {
        if (run.status === "COMPLETED") break;
        run.retry(mended);
        if (mended) expect(run.status).toBe("COMPLETED");
        run.audit();
      }
    }),
    { numRuns: RUNS },
  );
});

test("the failures of the model are those that steps have", () => {
  // A check of the check: a program that fails, and one that would if its failure were not taken.
  const leaf = { kind: "leaf", fails: 9, fatal: false, skips: false, undo: false, undoFails: 0 } as const;
  const stops: Program = [{ ...leaf, taken: false }];
  const goesOn: Program = [{ ...leaf, taken: true }];
  expect([expectedOf(stops).status, expectedOf(goesOn).status]).toEqual(["FAILED", "COMPLETED"]);
  expect(new TransientError("x").retryable).toBe(true);
  expect(new SpineError("STEP_FAILED", "x").retryable).toBe(false);
});
