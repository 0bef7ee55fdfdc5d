// What hosts without a compiler give by mistake: each is refused with what it is and what is expected, and nothing is stored.
import {
  createSpine,
  defineWorkflow,
  HistoryTracker,
  type RunFilter,
  type RunItem,
  type RunOptions,
  Step,
  silentLogger,
  type TrackedStep,
} from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { postgres } from "./databases/postgres.ts";
import { memory, sqlite } from "./databases/sqlite.ts";
import { PLACES } from "./testing/places.ts";

const workflow = defineWorkflow({ name: "demo.given", params: z.object({ n: z.number() }) }).step(
  "first",
  ({ params }) => params.n,
);

describe.each(PLACES)("%s", (_name, open) => {
  async function start() {
    const place = await open();
    const spine = await createSpine({
      database: place.database(),
      workflows: [workflow],
      logger: silentLogger,
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    return spine;
  }

  const refusal = (path: string, message: string) => ({
    name: "ValidationError",
    code: "VALIDATION_FAILED",
    message: expect.stringContaining(message) as string,
    detail: { issues: [expect.objectContaining({ path })] },
  });

  test("wrong arguments are named", async () => {
    const spine = await start();
    const wrong = <T>(value: unknown) => value as T;
    for (const items of [null, undefined, {}, "items"]) {
      await expect(spine.runMany(workflow, wrong(items))).rejects.toMatchObject(
        refusal("/items", "are a list of { params"),
      );
    }
    await expect(
      spine.runMany(workflow, [{ params: { n: 1 } }, wrong<RunItem & { params: { n: number } }>(null)]),
    ).rejects.toMatchObject({ ...refusal("/item", "null was given"), context: { item: 1 } });
    for (const options of [null, "key", []]) {
      await expect(spine.run(workflow, { n: 1 }, wrong(options))).rejects.toMatchObject(
        refusal("/options", "are an object, or left out"),
      );
    }
    for (const id of [undefined, null, 7, {}]) {
      for (const call of [spine.get, spine.cancel, spine.retry, spine.attach]) {
        await expect(call(wrong(id))).rejects.toMatchObject(refusal("/runId", "as `run.id` has it"));
      }
    }
    for (const none of [undefined, null, 7, {}]) {
      await expect(spine.run(wrong<string>(none), {})).rejects.toMatchObject(
        refusal("/workflow", "its name"),
      );
      await expect(spine.runMany(wrong<string>(none), [])).rejects.toMatchObject(
        refusal("/workflow", "its name"),
      );
    }
    for (const name of [undefined, "a b", ""]) {
      await expect(spine.queues.get(wrong(name))).rejects.toMatchObject(refusal("/queue", "name of a queue"));
    }
    await expect(spine.queues.set("q", wrong([]))).rejects.toMatchObject(
      refusal("/", "The settings of a queue are an object, not a list."),
    );
    expect((await spine.history.list({})).items).toEqual([]);
  });

  test("an option that does not exist is refused, and those that do are listed", async () => {
    const spine = await start();
    const misspelt = { prioritty: 5 } as RunOptions;
    const refused = {
      ...refusal("/prioritty", "`prioritty` is no option"),
      message: expect.stringMatching(/`prioritty` is no option.*`priority`.*`startAt`/) as string,
    };
    await expect(spine.run(workflow, { n: 1 }, misspelt)).rejects.toMatchObject(refused);
    const items = [{ params: { n: 1 } }, { params: { n: 2 }, ...misspelt }];
    await expect(spine.runMany(workflow, items)).rejects.toMatchObject({ ...refused, context: { item: 1 } });
    // Parameters among the options would have taken the place of the others.
    await expect(spine.run(workflow, { n: 1 }, { params: { n: 2 } } as RunOptions)).rejects.toMatchObject(
      refusal("/params", "`params` is no option"),
    );
    expect((await spine.history.list({})).items).toEqual([]);
    const left = { prioritty: undefined, priority: 3 } as RunOptions;
    expect((await (await spine.run(workflow, { n: 1 }, left)).result()).outputs).toEqual({ first: 1 });
    const parent = defineWorkflow({ name: "demo.parent" }).pipeline("child", {
      run: workflow,
      params: () => ({ n: 7 }),
    });
    expect((await (await spine.run(parent, {})).result()).outputs).toMatchObject({
      child: { first: 7 },
    });
  });

  test("every call names what is wrong, and does nothing", async () => {
    const spine = await start();
    const { id } = await spine.run(workflow, { n: 1 });
    await spine.attach(id).then((run) => run.result());
    const tracker = new HistoryTracker(spine.history);
    const step = (record: (step: TrackedStep) => void) =>
      tracker.trackWorkflow("demo.tracked", {}, (run) =>
        run.trackStep("a", "lambda", async (tracked) => record(tracked)),
      );
    const any = spine as unknown as Record<string, (...given: unknown[]) => unknown>;
    const stores = spine as unknown as Record<string, Record<string, (...given: unknown[]) => unknown>>;
    const start1 = (options: object) => () => spine.run(workflow, { n: 1 }, options);
    const calls: readonly (readonly [call: () => unknown, says: string, path?: string])[] = [
      [start1({ deadline: 1e20 }), "The `deadline` of a run ends after the year 9999", "/deadline"],
      [
        start1({ deadline: "soon" }),
        'The `deadline` of a run cannot be used: "soon" is no duration',
        "/deadline",
      ],
      [start1({ deadline: null }), "The `deadline` of a run cannot be used: null", "/deadline"],
      [start1({ key: "" }), "The `key` of a run is empty", "/key"],
      [start1({ debounce: null }), "The options of `debounce` (`debounce`) are an object; null", "/debounce"],
      [start1({ debounce: { key: "a" } }), "The option `wait` of `debounce` cannot be left out", "/wait"],
      [start1({ debounce: { key: "", wait: 1 } }), "The `debounce.key` of a run is empty", "/debounce/key"],
      [
        start1({ debounce: { key: "a", wait: "x" } }),
        "The `debounce.wait` of a run cannot be used",
        "/debounce/wait",
      ],
      [
        start1({ debounce: { key: "a", wait: 1e300 } }),
        "The `debounce.wait` of a run ends after",
        "/debounce/wait",
      ],
      [
        start1({ debounce: { key: "a", wait: 1, longest: 1e300 } }),
        "The `debounce.longest` of a run ends",
        "/debounce/longest",
      ],
      [start1({ debounce: { key: "a", wait: 1, max: 2 } }), "`max` is no option of `debounce`", "/max"],
      [() => any.run?.({ name: "x", steps: [1] }, {}), "is what `defineWorkflow` returned", "/workflow"],
      [() => any.rerun?.(id, null), "The options of a rerun (`options`) are an object", "/options"],
      [() => any.rerun?.(id, { frm: "first" }), "`frm` is no option of a rerun. There are `key`", "/frm"],
      [() => any.rerun?.(id, { from: 5 }), "The option `from` of a rerun is a text; 5", "/from"],
      [() => any.controlAll?.(), "The fields of a filter (`filter`) are an object; undefined", "/filter"],
      [() => any.controlAll?.(null, "cancel", { expect: 1 }), "The fields of a filter (`filter`)", "/filter"],
      [() => any.controlAll?.(5, "cancel", { expect: 1 }), "The fields of a filter (`filter`)", "/filter"],
      [
        () => any.controlAll?.({ tagg: "x" }, "cancel", { expect: 1 }),
        "`tagg` is no field of a filter",
        "/tagg",
      ],
      [
        () => any.controlAll?.({ limit: 1 }, "cancel", { expect: 1 }),
        "`limit` is no field of a filter",
        "/limit",
      ],
      [
        () => any.controlAll?.({ status: ["NO"] }, "cancel", { expect: 1 }),
        "The status of a query is",
        "/status",
      ],
      [
        () => any.controlAll?.({}, "cancel"),
        "The options of controlAll (`options`) are an object",
        "/options",
      ],
      [
        () => any.controlAll?.({}, "destroy", { expect: 1 }),
        'The argument `control` of controlAll is "cancel" or',
        "/control",
      ],
      [() => any.controlAll?.({}, "cancel", { expct: 1 }), "`expct` is no option of controlAll", "/expct"],
      [() => any.signal?.(id, "go", 1, null), "The options of a signal (`options`)", "/options"],
      [
        () => any.signal?.(id, "go", 1, { ids: "x" }),
        "`ids` is no option of a signal. There is `id`",
        "/ids",
      ],
      [() => any.approve?.(id, "first", null), "The members of an approval (`by`)", "/by"],
      [
        () => any.approve?.(id, "first", { approved: false }),
        "`approved` is no member of an approval",
        "/approved",
      ],
      [() => any.reject?.(id, "first", { by: 5n }), "The member `by` of an approval is a text; 5n", "/by"],
      [() => any.on?.("nope", () => {}), 'The argument `name` of on is "run.changed" or', "/name"],
      [() => any.on?.("run.changed"), "The argument `listener` of on is a function; undefined", "/listener"],
      [() => stores.history?.list?.(), "The fields of a query (`query`) are an object; undefined", "/query"],
      [() => stores.history?.list?.(5), "The fields of a query (`query`) are an object; 5", "/query"],
      [
        () => stores.history?.list?.({ wrokflow: "x" }),
        "`wrokflow` is no field of a query. There are `workflow`",
        "/wrokflow",
      ],
      [() => stores.history?.list?.({ limit: "5" }), 'The limit of a query is "5"', "/limit"],
      [() => stores.history?.list?.({ until: new Date(0) }), "The until of a query is 1970-01-01", "/until"],
      [() => stores.history?.events?.(id, null), "The fields of a query of events (`range`)", "/range"],
      [() => stores.history?.events?.(id, { after: 1e20 }), "The after of a query is 1", "/after"],
      [
        () => stores.history?.events?.(id, { afetr: 1 }),
        "`afetr` is no field of a query of events",
        "/afetr",
      ],
      [() => stores.statistics?.count?.(), "The fields of a filter (`filter`)", "/filter"],
      [() => stores.statistics?.count?.({}, null), "The options of a count (`options`)", "/options"],
      [() => stores.statistics?.count?.({ limit: 1 }), "`limit` is no field of a filter", "/limit"],
      [() => stores.statistics?.totals?.(), "The fields of a query of totals (`query`)", "/query"],
      [() => stores.statistics?.totals?.({ limit: 1 }), "`limit` is no field of a query of totals", "/limit"],
      [() => stores.logs?.read?.(), "The argument `runId` of run logs is a text; undefined", "/runId"],
      [() => stores.logs?.read?.(id, null), "The options of run logs (`options`)", "/options"],
      [
        () => stores.logs?.read?.(id, { after: "x" }),
        "The option `after` of run logs is the `seq`",
        "/after",
      ],
      [
        () => stores.logs?.read?.(id, { limit: -1 }),
        "The option `limit` of run logs is a whole number",
        "/limit",
      ],
      [() => stores.database?.transaction?.(), "The argument `work` of a transaction is a function", "/work"],
      [
        () => tracker.trackWorkflow("x", null as never, async () => 1),
        "The options of a tracked run",
        "/options",
      ],
      [
        () => tracker.trackWorkflow("x", { tag: 1 } as never, async () => 1),
        "`tag` is no option of a tracked run",
        "/tag",
      ],
      [
        () => tracker.trackWorkflow("x", {}, undefined as never),
        "The argument `work` of `trackWorkflow`",
        "/work",
      ],
      [
        () => step((tracked) => tracked.recordRecords(Number.NaN)),
        "The argument `rows` of `recordRecords`",
        "/rows",
      ],
      [
        () => step((tracked) => tracked.recordRecords(-5.5)),
        "is a whole number from 0; -5.5 was given",
        "/rows",
      ],
      [
        () => step((tracked) => tracked.recordRecords("5" as never)),
        'is a whole number from 0; "5" was given',
        "/rows",
      ],
      [
        () => step((tracked) => tracked.recordRecords({ in: 1, out: 1 } as never)),
        "The count `rejected` of",
        "/rejected",
      ],
      [
        () => step((tracked) => tracked.recordQuality([{} as never])),
        "The field `check` of a result of",
        "/check",
      ],
      [() => step((tracked) => tracked.recordQuality({} as never)), "The argument `results` of", "/results"],
    ];
    for (const [call, says, path] of calls) {
      const error: unknown = await Promise.resolve()
        .then(call)
        .then(
          () => "nothing was thrown",
          (reason: unknown) => reason,
        );
      expect(String(error)).toContain(says);
      expect(error).toMatchObject({
        code: "VALIDATION_FAILED",
        category: "VALIDATION",
        detail: { issues: [expect.objectContaining({ path })] },
      });
    }
    expect(() => any.workflows).not.toThrow();
    expect(() => spine.workflows.add(null as never)).toThrow("null is no workflow: it has no name.");
    await tracker.close();
    const { items } = await spine.history.list({ status: ["PENDING", "RUNNING", "WAITING", "COMPLETED"] });
    expect(items.map(({ runId }) => runId)).toEqual([id]);
  });

  test("a control of many finds only those that it is for, whatever status is asked for", async () => {
    const spine = await start();
    await (await spine.run(workflow, { n: 1 })).result();
    const waits = await spine.run(workflow, { n: 2 }, { delay: "1h" });
    for (const status of [undefined, ["PENDING", "COMPLETED"]] as const) {
      await expect(spine.controlAll({ status } as RunFilter, "cancel", { expect: 2 })).rejects.toMatchObject({
        code: "RUN_CONFLICT",
        detail: { found: 1, expected: 2 },
      });
    }
    const { changed } = await spine.controlAll({ status: undefined } as never, "cancel", { expect: 1 });
    expect(changed).toEqual([waits.id]);
  });

  test("a Spine that was stopped says so, whatever it is asked", async () => {
    const spine = await start();
    const run = await spine.run(workflow, { n: 1 });
    await run.result();
    await spine.stop();
    const stopped = { code: "STOPPED", message: "This Spine has been stopped. Create a new one to go on." };
    for (const call of [
      () => spine.run(workflow, { n: 1 }),
      () => spine.runMany(workflow, [{ params: { n: 1 } }]),
      () => spine.start(),
      () => spine.get(run.id),
      () => spine.cancel(run.id),
      () => spine.retry(run.id),
      () => spine.attach(run.id),
      () => spine.schedules.list(),
    ]) {
      await expect(call()).rejects.toMatchObject(stopped);
    }
  });
});

const CREATED: readonly (readonly [what: string, create: () => unknown, says: string])[] = [
  [
    "nothing",
    () => createSpine(undefined as never),
    "The options of createSpine (`options`) are an object; undefined",
  ],
  ["no database", () => createSpine({} as never), "The option `database` of createSpine is a database, e.g."],
  [
    "a URL",
    () => createSpine({ database: "postgres://x" } as never),
    'is a database, e.g. `sqlite("spine.db")`; "postgres',
  ],
  ...(
    [
      ["worflows", [], "`worflows` is no option of createSpine. There are `database`"],
      ["workflows", [5], "5 is no workflow. Give what `defineWorkflow` returns."],
      ["workflows", {}, "The option `workflows` of createSpine is a list; an object"],
      ["plugins", [{}], "The member `name` of a plugin is a text; undefined"],
      ["plugins", [{ name: "p", workflow: [] }], "`workflow` is no member of a plugin"],
      ["plugins", [{ name: "p", sources: [{}] }], "an object is no source: it has no name"],
      ["clock", {}, "The option `clock` of createSpine is a clock with `now` and `after`"],
      ["logger", {}, "The option `logger` of createSpine is a logger with"],
      ["secrets", 5, "The option `secrets` of createSpine is a function; 5"],
      ["worker", "no", 'The option `worker` of createSpine is true or false; "no"'],
      ["concurrency", "5", "The option `concurrency` is 5"],
      ["retention", {}, "The option `runs` of `retention` cannot be left out"],
      ["retention", { run: "90d" }, "`run` is no option of `retention`. There is `runs`"],
    ] as const
  ).map(
    ([option, value, says]) =>
      [
        `${option}: ${JSON.stringify(value)}`,
        () => createSpine({ database: memory(), [option]: value } as never),
        says,
      ] as const,
  ),
  [
    "sqlite of nothing",
    () => sqlite(undefined as never),
    "The argument `path` of sqlite is the path of a file",
  ],
  [
    "sqlite of options",
    () => sqlite({ path: "x" } as never),
    "The argument `path` of sqlite is the path of a file",
  ],
  [
    "a prefx",
    () => sqlite("x", { prefx: "a_" } as never),
    "`prefx` is no option of sqlite. There are `durability`",
  ],
  [
    "a durability",
    () => sqlite("x", { durability: "none" as never }),
    'The option `durability` of sqlite is "full" or',
  ],
  [
    "postgres of nothing",
    () => postgres(undefined as never),
    "The options of postgres (`options`) are an object",
  ],
  [
    "a shema",
    () => postgres({ url: "postgres://x/y", shema: "a" } as never),
    "`shema` is no option of postgres",
  ],
  [
    "ssl as text",
    () => postgres({ ssl: "yes" } as never),
    "The option `ssl` of postgres is true, false, or an object",
  ],
];

test.each(CREATED)("what a Spine is made of: %s", async (_what, create, says) => {
  const error: unknown = await Promise.resolve()
    .then(create)
    .then(
      () => "nothing was thrown",
      (reason: unknown) => reason,
    );
  expect(String(error)).toContain(says);
  expect(error).toMatchObject({ code: "CONFIG_INVALID", category: "CONFIGURATION" });
});

test("a workflow that a step runs is known with it; one that it runs by name has to be", async () => {
  const inner = defineWorkflow({ name: "demo.inner" }).step("a", () => 1);
  const middle = defineWorkflow({ name: "demo.middle" }).map("each", {
    over: () => [{}],
    pipeline: inner,
    params: () => ({}),
  });
  const outer = defineWorkflow({ name: "demo.outer" }).parallel("p", (block) => ({
    q: block.pipeline("run", { run: middle, params: () => ({}) }),
  }));
  await using spine = await createSpine({ database: memory(), workflows: [outer], logger: silentLogger });
  expect([...spine.workflows.names()].sort()).toEqual(["demo.inner", "demo.middle", "demo.outer"]);
  expect((await (await spine.run(outer, {})).result()).outputs.p).toEqual({ q: { each: [{ a: 1 }] } });

  const byName = defineWorkflow({ name: "demo.by_name", steps: [Step.pipeline("run", "demo.inner")] });
  const create = (workflows: readonly (typeof byName | typeof inner)[], worker = true) =>
    createSpine({ database: memory(), workflows: workflows as never, worker, logger: silentLogger });
  await expect(create([byName])).rejects.toMatchObject({
    code: "UNKNOWN_WORKFLOW",
    message: expect.stringContaining('Step "run" of "demo.by_name" runs the workflow "demo.inner"') as string,
  });
  for (const given of [create([byName, inner]), create([byName], false)]) await (await given).stop();
});

test("a step that was skipped has no output, whatever it is called", async () => {
  await using spine = await createSpine({ database: memory(), logger: silentLogger });
  const skip = { when: () => false };
  const flow = defineWorkflow({ name: "demo.skipped" })
    .step("constructor" as never, () => 1, skip)
    .step("toString" as never, () => 1, skip)
    .when(
      "inside",
      () => true,
      (block) =>
        block
          .step("valueOf" as never, () => 1, skip as never)
          .step("seen", (context) => {
            const outputs = context.outputs as Readonly<Record<string, unknown>>;
            return ["constructor", "toString", "valueOf"].map((name) => typeof outputs[name]);
          }),
    )
    .step("seen", (context) => {
      const outputs = context.outputs as Readonly<Record<string, unknown>>;
      return ["constructor", "toString", "inside" in outputs ? "seen" : "inside"].map(
        (name) => typeof outputs[name],
      );
    });
  const { outputs } = (await (await spine.run(flow, {})).result()) as unknown as {
    readonly outputs: Readonly<Record<string, unknown>>;
  };
  expect(outputs.inside).toEqual(["undefined", "undefined", "undefined"]);
  expect(outputs.seen).toEqual(["undefined", "undefined", "undefined"]);
});
