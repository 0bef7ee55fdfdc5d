import { expect } from "vitest";
import { SpineError } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type { RunQuery } from "../history/run-query.ts";
import { newId } from "../ids.ts";
import { qualitySample } from "./attachment-samples.ts";
import { advanceCommit, committed, createCommit, startRun, stepEnd } from "./history-samples.ts";
import type { Check } from "./suite.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Finding runs: each filter, all of them together, and what is refused. */
export function historyListTests(check: Check): void {
  check("lists runs newest first, page by page, each once", async ({ stores: { history } }) => {
    const commits = Array.from({ length: 7 }, () => createCommit());
    await history.commit(commits);
    const ids: string[] = [];
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await history.list({ limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      ids.push(...page.items.map(({ runId }) => runId));
      sizes.push(page.items.length);
      cursor = page.nextCursor ?? undefined;
      // What is added meanwhile does not move the pages.
      await history.commit([createCommit({ workflow: "later" })]);
    } while (cursor !== undefined);
    expect(sizes).toEqual([3, 3, 1]);
    expect(ids).toEqual(commits.map(({ run }) => run.runId).reverse());
  });

  check(
    "lists runs without what may be long, and gets them whole",
    async ({ stores: { history }, clock }) => {
      const { runId, fence } = await startRun(history, {
        workflow: "whole",
        domain: "x",
        partition: { week: "w" },
        tags: ["a", "b"],
        key: "k",
      });
      clock.advance(5);
      const error = {
        code: "BAD",
        category: "SOURCE",
        retryable: false,
        message: "no",
        detail: [1],
      } as const;
      const change = { status: "FAILED", outputs: '{"rows":3}', error } as const;
      await committed(
        history,
        advanceCommit(runId, fence, { ended: [stepEnd("first")], run: change, metrics: { m: 1 } }),
      );
      const { run } = (await history.get(runId)) ?? {};
      expect(run).toMatchObject({
        outputs: { rows: 3 },
        params: { week: "2025-01-06" },
        error,
        tags: ["a", "b"],
      });
      const { items } = await history.list({});
      expect(items).toEqual([
        {
          runId,
          workflow: "whole",
          domain: "x",
          partition: { week: "w" },
          tags: ["a", "b"],
          key: "k",
          scope: null,
          status: "FAILED",
          version: run?.version,
          error: { code: "BAD", category: "SOURCE", message: "no" },
          triggeredBy: "test",
          parentRunId: null,
          parentStep: null,
          rerunOf: null,
          deadline: null,
          queue: null,
          priority: 0,
          concurrencyKey: null,
          fingerprint: "f1",
          crashes: 0,
          createdAt: run?.createdAt,
          startedAt: run?.startedAt,
          completedAt: run?.completedAt,
          availableAt: null,
        },
      ]);
    },
  );

  check("lists what a query asks for, whatever it combines", async ({ stores: { history } }) => {
    const runs = await variety(history);
    const queries: RunQuery[] = [];
    for (const workflow of [undefined, "a", "b", "none"]) {
      for (const status of [
        undefined,
        ["COMPLETED"],
        ["PENDING", "COMPLETED", "PENDING"],
        ["FAILED"],
      ] as const) {
        for (const domain of [undefined, "x"]) {
          for (const tag of [undefined, "red", "blue"]) {
            for (const partition of [undefined, { tier: "T1", week: "w" }]) {
              queries.push(defined({ workflow, status, domain, tag, partition }));
            }
          }
        }
      }
    }
    for (const query of queries) {
      const expected = runs.filter((run) => fits(run, query)).map(({ runId }) => runId);
      expect(await listed(history, query), JSON.stringify(query)).toEqual(expected);
      // The same in pages of one, so that each cursor is a bound in each index.
      const paged: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const page = await history.list({ ...query, limit: 1, ...(cursor ? { cursor } : {}) });
        paged.push(...page.items.map(({ runId }) => runId));
        cursor = page.nextCursor;
      }
      expect(paged, JSON.stringify(query)).toEqual(expected);
    }
    expect(await listed(history, { status: [] })).toEqual([]);
    expect(await listed(history, { limit: 500 })).toHaveLength(runs.length);
  });

  check("finds a run by its tags as its status changes, and no more once it is removed", async (context) => {
    const { history } = context.stores;
    const { runId, fence } = await startRun(history, { tags: ["t", "u"] });
    const by = (tag: string, status: RunQuery["status"]) => listed(history, defined({ tag, status }));
    expect(await by("t", ["RUNNING"])).toEqual([runId]);
    await committed(
      history,
      advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "FAILED" } }),
    );
    expect([await by("t", ["RUNNING"]), await by("t", ["FAILED"])]).toEqual([[], [runId]]);
    const change = { status: "PENDING", availableAt: context.clock.now() } as const;
    await committed(history, { kind: "control", runId, from: ["FAILED"], change, reason: "retry" });
    expect([await by("u", ["FAILED"]), await by("u", ["PENDING"])]).toEqual([[], [runId]]);
    const { runs } = await history.claim({ worker: "worker-1", workflows: ["demo"], limit: 1 });
    expect([await by("u", ["PENDING"]), await by("u", ["RUNNING"])]).toEqual([[], [runId]]);
    expect(runs[0]?.run.tags).toEqual(["t", "u"]);
    await committed(history, advanceCommit(runId, runs[0]?.fence ?? fence, { run: { status: "COMPLETED" } }));
    context.clock.advance(MINUTE);
    expect(await history.prune({ before: context.clock.now(), limit: 1 })).toEqual([runId]);
    expect(await by("t", undefined)).toEqual([]);
    // Its place is free: nothing of it is left under the same id.
    await committed(history, createCommit({ runId, tags: ["t"] }));
    expect(await by("t", undefined)).toEqual([runId]);
  });

  check("lists the runs of a window of time", async ({ stores: { history }, clock }) => {
    const at = (minutes: number) => clock.now() + minutes * MINUTE;
    const ids = [-3, -2, -1, 0].map((minutes) => idAt(at(minutes)));
    await history.commit(ids.map((runId) => createCommit({ runId, domain: "x", tags: ["t"] })));
    const [first, second, third, fourth] = ids;
    for (const more of [
      {},
      { domain: "x" },
      { tag: "t" },
      { status: ["PENDING"] },
      { workflow: "demo" },
    ] as const) {
      expect(await listed(history, { ...more, since: at(-2) })).toEqual([fourth, third, second]);
      expect(await listed(history, { ...more, until: at(-2) })).toEqual([first]);
      expect(await listed(history, { ...more, since: at(-2), until: at(0) })).toEqual([third, second]);
      const { nextCursor } = await history.list({ ...more, until: at(0), limit: 1 });
      const next = await history.list({ ...more, until: at(0), cursor: nextCursor ?? "", limit: 1 });
      expect(next.items.map(({ runId }) => runId)).toEqual([second]);
    }
  });

  check("searches errors and parameters, in a window of time", async ({ stores: { history }, clock }) => {
    const now = clock.now();
    const create = (age: number, params: unknown) => ({
      ...createCommit({ runId: idAt(now - age), params: JSON.stringify(params) }),
    });
    const old = create(8 * DAY, { file: "Needle.csv" });
    const file = create(6 * DAY, { file: "the Needle.csv", tier: "T1" });
    const nested = create(5 * DAY, { list: [{ deep: 'say "needle"\n' }], n: 4711 });
    const key = create(4 * DAY, { needle: "x" });
    const odd = create(3 * DAY, { text: "100% _\\ ü" });
    await history.commit([old, file, nested, key, odd]);
    const failed = await startRun(history, { runId: idAt(now - DAY), params: "{}" });
    const error = {
      code: "LOST_NEEDLE",
      category: "SOURCE",
      retryable: false,
      message: 'Gone: "x"',
    } as const;
    await committed(history, advanceCommit(failed.runId, failed.fence, { run: { status: "FAILED", error } }));
    const ids = (...commits: readonly (typeof old)[]) => commits.map(({ run }) => run.runId);
    const found = (search: string, more: RunQuery = {}) => listed(history, { search, ...more });
    expect(await found("nEEdle")).toEqual([failed.runId, ...ids(nested, file)]);
    expect(await found("needle", { limit: 1 })).toEqual([failed.runId]);
    expect(await found("needle", { since: now - 9 * DAY })).toEqual([
      failed.runId,
      ...ids(nested, file, old),
    ]);
    expect(await found("needle", { until: now - 6 * DAY })).toEqual(ids(old));
    expect(await found("needle", { status: ["PENDING"] })).toEqual(ids(nested, file));
    expect(await found("needle", { status: ["FAILED"], workflow: "demo" })).toEqual([failed.runId]);
    expect(await found('gone: "x"')).toEqual([failed.runId]);
    // Only values, not the names or the form of what is stored.
    expect(await found("SOURCE")).toEqual([]);
    expect(await found("retryable")).toEqual([]);
    expect(await found("file")).toEqual([]);
    expect(await found('"needle"\n')).toEqual(ids(nested));
    expect(await found("4711")).toEqual(ids(nested));
    for (const text of ["100%", "% _", "_\\", "\\ ü"]) expect(await found(text)).toEqual(ids(odd));
    expect(await found("1_0%")).toEqual([]);
  });

  check("finds by what started them, and by checks that failed, in a window of time", async (context) => {
    const { history } = context.stores;
    const now = context.clock.now();
    const started = async (days: number, triggeredBy: string, status: "PASS" | "FAIL" | "ERROR" | null) => {
      const { runId, fence } = await startRun(history, {
        runId: idAt(now - days * DAY),
        triggeredBy,
        tags: ["t"],
      });
      const sample = qualitySample();
      const attachments =
        status === null ? [] : [{ ...sample, result: { ...sample.result, status } }, sample];
      const run = { status: "COMPLETED" } as const;
      const ended = [stepEnd("first")];
      await committed(history, advanceCommit(runId, fence, { ended, run, attachments }));
      return runId;
    };
    const old = await started(8, "api:ann", "FAIL");
    const ann = await started(4, "api:ann", "FAIL");
    const bob = await started(3, "api:bob", "PASS");
    const api = await started(2, "api", null);
    const other = await started(1, "apiary", "ERROR");
    for (const more of [{}, { tag: "t" }, { status: ["COMPLETED"] }, { workflow: "demo" }] as const) {
      const by = (triggeredBy: string) => listed(history, { ...more, triggeredBy });
      expect(await by("api")).toEqual([api, bob, ann]);
      expect(await by("api:ann")).toEqual([ann]);
      expect(await by("apiary")).toEqual([other]);
      expect(await by("ap")).toEqual([]);
      expect(await by("API")).toEqual([]);
      expect(await by("%")).toEqual([]);
      const failed = (qualityFailed: boolean) => listed(history, { ...more, qualityFailed });
      expect(await failed(true)).toEqual([ann]);
      // A check that broke down did not fail.
      expect(await failed(false)).toEqual([other, api, bob]);
    }
    const since = now - 9 * DAY;
    expect(await listed(history, { triggeredBy: "api:ann", qualityFailed: true, since })).toEqual([ann, old]);
  });

  check(
    "lists, finds and queues again a run whose error text no database takes as it is",
    async (context) => {
      const { history } = context.stores;
      const { runId, fence } = await startRun(history, {});
      const odd = "a\0needle\ud800";
      const error = new SpineError("STEP_FAILED", odd, {
        context: { step: odd, [odd]: odd },
        detail: { [odd]: [odd] },
        cause: new Error(`${odd}!`),
      }).toJSON();
      const failed = { ...stepEnd("first"), status: "FAILED", error } as const;
      await committed(
        history,
        advanceCommit(runId, fence, { ended: [failed], run: { status: "FAILED", error } }),
      );
      const { items } = await history.list({ status: ["FAILED"] });
      expect(items.map((run) => run.error?.message)).toEqual(["a\ufffdneedle\ufffd"]);
      expect((await history.get(runId))?.run.error).toEqual(error);
      expect(await listed(history, { search: "needle" })).toEqual([runId]);
      const change = { status: "PENDING", availableAt: context.clock.now() } as const;
      await committed(history, { kind: "control", runId, from: ["FAILED"], change, reason: "retry" });
      const { runs } = await history.claim({ worker: "worker-1", workflows: ["demo"], limit: 1 });
      expect(runs.map(({ run }) => run.runId)).toEqual([runId]);
    },
  );

  check("finds the few among many that fit, page by page", async ({ stores: { history }, clock }) => {
    const total = 1_200;
    const commits = Array.from({ length: total }, (_, index) =>
      createCommit({
        runId: idAt(clock.now() - DAY + index),
        domain: "x",
        params: JSON.stringify({ n: `n${index}.` }),
        workflow: index % 400 === 3 ? "rare" : "common",
        tags: ["t"],
      }),
    );
    await history.commit(commits);
    const rare = [803, 403, 3].map((index) => commits[index]?.run.runId);
    expect(await listed(history, { tag: "t", workflow: "rare" })).toEqual(rare);
    expect(await listed(history, { search: "n403." })).toEqual(rare.slice(1, 2));
    const first = await history.list({ tag: "t", workflow: "rare", limit: 2 });
    expect(first.items.map(({ runId }) => runId)).toEqual(rare.slice(0, 2));
    const second = await history.list({
      tag: "t",
      workflow: "rare",
      limit: 2,
      cursor: first.nextCursor ?? "",
    });
    expect(second.items.map(({ runId }) => runId)).toEqual(rare.slice(2));
    expect(second.nextCursor).toBeNull();
  });

  check("refuses a query that makes no sense, and says which part", async ({ stores: { history } }) => {
    const wrong: readonly (readonly [string, RunQuery])[] = [
      ["cursor", { cursor: "nonsense" }],
      ["cursor", { cursor: "" }],
      ["cursor", { cursor: null as never }],
      ["limit", { limit: null as never }],
      ["since", { since: null as never }],
      ["search", { search: null as never }],
      ["workflow", { workflow: null as never }],
      ["partition", { partition: null as never }],
      ["partition", { partition: "week=w" as never }],
      ["status", { status: null as never }],
      ["status", { status: "FAILED" as never }],
      ["cursor", { cursor: Buffer.from('["x"]').toString("base64url") }],
      ["cursor", { cursor: Buffer.from("{}").toString("base64url") }],
      ["limit", { limit: 0 }],
      ["limit", { limit: 1.5 }],
      ["limit", { limit: Number.NaN }],
      ["since", { since: Number.NaN }],
      ["until", { until: -1 }],
      ["since", { since: 2_000, until: 1_000 }],
      ["search", { search: "" }],
      ["search", { search: "x".repeat(201) }],
      ["tag", { tag: "a\0" }],
      ["workflow", { workflow: "\ud800" }],
      ["partition", { partition: { a: "\0" } }],
      ["status", { status: ["DONE" as "FAILED"] }],
      ["triggeredBy", { triggeredBy: 1 as never }],
      ["qualityFailed", { qualityFailed: "true" as never }],
    ];
    for (const [field, query] of wrong) {
      await expect(history.list(query), JSON.stringify(query)).rejects.toMatchObject({
        category: "VALIDATION",
        message: expect.stringContaining(field),
        detail: { issues: [{ path: `/${field}` }] },
      });
    }
  });
}

interface Sample {
  readonly runId: string;
  readonly workflow: string;
  readonly status: string;
  readonly domain: string | null;
  readonly tags: readonly string[];
  readonly week: boolean;
}

/** Runs that differ in all that can be asked for, newest first. */
async function variety(history: HistoryStore): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let index = 0; index < 24; index += 1) {
    const workflow = index % 2 === 0 ? "a" : "b";
    const domain = index % 3 === 0 ? "x" : null;
    const tags = [["red"], ["blue", "red"], []][index % 3] ?? [];
    const week = index % 4 < 2;
    const changes = { workflow, domain, tags, partition: week ? { week: "w", tier: "T1" } : { week: "v" } };
    const status =
      (["PENDING", "RUNNING", "COMPLETED", "FAILED"] as const)[Math.floor(index / 6)] ?? "PENDING";
    if (status === "PENDING") {
      const commit = createCommit(changes);
      await committed(history, commit);
      samples.push({ runId: commit.run.runId, workflow, status, domain, tags, week });
      continue;
    }
    const { runId, fence } = await startRun(history, changes);
    const ended = [stepEnd("first")];
    if (status !== "RUNNING")
      await committed(history, advanceCommit(runId, fence, { ended, run: { status } }));
    samples.push({ runId, workflow, status, domain, tags, week });
  }
  return samples.reverse();
}

function fits(run: Sample, { workflow, status, domain, tag, partition }: RunQuery): boolean {
  return (
    (workflow === undefined || run.workflow === workflow) &&
    (status === undefined || status.some((one) => one === run.status)) &&
    (domain === undefined || run.domain === domain) &&
    (tag === undefined || run.tags.includes(tag)) &&
    (partition === undefined || run.week)
  );
}

async function listed(history: HistoryStore, query: RunQuery): Promise<readonly string[]> {
  return (await history.list(query)).items.map(({ runId }) => runId);
}

/** A run id of a time: `newId` never goes back to one that has passed. */
export function idAt(ms: number): string {
  const time = Math.floor(ms).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${newId().slice(13)}`;
}

function defined(query: { readonly [K in keyof RunQuery]: RunQuery[K] | undefined }): RunQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}
