import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineTable } from "../data/table.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "./define-workflow.ts";
import { Step } from "./step.ts";
import type { Workflow, WorkflowData } from "./workflow.ts";

const source: Source<{ path: string }> = { name: "demo.source", async *stream() {} };
const table = defineTable({ name: "t", columns: { a: "text" }, key: ["a"], partition: ["a"] });
const head = { name: "demo.flow", params: z.object({ path: z.string() }) };

describe("defineWorkflow", () => {
  test("every value of the builder is a complete, frozen workflow; none changes the one before", () => {
    const one = defineWorkflow(head).step("a", () => 1);
    const two = one.step("b", ({ outputs }) => outputs.a + 1);
    expect(one.steps.map((step) => step.name)).toEqual(["a"]);
    expect(two.steps.map((step) => step.name)).toEqual(["a", "b"]);
    expect(one.step("b", () => 3).step("c", () => 4).steps).toHaveLength(3);
    expect(() => two.load("c", { from: "c" as never, into: table, disposition: "append" })).toThrow('"c"');
    expect(() => (two as Workflow).step("a", () => 5)).toThrow("same name");
    expect(Object.isFrozen(two) && Object.isFrozen(two.steps) && Object.isFrozen(two.steps[0])).toBe(true);
    expect(Object.keys(two).sort()).toEqual([
      "deadlineMs",
      "description",
      "domain",
      "fingerprint",
      "name",
      "params",
      "partition",
      "queue",
      "steps",
      "whenChanged",
    ]);
    expect(two.steps[0]).toEqual({
      name: "a",
      kind: "lambda",
      retry: null,
      heartbeatTimeoutMs: null,
      timeoutMs: null,
      onError: "stop",
      when: null,
      undo: null,
      run: expect.any(Function),
    });
  });

  test("the fingerprint follows names, kinds, order and inputs, not code", () => {
    const base = defineWorkflow(head)
      .step("a", () => 1)
      .step("b", () => 2);
    expect(
      defineWorkflow(head)
        .step("a", () => 9)
        .step("b", () => 8).fingerprint,
    ).toBe(base.fingerprint);
    expect(
      defineWorkflow(head)
        .step("b", () => 1)
        .step("a", () => 2).fingerprint,
    ).not.toBe(base.fingerprint);
    expect(base.step("c", () => 3).fingerprint).not.toBe(base.fingerprint);
  });

  test("a step is looked at once, and the fingerprint is computed once, when it is first read", () => {
    let looks = 0;
    const first = new Proxy(
      Step.lambda("first", () => 1),
      {
        get(step, key, receiver) {
          if (key === "kind") looks += 1;
          return Reflect.get(step, key, receiver);
        },
      },
    );
    let flow: WorkflowData = defineWorkflow({ ...head, steps: [first] });
    const once = looks;
    for (let n = 0; n < 100; n++) flow = (flow as Workflow).step(`step${n}`, () => n);
    expect(looks).toBe(once);
    const { fingerprint } = flow;
    const read = looks;
    expect(read).toBeGreaterThan(once);
    expect([flow.fingerprint, { ...flow }.fingerprint]).toEqual([fingerprint, fingerprint]);
    expect(looks).toBe(read);
  });

  test("steps can be given as data", () => {
    const flow = defineWorkflow({
      ...head,
      steps: [Step.lambda("fetch", () => 1), Step.pipeline("transform", "finra.transform")],
    });
    expect(flow.steps.map(({ name, kind }) => [name, kind])).toEqual([
      ["fetch", "lambda"],
      ["transform", "pipeline"],
    ]);
    expect(flow.step("more", () => 1).steps).toHaveLength(3);
  });

  test.each([
    ["a workflow's name", () => defineWorkflow({ name: "Not A Name" })],
    ["a step's name", () => defineWorkflow(head).step("a b", () => 1)],
    [
      "a second step of a name",
      () => defineWorkflow({ ...head, steps: [Step.lambda("a", () => 1), Step.lambda("a", () => 2)] }),
    ],
    [
      "an input that no step makes",
      () => defineWorkflow(head).load("load", { from: "nope" as never, into: table, disposition: "append" }),
    ],
    [
      "two things to do for each item",
      () => defineWorkflow(head).map("m", { over: () => [1], run: () => 1, steps: () => 1 } as never),
    ],
    [
      "options of items whose steps have their own",
      () =>
        defineWorkflow(head).map("m", {
          over: () => [1],
          each: { timeout: "1s" },
          steps: (block: Workflow) => block.step("a", () => 1),
        } as never),
    ],
    [
      "a timeout of a time that is waited for",
      () => defineWorkflow(head).wait("w", { for: "1s", timeout: "2s" } as never),
    ],
    [
      "retries of branches",
      () => defineWorkflow(head).parallel("p", { a: () => 1 }, { retry: { attempts: 2 } } as never),
    ],
    [
      "steps nested too deep for an index",
      () =>
        defineWorkflow({
          ...head,
          steps: [
            Array.from({ length: 30 }).reduce<Step>(
              (inner) => Step.parallel("p".repeat(64), [inner]),
              Step.lambda("a", () => 1),
            ),
          ],
        }),
    ],
    ["retries", () => defineWorkflow(head).step("a", () => 1, { retry: { attempts: 0 } })],
  ])("refuses %s that cannot be used", (_what, define) => {
    expect(define).toThrowError(expect.objectContaining({ code: "WORKFLOW_INVALID" }));
  });

  test("a source is named by constant or by name", () => {
    const byConstant = defineWorkflow(head).fetch("fetch", { from: source, request: ({ params }) => params });
    const byName = defineWorkflow(head).fetch("fetch", {
      from: "demo.source",
      request: ({ params }) => params,
    });
    expect(byName.fingerprint).toBe(byConstant.fingerprint);
  });
});
