// What secrets must not do: stand in what is written, or change what is not theirs.
import {
  type Clock,
  defineWorkflow,
  jsonLogger,
  notNull,
  SpineError,
  type StepContext,
  secret,
  systemClock,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { engineFixture } from "./testing/engine-fixture.ts";

const { start } = engineFixture();

/** A run of one step with a secret of that value. */
async function runWith(value: string, step: (context: StepContext<{ key: string }>) => unknown) {
  const lines: string[] = [];
  const spine = await start({
    secrets: () => value,
    logger: jsonLogger("DEBUG", (line) => lines.push(line)),
  });
  const flow = defineWorkflow({ name: "demo.one", params: z.object({ key: secret() }) }).step(
    "one",
    step as (context: object) => unknown as never,
  );
  const run = await spine.run(flow, { key: "env:KEY" });
  await run.result().catch(() => {});
  const found = await spine.get(run.id);
  return { ...found, output: found.steps[0]?.output, logged: lines.join("") };
}

describe("redaction leaves data what it is", () => {
  test("a number that shows the secret becomes a text", async () => {
    const { run, output } = await runWith("12345678", () => ({ n: 12345678, id: "x12345678", other: 7 }));
    expect(run.status).toBe("COMPLETED");
    expect(output).toEqual({ n: "[redacted]", id: "x[redacted]", other: 7 });
  });

  test("a secret that is a word of JSON redacts texts, not the form", async () => {
    const { run, output } = await runWith("null", () => ({ nothing: null, text: "a null b", list: [null] }));
    expect(run.status).toBe("COMPLETED");
    expect(output).toEqual({ nothing: null, text: "a [redacted] b", list: [null] });
  });

  test("names that the user gave are redacted, an error's own are not", async () => {
    const { run, steps } = await runWith("code", ({ metric }) => {
      metric("code", 1);
      throw new SpineError("STEP_FAILED", "the code is wrong", {
        context: { file: "code.csv", code: "x" },
        detail: { code: ["code"] },
        cause: new Error("code 7"),
      });
    });
    expect(run.error).toMatchObject({
      code: "STEP_FAILED",
      category: "INTERNAL",
      message: "the [redacted] is wrong",
      context: { file: "[redacted].csv", "[redacted]": "x", step: "one" },
      detail: { "[redacted]": ["[redacted]"] },
      cause: "[redacted] 7",
    });
    expect(steps[0]?.error).toMatchObject({ code: "STEP_FAILED" });
  });

  test("of a checkpoint too", async () => {
    const { run, output } = await runWith("4711", async ({ checkpoint }) => ({
      back: await checkpoint("c", () => ({ n: 47110, t: "4711" })),
    }));
    expect(run.status).toBe("COMPLETED");
    expect(output).toEqual({ back: { n: "[redacted]0", t: "[redacted]" } });
  });

  test("a key of a checkpoint or a transaction that shows one is refused, and stored nowhere", async () => {
    const { run, output } = await runWith("hunter22", async ({ checkpoint, transaction, params }) => {
      const refusals = await Promise.allSettled([
        checkpoint(`c-${params.key}`, () => 1),
        checkpoint(Buffer.from(`--${params.key}`).toString("base64"), () => 1),
        transaction(async () => 1, { key: params.key }),
      ]);
      await checkpoint("of my own", () => 2);
      return refusals.map((each) =>
        each.status === "rejected" ? (each.reason as SpineError).message : "none",
      );
    });
    expect(run.status).toBe("COMPLETED");
    expect(output).toEqual(
      Array.from(
        { length: 3 },
        () => `A checkpoint's key in step "one" shows a secret of the run. Use another one.`,
      ),
    );
  });

  test("what is logged instead of a text fails no step", async () => {
    const { run, logged } = await runWith("hunter22", ({ logger }) => {
      logger.error(new Error("boom hunter22") as never);
      logger.warn(undefined as never, { n: 1n, why: new Error("said hunter22") });
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      logger.info("odd", cycle);
    });
    expect(run.status).toBe("COMPLETED");
    expect(logged).toContain("boom [redacted]");
    expect(logged).toContain("said [redacted]");
    expect(logged).not.toContain("hunter22");
  });
});

test("what a secret looks like in base64 and in another secret is redacted too", async () => {
  const values: Record<string, string> = {
    "env:A": "passw",
    "env:B": "passw0rd-long-tail",
    "env:C": "tail-end",
  };
  const spine = await start({ secrets: (reference) => values[reference] ?? "" });
  const params = z.object({ a: secret(), b: secret(), c: secret() });
  const flow = defineWorkflow({ name: "demo.forms", params }).step("one", ({ params: { b } }) => ({
    long: `(${b})`,
    overlap: "passw0rd-long-tail-end.",
    basic: ["", "u", "us", "user:"].map((user) => Buffer.from(`${user}${b}`).toString("base64")),
    url: Buffer.from(`\u00ff${b}`).toString("base64url"),
  }));
  const run = await spine.run(flow, { a: "env:A", b: "env:B", c: "env:C" });
  const { outputs } = await run.result();
  const { one } = outputs as { one: { long: string; overlap: string; basic: string[]; url: string } };
  expect(one.long).toBe("([redacted])");
  expect(one.overlap).toBe("[redacted].");
  for (const text of [...one.basic, one.url]) expect(text).toMatch(/^.{0,7}\[redacted\].{0,4}$/);
});

describe("a reference", () => {
  test.each(["postgres://user:hunter2@host", "alice:hunter2", "env:a b", "env:1x", "vault:x", "env:A@b"])(
    "%s is refused and not repeated",
    async (given) => {
      const spine = await start();
      const flow = defineWorkflow({ name: "demo.ref", params: z.object({ key: secret() }) }).step(
        "one",
        () => 1,
      );
      const refused = await spine.run(flow, { key: given }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "VALIDATION_FAILED" });
      expect(JSON.stringify(refused)).not.toContain(given);
    },
  );

  test("of a scheme that is declared is taken, unless it holds a user's password", () => {
    const schema = secret({ schemes: ["vault"] });
    for (const fine of ["vault:a/b", "vault://a/b#c", "env:A_1"]) {
      expect(schema.safeParse(fine).data).toEqual({ $secret: fine });
    }
    for (const bad of ["env:", "vault:", "vault://u:p@host", "vault:a b", "aws:x", "env:a-b"]) {
      expect(schema.safeParse(bad).success).toBe(false);
    }
    expect(() => secret({ schemes: ["a:b"] })).toThrowError(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });

  test("that nothing here can look up is named by its scheme only", async () => {
    const spine = await start();
    const params = z.object({ list: z.array(secret({ schemes: ["vault"] })) });
    const flow = defineWorkflow({ name: "demo.nobody", params }).step("one", () => 1);
    const run = await spine.run(flow, { list: ["vault:hunter2"] });
    await run.result().catch(() => {});
    const { error } = (await spine.get(run.id)).run;
    expect(error).toMatchObject({ code: "CONFIG_INVALID", context: { param: "/list/0" } });
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });
});

test("a child gets a parent's secret as its reference: nothing of it stands in the child's parameters", async () => {
  const value = "very-secret-value";
  const seen: unknown[] = [];
  const child = defineWorkflow({
    name: "demo.child",
    params: z.object({ key: secret(), url: z.string().optional(), at: z.date().optional() }),
  }).step("use", ({ params }) => {
    seen.push(params.key);
    return { ok: params.key === value };
  });
  const params = z.object({ key: secret() });
  const parent = defineWorkflow({ name: "demo.parent", params })
    .pipeline("whole", { run: child, params: ({ params: own }) => own })
    .pipeline("picked", {
      run: child,
      params: ({ params: { key } }) => ({ key, url: `https://x?k=${key}`, at: new Date(0) }),
    });
  const spine = await start({ secrets: () => value, workflows: [child, parent] });
  const run = await spine.run(parent, { key: "env:KEY" });
  await run.result();
  expect(seen).toEqual([value, value]);
  const { items } = await spine.history.list({ workflow: child.name });
  const stored = await Promise.all(items.map(async ({ runId }) => (await spine.get(runId)).run.params));
  expect(stored.reverse()).toEqual([
    { key: { $secret: "env:KEY" } },
    { key: { $secret: "env:KEY" }, url: "https://x?k=[redacted]", at: "1970-01-01T00:00:00.000Z" },
  ]);
});

test("a step's timeout covers the lookup of its secrets", async () => {
  const spine = await start({ secrets: () => new Promise<string>(() => {}) });
  const flow = defineWorkflow({ name: "demo.slow", params: z.object({ key: secret() }) }).step(
    "one",
    () => 1,
    {
      timeout: 50,
      retry: { attempts: 1, delay: 1 },
    },
  );
  const run = await spine.run(flow, { key: "env:KEY" });
  await expect(run.result()).rejects.toMatchObject({ code: "STEP_TIMEOUT" });
});

test("a lookup that fails leaves no timer of its step behind", async () => {
  const mine = 77_000;
  let open = 0;
  const clock: Clock = {
    ...systemClock,
    after(ms, then) {
      const stop = systemClock.after(ms, then);
      if (ms !== mine) return stop;
      open += 1;
      return () => {
        open -= 1;
        stop();
      };
    },
  };
  const spine = await start({ clock, secrets: () => Promise.reject(new Error("the vault is closed")) });
  const flow = defineWorkflow({ name: "demo.closed", params: z.object({ key: secret() }) }).step(
    "one",
    () => 1,
    {
      timeout: mine,
    },
  );
  const run = await spine.run(flow, { key: "env:KEY" });
  await expect(run.result()).rejects.toMatchObject({
    message: "the vault is closed",
    context: { param: "/key" },
  });
  expect(open).toBe(0);
});

test("what a check found, and the alert that it raises, show no secret", async () => {
  const spine = await start({ secrets: () => "hunter2" });
  const flow = defineWorkflow({ name: "demo.checked", params: z.object({ key: secret() }) })
    .fetch("rows", {
      from: arraySource([{ id: "key hunter2", n: null }]),
      request: () => ({}),
    })
    .quality("quality", { on: "rows", checks: [notNull(["n"])] });
  const run = await spine.run(flow, { key: "env:KEY" });
  await expect(run.result()).rejects.toMatchObject({ category: "DATA_QUALITY" });
  const found = JSON.stringify([await spine.alerts.list(), await spine.quality.results(run.id)]);
  expect(found.match(/key \[redacted\]/g)).toHaveLength(2);
  expect(found).not.toContain("hunter2");
});
