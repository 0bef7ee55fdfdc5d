import { expect } from "vitest";
import type { CursorAttachment } from "../history/attachment.ts";
import type { CursorName } from "../history/cursor-store.ts";
import {
  advanceCommit,
  committed,
  eventsOf,
  expectNoGaps,
  outcome,
  startRun,
  stepEnd,
} from "./history-samples.ts";
import {
  type Check,
  type DatabaseHarness,
  databaseSuite,
  type SuiteOptions,
  type TestContext,
} from "./suite.ts";

const NAME: CursorName = { workflow: "shop.orders", step: "fetch", scope: "", of: "rows" };

function moved(position: string, more: Partial<CursorAttachment> = {}): CursorAttachment {
  return {
    kind: "cursor",
    name: NAME,
    position,
    value: JSON.stringify({ at: position }),
    resets: 0,
    ...more,
  };
}

/** The conformance suite of cursor stores, and of the commits that move cursors: registers its tests with vitest. */
export function testCursorStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`cursor store: ${name}`, harness, options, (check) => {
    movingTests(check);
    resettingTests(check);
    skippingTests(check);
  });
}

/** A run that ends with these attachments; its id. */
async function complete(
  { stores: { history } }: TestContext,
  attachments: readonly CursorAttachment[],
): Promise<string> {
  const { runId, fence } = await startRun(history);
  await committed(
    history,
    advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" }, attachments }),
  );
  return runId;
}

function movingTests(check: Check): void {
  check("has no cursor before one was moved, and then the one that a commit moved", async (context) => {
    const { cursors } = context.stores;
    expect(await cursors.get(NAME)).toBeUndefined();
    expect(await cursors.list(NAME.workflow)).toEqual([]);
    const runId = await complete(context, [moved("n5")]);
    const record = {
      ...NAME,
      position: "n5",
      value: { at: "n5" },
      resets: 0,
      runId,
      updatedAt: new Date(context.clock.now()).toISOString(),
    };
    expect(await cursors.get(NAME)).toEqual(record);
    expect(await cursors.list(NAME.workflow)).toEqual([record]);
    expect(await cursors.list("another")).toEqual([]);
  });

  check("moves a cursor forwards only, by code points", async (context) => {
    const { cursors } = context.stores;
    const order = ["n0", "n1", "n10", "nA", "na", "nä", "n漢", "n🙂"];
    for (const position of order) {
      await complete(context, [moved(position)]);
      expect((await cursors.get(NAME))?.position).toBe(position);
    }
    const newest = await cursors.get(NAME);
    for (const position of [...order].reverse()) await complete(context, [moved(position, { value: '"x"' })]);
    expect(await cursors.get(NAME)).toEqual(newest);
  });

  check("keeps cursors of other steps, scopes and kinds apart", async (context) => {
    const { cursors } = context.stores;
    const names = [
      NAME,
      { ...NAME, of: "source" as const },
      { ...NAME, scope: "T1" },
      { ...NAME, step: "other" },
    ];
    await complete(
      context,
      names.map((name, index) => moved(`n${index}`, { name })),
    );
    expect((await cursors.list(NAME.workflow)).map(({ position }) => position)).toEqual([
      "n0",
      "n1",
      "n2",
      "n3",
    ]);
    for (const [index, name] of names.entries()) {
      expect((await cursors.get(name))?.position).toBe(`n${index}`);
    }
  });

  check("many runs that end at once leave the greatest", async (context) => {
    const { history, cursors } = context.stores;
    const runs = [];
    for (let index = 0; index < 12; index += 1) runs.push(await startRun(history));
    const shuffled = runs.map((run, index) => ({
      ...run,
      position: `n${String((index * 7) % 12).padStart(2, "0")}`,
    }));
    const results = await Promise.all(
      shuffled.map(({ runId, fence, position }) =>
        history.commit([
          advanceCommit(runId, fence, {
            ended: [stepEnd("first")],
            run: { status: "COMPLETED" },
            attachments: [moved(position)],
          }),
        ]),
      ),
    );
    expect(results.map(([result]) => outcome(result))).toEqual(results.map(() => "committed"));
    expect(await cursors.get(NAME)).toMatchObject({
      position: "n11",
      value: { at: "n11" },
      runId: shuffled.find(({ position }) => position === "n11")?.runId,
    });
  });

  check(
    "does not move for whoever lost the run, nor in a transaction that is rolled back",
    async (context) => {
      const { history, cursors } = context.stores;
      const { runId, fence } = await startRun(history);
      const end = {
        ended: [stepEnd("first")],
        run: { status: "COMPLETED" as const },
        attachments: [moved("n9")],
      };
      const [result] = await history.commit([advanceCommit(runId, { ...fence, token: 9 }, end)]);
      expect(outcome(result)).toBe("fenced");
      const rolledBack = context.database.transaction(async (transaction) => {
        await history.commit([advanceCommit(runId, fence, end)], { transaction });
        throw new Error("no");
      });
      await expect(rolledBack).rejects.toThrow("no");
      expect(await cursors.get(NAME)).toBeUndefined();
      await context.database.transaction(async (transaction) => {
        await history.commit([advanceCommit(runId, fence, end)], { transaction });
      });
      expect((await cursors.get(NAME))?.position).toBe("n9");
    },
  );
}

function resettingTests(check: Check): void {
  check("sets a cursor back, or to nothing, and counts it", async (context) => {
    const { cursors } = context.stores;
    await complete(context, [moved("n5")]);
    const back = await cursors.reset(NAME, { position: "n2", value: { at: "n2" } });
    expect(back).toMatchObject({ ...NAME, position: "n2", value: { at: "n2" }, resets: 1, runId: null });
    expect(await cursors.get(NAME)).toEqual(back);
    expect(await cursors.reset(NAME, null)).toMatchObject({ position: null, value: null, resets: 2 });
    const other = { ...NAME, step: "never" };
    expect(await cursors.reset(other, null)).toMatchObject({ ...other, position: null, resets: 1 });
  });

  check("a run that read the cursor before it was reset does not move it", async (context) => {
    const { cursors } = context.stores;
    await complete(context, [moved("n5")]);
    await cursors.reset(NAME, { position: "n2", value: null });
    await complete(context, [moved("n9")]);
    expect((await cursors.get(NAME))?.position).toBe("n2");
    await complete(context, [moved("n3", { resets: 1 })]);
    expect(await cursors.get(NAME)).toMatchObject({ position: "n3", resets: 1 });
    await cursors.reset(NAME, null);
    await complete(context, [moved("n1", { resets: 2 })]);
    expect((await cursors.get(NAME))?.position).toBe("n1");
  });
}

function skippingTests(check: Check): void {
  check("records steps that a run ends without, with their events", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    const version = await committed(
      history,
      advanceCommit(runId, fence, {
        ended: [stepEnd("first", { status: "SKIPPED", output: '{"skip_reason":"UNCHANGED"}' })],
        skipped: [
          { name: "second", kind: "transform", attempt: 1, reason: "UNCHANGED" },
          { name: "third", kind: "load", attempt: 2, reason: "UNCHANGED" },
        ],
        run: { status: "COMPLETED" },
      }),
    );
    const detail = await history.get(runId);
    expect(detail?.run).toMatchObject({ status: "COMPLETED", version });
    expect(
      detail?.steps.map(({ seq, name, kind, attempt, status }) => [seq, name, kind, attempt, status]),
    ).toEqual([
      [1, "first", "lambda", 1, "SKIPPED"],
      [2, "second", "transform", 1, "SKIPPED"],
      [3, "third", "load", 2, "SKIPPED"],
    ]);
    for (const { output } of detail?.steps ?? []) expect(output).toEqual({ skip_reason: "UNCHANGED" });
    expect(await eventsOf(history, runId, 3)).toEqual([
      "4 step.skipped",
      "5 step.started",
      "6 step.skipped",
      "7 step.started",
      "8 step.skipped",
      "9 run.completed",
    ]);
    await expectNoGaps(history, runId);
    const [, , , , , skipped] = await history.events(runId);
    expect(skipped?.data).toEqual({ step: "second", attempt: 1, skip_reason: "UNCHANGED" });
  });

  check("tells what the steps of a run recorded inside of them", async ({ stores: { history } }) => {
    const { runId, fence } = await startRun(history);
    expect(await history.checkpoints(runId)).toEqual([]);
    const checkpoint = { kind: "checkpoint", step: "first", key: "a", value: '{"n":1}' } as const;
    await committed(history, advanceCommit(runId, fence, { attachments: [checkpoint] }));
    expect(await history.checkpoints(runId)).toEqual([{ step: "first", key: "a", value: { n: 1 } }]);
    expect(await history.checkpoints("no-such-run")).toEqual([]);
  });
}
