import fc from "fast-check";
import { expect, test } from "vitest";
import { SpineError, TransientError } from "../errors.ts";
import { seeded } from "../testing/seeded.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { ProgramRun } from "./testing/program-run.ts";
import { expectedOf, type Program, programs, toStep } from "./testing/programs.ts";

// Workflows at random, with failures, signals, children, undo, crashes and pauses at random, against a model that only
// evaluates the program: whatever the order of things, the run has to end as the model says.

const RUNS = 2_000;
/** Most have none; of the others some are over at the start. */
const deadlines = fc.oneof(
  { weight: 6, arbitrary: fc.constant(null) },
  fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20_000 })),
);
const retries = fc.boolean();

test(`${RUNS} programs at random end as a model of them says, whatever happens in between`, {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(programs(), fc.integer(), deadlines, retries, (program, seed, deadline, retried) => {
      const workflow = defineWorkflow({
        name: "random.program",
        steps: program.map((node, index) => toStep(node, `s${index}`)),
      });
      const run = new ProgramRun(workflow, program, seeded(seed), deadline);
      run.drive();
      run.audit();
      if (retried && run.status === "FAILED") {
        run.retry(false);
        run.audit();
      }
      if (!run.isCutShort) {
        const expected = expectedOf(program);
        expect(run.status).toBe(expected.status);
        expect(run.outputs()).toEqual(expected.outputs);
      }
      if (!retried || run.status === "COMPLETED") return;
      // What was undone is done again, once, and the run ends as it would have; but what is wrong in the workflow stays so.
      run.retry(true);
      run.audit();
      expect([null, "WAIT_TIMEOUT", "STEP_TIMEOUT", "WORKFLOW_INVALID"]).toContain(run.errorCode);
      expect(run.status).toBe(run.errorCode === null ? "COMPLETED" : "FAILED");
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
