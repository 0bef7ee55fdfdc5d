import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const repository = join(import.meta.dirname, "..");
const STEPS = 60;

// What the compiler does for a type that grows with every step decides how long a workflow may become: a builder that
// flattens its outputs at each step dies near step 50. Raise a budget knowingly, never to make the test pass.
// What is counted is what the steps add to a file of one step: what the compiler does once for all that spine-core exports is no
// matter of how long a workflow is. Measured with TypeScript 7.0.2: 53,400 and 196,600; a budget is a twentieth more.
const BUDGETS = [
  ["sixty steps", plainSource, 57_000],
  ["sixty steps of every kind, inside of each other", nestedSource, 207_000],
] as const;

/** A workflow of sixty steps, each of which reads the one before; `broken` adds mistakes that must not compile. */
function plainSource(): string {
  const steps = Array.from({ length: STEPS }, (_, index) => {
    const n = index + 1;
    const before = n === 1 ? "params.start" : `outputs.step${n - 1}.value`;
    return `  .step("step${n}", ({ ${n === 1 ? "params" : "outputs"} }) => ({ value: ${before} + 1, step${n}: "${n}", at: new Date() }))`;
  });
  return `import { defineWorkflow, type OutputsOf } from "spine-core";
import { expectTypeOf } from "vitest";
import { z } from "zod";

const sixty = defineWorkflow({ name: "test.sixty_steps", params: z.object({ start: z.number() }) })
${steps.join("\n")};

type Outputs = OutputsOf<typeof sixty>;
// A Date is a string once it went through the history; the types say so.
expectTypeOf<Outputs["step1"]>().toEqualTypeOf<{ readonly value: number; readonly step1: string; readonly at: string }>();
expectTypeOf<Outputs["step${STEPS}"]>().toEqualTypeOf<{ readonly value: number; readonly step${STEPS}: string; readonly at: string }>();
expectTypeOf<keyof Outputs>().toEqualTypeOf<${steps.map((_, index) => `"step${index + 1}"`).join(" | ")}>();
// @ts-expect-error there is no step of that name
sixty.step("end", ({ outputs }) => outputs.step${STEPS + 1});
// @ts-expect-error step 1 has no such field
sixty.step("end", ({ outputs }) => outputs.step1.step2);
// @ts-expect-error the name is taken
sixty.step("step30", () => 1);
`;
}

/** The same length, of a parallel, a map, a when and a choice in turn, each with steps inside, of which each reads what stands before. */
function nestedSource(): string {
  const kinds = [
    (n: number, before: string) =>
      `  .parallel("step${n}", (block) => ({
    value: ({ outputs }) => ${before},
    more: block.step("one", ({ outputs }) => ${before}).map("two", { over: ({ outputs }) => [outputs.one], run: ({ item }) => item + 1 }),
  }))`,
    (n: number, before: string) =>
      `  .map("step${n}", {
    over: ({ outputs }) => [${before}],
    steps: (block) => block.step("one", ({ item }) => item).parallel("two", () => ({ a: () => 1, b: ({ outputs }) => outputs.one })),
  })`,
    (n: number, before: string) =>
      `  .when("step${n}", ({ outputs }) => ${before} > 0, (block) => block.step("value", ({ outputs }) => ${before}))`,
    (n: number, before: string) =>
      `  .choice("step${n}", () => "a", { a: ({ outputs }) => ({ value: ${before} }), b: () => ({ value: 0 }) })`,
  ];
  const reads = [
    (n: number) => `outputs.step${n}.value`,
    (n: number) => `(outputs.step${n}[0]?.b ?? 0)`,
    (n: number) => `(outputs.step${n} ?? 0)`,
    (n: number) => `outputs.step${n}.value`,
  ];
  const steps = Array.from({ length: STEPS }, (_, index) => {
    const before = index === 0 ? "outputs.step0" : reads[(index - 1) % 4]?.(index);
    return kinds[index % 4]?.(index + 1, before ?? "");
  });
  return `import { defineWorkflow, type OutputsOf } from "spine-core";
import { expectTypeOf } from "vitest";

const sixty = defineWorkflow({ name: "test.sixty_kinds" })
  .step("step0", () => 1)
${steps.join("\n")};

type Outputs = OutputsOf<typeof sixty>;
expectTypeOf<Outputs["step57"]["more"]>().toEqualTypeOf<readonly number[]>();
expectTypeOf<Outputs["step58"][number]>().toEqualTypeOf<{ readonly a: number; readonly b: number }>();
expectTypeOf<Outputs["step59"]>().toEqualTypeOf<number | undefined>();
// @ts-expect-error there is no branch of that name
sixty.step("end", ({ outputs }) => outputs.step57.third);
// @ts-expect-error it may have been skipped
sixty.step("end", ({ outputs }) => outputs.step59 + 1);
`;
}

/** The same imports, and one step. */
const ONE_STEP = `import { defineWorkflow, type OutputsOf } from "spine-core";
import { expectTypeOf } from "vitest";
import { z } from "zod";

const one = defineWorkflow({ name: "test.one_step", params: z.object({ start: z.number() }) }).step("step0", () => 1);
expectTypeOf<OutputsOf<typeof one>["step0"]>().toEqualTypeOf<number>();
`;
const forOne = instantiations(ONE_STEP);

test.each(BUDGETS)("a workflow of %s is typed to the last one, within its budget", (what, source, budget) => {
  const added = instantiations(source()) - forOne;
  console.log(`${what}: ${added} type instantiations (budget ${budget}), and ${forOne} for one`);
  expect(added).toBeLessThanOrEqual(budget);
});

/** How many types the compiler makes for a file, which has to compile. */
function instantiations(source: string): number {
  // Below node_modules, so that packages resolve and no other check sees the file.
  const cache = join(repository, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "type-budget-"));
  try {
    writeFileSync(join(folder, "steps.ts"), source);
    const options = { composite: false, declaration: false, emitDeclarationOnly: false, noEmit: true };
    const config = {
      extends: join(repository, "tsconfig.base.json"),
      compilerOptions: options,
      files: ["steps.ts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    // One thread: the count of instantiations depends on how files are dealt out to several checkers.
    const tsc = spawnSync(
      "tsc",
      ["-p", folder, "--extendedDiagnostics", "--singleThreaded", "--pretty", "false"],
      {
        cwd: repository,
        encoding: "utf8",
        env: { ...process.env, PATH: `${join(repository, "node_modules", ".bin")}:${process.env.PATH}` },
      },
    );
    expect(tsc.stdout).not.toMatch(/error TS/);
    expect(tsc.status, tsc.stdout + tsc.stderr).toBe(0);
    return Number(/Instantiations:\s+(\d+)/.exec(tsc.stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
