// Runs that end where their source has nothing new.
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createSpine,
  defineWorkflow,
  encryptPayloads,
  type JsonValue,
  type Page,
  type Source,
  type SourceChange,
  type Spine,
  silentLogger,
} from "spine-core";
import { mortal, withCrashPoints } from "spine-core/testing";
import { describe, expect, expectTypeOf, onTestFinished, test } from "vitest";
import { z } from "zod";
import { fileSource } from "./sources/index.ts";
import { PLACES } from "./testing/places.ts";
import { temporaryDirectory } from "./testing/sqlite-harness.ts";
import { startAt } from "./testing/start-spine.ts";

/** A document that has a version, as a server's ETag is one. */
class Document implements Source<{ readonly part?: string }, { n: number }> {
  readonly name = "document";
  version = 1;
  reads = 0;
  readonly since: (JsonValue | null)[] = [];
  onPage: (page: number) => void = () => {};

  async changed(
    _: { readonly part?: string },
    { since }: { since: JsonValue | null },
  ): Promise<SourceChange> {
    this.since.push(since);
    return { changed: since !== this.version, mark: this.version };
  }

  async *stream(_: unknown, { cursor }: { cursor?: unknown } = {}): AsyncGenerator<Page<{ n: number }>> {
    if (cursor === null || cursor === undefined) this.reads += 1;
    for (let page = Number(cursor ?? 0) + 1; page <= 3; page += 1) {
      this.onPage(page);
      yield { rows: [{ n: this.version }], cursor: page };
    }
  }
}

const flowOf = (document: Document, end: () => number = () => 1) =>
  defineWorkflow({ name: "demo.unchanged", params: z.object({ part: z.string().default("a") }) })
    .step("before", () => "done")
    .fetch("fetch", {
      from: document,
      request: ({ params }) => ({ part: params.part }),
      unchanged: "end",
    })
    .transform("transform", { from: "fetch", row: (row) => row, schema: z.object({ n: z.number() }) })
    .step("end", ({ outputs }) => {
      expectTypeOf(outputs.transform.rows).toEqualTypeOf<number>();
      return end();
    });

async function statusesOf(spine: Spine, runId: string): Promise<readonly string[]> {
  const { run, steps } = await spine.get(runId);
  return [run.status, ...steps.map(({ name, status }) => `${name} ${status}`)];
}

const SKIPPED = ["COMPLETED", "before COMPLETED", "fetch SKIPPED", "transform SKIPPED", "end SKIPPED"];

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }

  test("the run ends COMPLETED, and what it skipped says why", async () => {
    const document = new Document();
    const flow = flowOf(document);
    const spine = await startAt(await placed(), [flow]);
    const told: string[] = [];
    spine.on("step.ended", ({ step, status }) => told.push(`${step} ${status}`));
    const first = await (await spine.run(flow, {})).result();
    expect(first.outputs.end).toBe(1);
    expectTypeOf(first.outputs.end).toEqualTypeOf<number | undefined>();
    expectTypeOf(first.outputs.before).toEqualTypeOf<string | undefined>();
    told.length = 0;
    const run = await spine.run(flow, {});
    expect((await run.result()).outputs).toEqual({ before: "done" });
    expect(await statusesOf(spine, run.id)).toEqual(SKIPPED);
    const { steps } = await spine.get(run.id);
    expect(steps.slice(1).map(({ output }) => output)).toEqual(
      steps.slice(1).map(() => ({ skip_reason: "UNCHANGED" })),
    );
    const events = await spine.history.events(run.id);
    expect(events.filter(({ type }) => type === "step.skipped").map(({ data }) => data)).toEqual(
      ["fetch", "transform", "end"].map((step) => ({ step, attempt: 1, skip_reason: "UNCHANGED" })),
    );
    expect(events.at(-1)?.type).toBe("run.completed");
    expect(told).toEqual(["before COMPLETED", "fetch SKIPPED", "transform SKIPPED", "end SKIPPED"]);
    document.version = 2;
    expect((await (await spine.run(flow, {})).result()).outputs.end).toBe(1);
    expect(document.since).toEqual([null, 1, 1]);
    expect(document.reads).toBe(2);
  });

  test("only a run that is completed counts, and only one with the same request", async () => {
    const document = new Document();
    let fails = true;
    const flow = flowOf(document, () => {
      if (fails) throw new Error("no");
      return 1;
    });
    const spine = await startAt(await placed(), [flow]);
    await expect((await spine.run(flow, {})).result()).rejects.toThrow("no");
    fails = false;
    expect((await (await spine.run(flow, {})).result()).outputs.end).toBe(1);
    expect((await (await spine.run(flow, { part: "b" })).result()).outputs.end).toBe(1);
    expect((await (await spine.run(flow, { part: "b" })).result()).outputs.end).toBeUndefined();
    await spine.cursors.reset({ workflow: "demo.unchanged", step: "fetch" });
    expect((await (await spine.run(flow, { part: "b" })).result()).outputs.end).toBe(1);
  });

  test("what changes while it is read, or between a crash and its end, is read by the next run", async () => {
    const place = await placed();
    const document = new Document();
    const flow = flowOf(document);
    document.onPage = (page) => {
      if (page === 2) document.version = 2;
    };
    const life = mortal(place.database());
    const dying = withCrashPoints(life.database, (point) => {
      if (point === "before dataset.seal") return life.die();
    });
    const first = await createSpine({ database: dying, workflows: [flow], logger: silentLogger });
    const run = await first.run(flow, {});
    await life.dead;
    const spine = await startAt(place, [flow]);
    await (await spine.attach(run.id)).result();
    expect(document.reads).toBe(1);
    const next = await spine.run(flow, {});
    await next.result();
    expect(await statusesOf(spine, next.id)).toContain("end COMPLETED");
    expect(document.since).toEqual([null, 1]);
  });

  test("with encrypted payloads the reason stands in the events all the same", async () => {
    const place = await placed();
    const flow = flowOf(new Document());
    const payloads = encryptPayloads({ keys: { k1: Buffer.alloc(32, 7).toString("base64") }, use: "k1" });
    const spine = await startAt(place, [flow], { payloads });
    await (await spine.run(flow, {})).result();
    const run = await spine.run(flow, {});
    await run.result();
    expect(await statusesOf(spine, run.id)).toEqual(SKIPPED);
    const events = await spine.history.events(run.id);
    expect(
      events
        .filter(({ type }) => type === "step.skipped")
        .map(({ data }) => (data as { skip_reason: string }).skip_reason),
    ).toEqual(Array.from({ length: 3 }, () => "UNCHANGED"));
  });
});

test("a file is unchanged while its size, its time and its place are", async () => {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "a.csv");
  const source = fileSource({ roots: [directory] });
  const at = new Date("2025-01-01T00:00:00Z");
  const write = (text: string) => {
    writeFileSync(path, text);
    utimesSync(path, at, at);
  };
  const look = async (since: JsonValue | null) => await source.changed?.({ path }, { since });
  write("a\n1\n");
  const first = await look(null);
  expect(first?.changed).toBe(true);
  const mark = first?.mark ?? null;
  expect(await look(mark)).toEqual({ changed: false, mark });
  write("a\n12\n");
  expect(await look(mark)).toMatchObject({ changed: true });
  write("a\n1\n");
  utimesSync(path, at, new Date("2025-01-02T00:00:00Z"));
  expect(await look(mark)).toMatchObject({ changed: true });
  rmSync(path);
  await expect(look(mark)).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
});

test("inside of another step, and of a source that cannot tell, a fetch cannot end the run", () => {
  const document = new Document();
  const options = { from: document, request: () => ({}), unchanged: "end" } as const;
  const invalid = expect.objectContaining({ code: "WORKFLOW_INVALID" });
  const flow = defineWorkflow({ name: "demo.inside" });
  expect(() => flow.parallel("p", (block) => ({ a: block.fetch("fetch", options) }))).toThrowError(invalid);
  const silent: Source<object> = { name: "silent", stream: (request) => document.stream(request) };
  expect(() => flow.fetch("f", { ...options, from: silent })).toThrowError(invalid);
  expect(() => flow.fetch("f", { ...options, unchanged: "stop" as "end" })).toThrowError(invalid);
  const bad = { feild: "n" } as unknown as { field: "n" };
  expect(() => flow.fetch("f", { from: document, request: () => ({}), incremental: bad })).toThrowError(
    invalid,
  );
});
