// Every operation on both databases, each answer held against the table.

import type { Spine } from "spine-core";
import { silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler, type SpineHandler } from "../handler.ts";
import { type AnyJson, type Asker, asker } from "../testing/ask.ts";
import { DATABASES, demoSpine, weeks } from "../testing/demo.ts";

const NO_RUN = "01900000-0000-7000-8000-000000000000";

/** Groups whose own files see to the same: schedules.test.ts, alerts.test.ts. */
const OF_THEIR_OWN = /^(schedules|alerts)\./;

describe.each(DATABASES)("%s", (_name, open) => {
  let spine: Spine;
  let handler: SpineHandler;
  let ask: Asker;

  beforeAll(async () => {
    spine = await demoSpine(await open());
    handler = createHandler(spine, {
      basePath: "/spine",
      auth: insecureNoAuth(),
      partitions: [{ partitions: weeks, params: ({ week_start = "" }) => ({ week: week_start }) }],
      logger: silentLogger,
    });
    ask = asker(handler);
  });
  afterAll(async () => {
    handler.close();
    await spine.stop();
  });

  const start = async (name: string, params: object = {}) => {
    const { json } = await ask("POST", `/pipelines/run/${name}`, {
      body: { params },
      headers: { prefer: "wait=20" },
    });
    return json.execution_id as string;
  };
  const until = async (id: string, status: string) => {
    await expect.poll(async () => (await ask("GET", `/pipelines/status/${id}`)).json.status).toBe(status);
  };

  test("starts a run: 202 with its place, and the same id everywhere", async () => {
    const { status, headers, json } = await ask("POST", "/pipelines/run/demo.gated", {
      body: { params: {} },
    });
    expect(status).toBe(202);
    expect(headers).toMatchObject({
      location: `/spine/pipelines/status/${json.execution_id}`,
      "retry-after": "2",
    });
    const found = await ask("GET", `/pipelines/status/${json.execution_id}`);
    expect(found.json).toMatchObject({
      execution_id: json.execution_id,
      pipeline: "demo.gated",
      triggered_by: "api:anybody",
    });
    const listed = await ask("GET", "/history/runs", { query: "pipeline=demo.gated" });
    expect(listed.json.items[0].execution_id).toBe(json.execution_id);
    expect((await ask("POST", `/pipelines/cancel/${json.execution_id}`)).status).toBe(202);
  });

  test("waits for the end where that is preferred, and takes bare parameters", async () => {
    const { status, headers, json } = await ask("POST", "/pipelines/run/demo.hello", {
      body: { name: "Ann" },
      headers: { prefer: "respond-async, wait=20" },
    });
    expect(status).toBe(200);
    expect(headers["preference-applied"]).toBe("wait=20");
    expect(json.run).toMatchObject({ status: "COMPLETED", error: null });
    expect(json.run.duration).toBeGreaterThanOrEqual(0);
  });

  test("checks parameters without a run", async () => {
    const ok = await ask("POST", "/pipelines/run/demo.hello", {
      body: { params: { name: "A" }, dry_run: true },
    });
    expect(ok.json).toEqual({ dry_run: true, pipeline: "demo.hello", params: { name: "A", times: 1 } });
    const bad = await ask("POST", "/pipelines/run/demo.hello", {
      body: { params: { name: 1 }, dry_run: true },
    });
    expect(bad.json).toMatchObject({
      code: "invalid-params",
      errors: [{ path: "/params/name", code: "invalid_type" }],
    });
  });

  test("a key finds its run again, and refuses other parameters", async () => {
    const headers = { "idempotency-key": "monday" };
    const first = await ask("POST", "/pipelines/run/demo.hello", { body: { name: "K" }, headers });
    const again = await ask("POST", "/pipelines/run/demo.hello", {
      body: { params: { name: "K" } },
      headers,
    });
    expect(again.status).toBe(200);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(again.json).toMatchObject({ execution_id: first.json.execution_id, existing: true });
    const other = await ask("POST", "/pipelines/run/demo.hello", { body: { name: "L" }, headers });
    expect(other.json).toMatchObject({ status: 422, code: "idempotency-mismatch", error_code: "KEY_REUSED" });
    const long = { "idempotency-key": "k".repeat(255) };
    expect(
      (await ask("POST", "/pipelines/run/demo.hello", { body: { name: "K" }, headers: long })).status,
    ).toBe(202);
    const bad = await ask("POST", "/pipelines/run/demo.hello", {
      body: { name: "K" },
      headers: { "idempotency-key": "ä" },
    });
    expect(bad.json.code).toBe("bad-header");
  });

  test("a status has the steps that have begun, and those that have not", async () => {
    const id = await start("demo.broken");
    const { json } = await ask("GET", `/pipelines/status/${id}`);
    expect(json).toMatchObject({
      status: "FAILED",
      error: "the disk said no",
      error_code: "STEP_FAILED",
      error_category: "INTERNAL",
    });
    expect(json.definition).toBe("CURRENT");
    expect(json.steps.map(({ name, status, attempts }: AnyJson) => [name, status, attempts])).toEqual([
      ["fine", "COMPLETED", 1],
      ["broken", "FAILED", 1],
      ["never", "PENDING", 0],
    ]);
    const actions = Object.fromEntries(
      json.allowed_actions.map((each: AnyJson) => [each.action, each.reason]),
    );
    expect(actions).toEqual({
      cancel: "The run has ended.",
      pause: "The run has ended.",
      resume: "The run is not paused.",
      retry: null,
      rerun: null,
      approve: "No step waits for an approval.",
      signal: "The run has ended.",
    });
    const slim = await ask("GET", `/pipelines/status/${id}`, { query: "include=metrics" });
    expect(slim.json.steps).toEqual([]);
  });

  test("steps inside of others stand behind the one around them", async () => {
    const id = await start("demo.nested");
    const { json } = await ask("GET", `/pipelines/status/${id}`);
    expect(json.status).toBe("COMPLETED");
    const steps = json.steps.map(({ name, parent, status }: AnyJson) => `${name} ${parent} ${status}`);
    expect(steps).toEqual([
      "both null COMPLETED",
      "both/left both COMPLETED",
      "both/right/one both/right COMPLETED",
      "both/right/two both/right COMPLETED",
      "venues null COMPLETED",
      "venues/XNYS venues COMPLETED",
      "venues/a%2Fb venues COMPLETED",
      "child null COMPLETED",
      "end null COMPLETED",
    ]);
    const children = await ask("GET", "/history/runs", { query: `parent=${id}` });
    expect(children.json.items).toMatchObject([{ pipeline: "demo.hello", parent_execution_id: id }]);
    const output = await ask("GET", `/history/runs/${id}/steps/both/right/two/output`);
    expect(output.json).toBe(2);
    expect(output.headers["content-disposition"]).toContain("attachment");
    expect((await ask("GET", `/history/runs/${id}/steps/venues/a%252Fb/output`)).json).toBe(3);
    expect((await ask("GET", `/history/runs/${id}/steps/nowhere/output`)).status).toBe(404);
  });

  test("a part of an output, where a part is asked for", async () => {
    const id = await start("demo.hello", { name: "Zoë" });
    const path = `/history/runs/${id}/steps/greet/output`;
    const { headers, text } = await ask("GET", path);
    const bytes = Buffer.from(text);
    expect(headers).toMatchObject({ "accept-ranges": "bytes", etag: expect.any(String) });
    const part = async (range: string, more: object = {}) => {
      const answer = await ask("GET", path, { headers: { range, ...more } });
      return [answer.status, answer.headers["content-range"], answer.text];
    };
    const size = bytes.length;
    const of = (from: number, to: number) => [
      206,
      `bytes ${from}-${to}/${size}`,
      bytes.subarray(from, to + 1).toString(),
    ];
    expect(await part("bytes=0-3")).toEqual(of(0, 3));
    expect(await part("bytes=4-")).toEqual(of(4, size - 1));
    expect(await part("bytes=-5")).toEqual(of(size - 5, size - 1));
    expect(await part("bytes=-9999")).toEqual(of(0, size - 1));
    expect(await part("bytes=2-9999")).toEqual(of(2, size - 1));
    expect(await part("bytes=1-2", { "if-range": headers.etag })).toEqual(of(1, 2));
    for (const whole of ["bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=3-2", "lines=1-2", "x"])
      expect(await part(whole), whole).toEqual([200, undefined, text]);
    expect(await part("bytes=1-2", { "if-range": '"other"' })).toEqual([200, undefined, text]);
    const behind = await ask("GET", path, { headers: { range: `bytes=${size}-` } });
    expect(behind).toMatchObject({
      status: 416,
      json: { code: "bad-range" },
      headers: { "content-range": `bytes */${size}` },
    });
  });

  test("304 where nothing has changed, and the next answer where it is waited for", async () => {
    const { json } = await ask("POST", "/pipelines/run/demo.gated", { body: {} });
    const id = json.execution_id;
    await until(id, "WAITING");
    const { headers } = await ask("GET", `/pipelines/status/${id}`);
    const known = { "if-none-match": headers.etag };
    expect((await ask("GET", `/pipelines/status/${id}`, { headers: known })).status).toBe(304);
    // Of another view nothing is known.
    expect(
      (await ask("GET", `/pipelines/status/${id}`, { headers: known, query: "include=steps" })).status,
    ).toBe(200);
    expect(
      (await ask("GET", `/pipelines/status/${id}`, { headers: { ...known, prefer: "wait=1" } })).status,
    ).toBe(304);
    const targets = async () => {
      const { json: status } = await ask("GET", `/pipelines/status/${id}`);
      const named = status.allowed_actions.filter((each: AnyJson) => each.targets !== null);
      return named.map((each: AnyJson) => [each.action, each.allowed, each.targets]);
    };
    expect(await targets()).toEqual([
      ["approve", false, []],
      ["signal", true, ["go"]],
    ]);
    // It waits for a signal, which an approval is not.
    const approved = await ask("POST", `/pipelines/approve/${id}`, { body: { step: "go", approved: true } });
    expect(approved.json).toMatchObject({ status: 409, code: "conflict" });
    const changed = ask("GET", `/pipelines/status/${id}`, { headers: { ...known, prefer: "wait=20" } });
    await ask("POST", `/pipelines/signal/${id}`, { body: { name: "go", payload: { by: "test" } } });
    expect((await changed).status).toBe(200);
    await expect.poll(targets).toEqual([
      ["approve", true, ["review"]],
      ["signal", true, []],
    ]);
    await expect
      .poll(
        async () =>
          (await ask("POST", `/pipelines/approve/${id}`, { body: { step: "review", approved: true } }))
            .status,
      )
      .toBe(202);
    await until(id, "COMPLETED");
    expect((await ask("POST", `/pipelines/signal/${id}`, { body: { name: "go" } })).json.code).toBe(
      "conflict",
    );
    expect((await ask("GET", `/pipelines/status/${id}`, { headers: known })).status).toBe(200);
  });

  test("controls a run, and the same again changes nothing", async () => {
    const { json } = await ask("POST", "/pipelines/run/demo.gated", { body: {} });
    const id = json.execution_id;
    await until(id, "WAITING");
    expect((await ask("POST", `/pipelines/pause/${id}`, { body: { reason: "tea" } })).json).toMatchObject({
      status: "PAUSED",
      changed: true,
    });
    expect((await ask("POST", `/pipelines/pause/${id}`)).json).toMatchObject({
      status: "PAUSED",
      changed: false,
    });
    expect((await ask("POST", `/pipelines/resume/${id}`)).status).toBe(202);
    expect((await ask("POST", `/pipelines/cancel/${id}`)).json).toMatchObject({ status: "CANCELLED" });
    const again = await ask("POST", `/pipelines/cancel/${id}`);
    expect([again.status, again.json.changed]).toEqual([200, false]);
    expect((await ask("POST", `/pipelines/resume/${id}`)).json).toMatchObject({
      status: 409,
      error_code: "RUN_CONFLICT",
    });
    expect((await ask("POST", `/pipelines/retry/${id}`)).status).toBe(202);
    expect(
      (await ask("POST", `/pipelines/approve/${id}`, { body: { step: "review", approved: true } })).status,
    ).toBe(409);
    const rerun = await ask("POST", `/pipelines/rerun/${id}`, {
      body: { params: { note: "again" }, tags: ["t"], deadline: 90 },
    });
    expect(rerun.json.run).toMatchObject({ rerun_of: id, tags: ["t"] });
    // Seconds, as every duration on the wire.
    const { created_at, deadline } = rerun.json.run;
    expect((Date.parse(deadline) - Date.parse(created_at)) / 90_000).toBeCloseTo(1, 1);
    const bulk = { action: "cancel", filter: { pipeline: "demo.gated" } };
    const wrong = await ask("POST", "/history/runs/actions", { body: { ...bulk, expected: 77 } });
    expect(wrong.json.code).toBe("count-changed");
    const done = await ask("POST", "/history/runs/actions", {
      body: { action: "cancel", ids: [id, rerun.json.execution_id, NO_RUN] },
    });
    expect(done.json.changed).toEqual([id, rerun.json.execution_id]);
    expect(done.json.refused).toMatchObject([{ execution_id: NO_RUN, error_code: "RUN_NOT_FOUND" }]);
    const none = await ask("POST", "/history/runs/actions", {
      body: { ...bulk, filter: { tag: "nobody" }, expected: 0 },
    });
    expect(none.json).toEqual({ changed: [], refused: [] });
  });

  test("rows: what was refused, checked and loaded, and where it came from", async () => {
    const id = await start("demo.rows", { week: "2025-01-06" });
    const status = await ask("GET", `/pipelines/status/${id}`);
    expect(status.json).toMatchObject({ error: null });
    expect(status.json.steps.find((step: AnyJson) => step.name === "clean").rows).toEqual({
      in: 3,
      out: 2,
      rejected: 1,
    });
    expect(status.json.quality).toMatchObject([
      { check: "recordCount", status: "FAIL", blocking: false, actual: "2" },
    ]);
    const found = await ask("GET", `/history/runs/${id}/rejects`, { query: "step=clean" });
    expect(found.json.items).toMatchObject([{ code: "NO_SYMBOL", state: "OPEN", row: { symbol: "" } }]);
    const choice = { step: "clean" };
    expect(
      (await ask("POST", `/history/runs/${id}/rejects/discard`, { body: { ...choice, reason: "test" } }))
        .json,
    ).toEqual({ changed: 1 });
    expect(
      (await ask("GET", `/history/runs/${id}/rejects`, { query: "step=clean" })).json.items[0].discarded.by,
    ).toBe("anybody");
    expect((await ask("POST", `/history/runs/${id}/rejects/restore`, { body: choice })).json).toEqual({
      changed: 1,
    });
    const redriven = await ask("POST", `/history/runs/${id}/rejects/redrive`, {
      body: { ...choice, edits: { 0: { symbol: "CCC", shares: "1" } } },
      headers: { "idempotency-key": "mended" },
    });
    expect(redriven.json.run.rerun_of).toBe(id);
    expect((await ask("GET", `/history/runs/${id}/quality`)).json.items).toHaveLength(1);
    const trend = await ask("GET", "/history/quality", { query: "pipeline=demo.rows&check=recordCount" });
    expect(trend.json.items.at(-1)).toMatchObject({ execution_id: id, actual: "2" });
    const shown = await ask("GET", `/history/runs/${id}/steps/clean/rows`, { query: "limit=1" });
    expect(shown.json).toMatchObject({ rows: 2, items: [{ symbol: "AAA", shares: "120000.5" }] });
    expect((await ask("GET", `/history/runs/${id}/steps/load/rows`)).status).toBe(404);
    const load = await ask("GET", `/history/runs/${id}/steps/load/output`);
    const lineage = await ask("GET", `/lineage/loads/${load.json.loadId}`);
    expect(lineage.json).toMatchObject({
      load: { execution_id: id, table: "http_trades" },
      run: { pipeline: "demo.rows" },
    });
    const dataset = lineage.json.upstream.at(-1).dataset;
    expect(
      (await ask("GET", "/lineage/affected", { query: `dataset=${dataset}` })).json.loads[0].current,
    ).toBe(true);
    expect((await ask("GET", `/lineage/loads/${NO_RUN}`)).status).toBe(404);
    expect((await ask("GET", "/cursors/demo.rows")).json.items).toMatchObject([{ step: "fetch", mark: 3 }]);
    const reset = await ask("POST", "/cursors/demo.rows/reset", { body: { step: "fetch" } });
    expect(reset.json).toMatchObject({ mark: null, pipeline: "demo.rows" });
    expect((await ask("GET", "/alerts", { query: `run=${id}` })).status).toBe(200);
    expect((await ask("GET", "/alerts")).json.next_cursor).toBeNull();
  });

  test("a stream over a pipeline tells its open runs and those that come, and goes on behind what is known", async () => {
    const open = (await ask("POST", "/pipelines/run/demo.gated", { body: {} })).json.execution_id;
    await until(open, "WAITING");
    const read = async (ends: number, headers: Record<string, string> = {}) => {
      const gone = new AbortController();
      const query = "pipeline=demo.gated";
      const answer = await ask("GET", "/events", { query, headers, signal: gone.signal });
      const told: { id: string; type: string; run: string }[] = [];
      for await (const text of answer.stream ?? []) {
        const [, id = "", type = ""] =
          /^id: (.*)\nevent: (.*)\n/.exec(text) ?? /event: (end)\nid: (.*)\n/.exec(text)?.toReversed() ?? [];
        const run = /"execution_id":"([^"]*)"/.exec(text)?.[1];
        if (run !== undefined) told.push({ id: type === "" ? "" : id, type, run });
        if (told.length >= ends) break;
      }
      gone.abort();
      return told;
    };
    const first = await read(4);
    expect(first.map(({ run }) => run)).toEqual(Array(4).fill(open));
    const last = first.at(-1)?.id ?? "";
    const came = (await ask("POST", "/pipelines/run/demo.gated", { body: {} })).json.execution_id;
    await ask("POST", "/pipelines/run/demo.hello", { body: { name: "another pipeline" } });
    await until(came, "WAITING");
    const total = (id: string) => spine.history.events(id).then(({ length }) => length);
    const [ofOpen, ofCame] = [await total(open), await total(came)];
    const rest = await read(ofOpen - 4 + ofCame, { "last-event-id": last });
    const count = (id: string) => rest.filter(({ run }) => run === id).length;
    expect([count(open), count(came)]).toEqual([ofOpen - 4, ofCame]);
    for (const id of [open, came]) await spine.cancel(id);
    for (const query of ["", "pipeline=demo.gated&run=x", "pipeline=no.such"])
      expect((await ask("GET", "/events", { query })).status, query).toBeGreaterThanOrEqual(400);
    for (const bad of [
      "1",
      last.replace(/^./, (letter) => (letter === "0" ? "1" : "0")),
      `${last}:x`,
      last.replace(/:.*:/, ":x:"),
    ])
      expect(
        (await ask("GET", "/events", { query: "pipeline=demo.gated", headers: { "last-event-id": bad } }))
          .json,
        bad,
      ).toMatchObject({ status: 400, code: "bad-header" });
  });

  test("runs by what started them, and by checks that failed", async () => {
    const id = await start("demo.rows", { week: "2025-01-06" });
    const other = await spine.run("demo.hello", { name: "host" }, { triggeredBy: "cli:ann" });
    const found = async (query: string) =>
      (await ask("GET", "/history/runs", { query })).json.items.map((run: AnyJson) => run.execution_id);
    expect(await found("triggered_by=cli")).toEqual([other.id]);
    expect(await found("triggered_by=cli:ann&quality_failed=false")).toEqual([other.id]);
    expect(await found("triggered_by=cli:bob")).toEqual([]);
    expect(await found("triggered_by=api&pipeline=demo.rows&limit=1")).toEqual([id]);
    const failed = await found("quality_failed=true&pipeline=demo.rows&limit=1");
    expect(failed).toEqual([id]);
    const { json } = await ask("GET", `/history/runs/${id}/quality`);
    expect(json.items.some(({ status }: AnyJson) => status === "FAIL")).toBe(true);
    const counted = await ask("GET", "/history/runs", { query: "triggered_by=cli&count=capped" });
    expect(counted.json).toMatchObject({ count: 1, count_capped: false });
  });

  test("partitions: the grid, what is missing, and a backfill of it", async () => {
    expect((await ask("GET", "/partitions")).json.items).toMatchObject([
      { table: "http_trades", can_backfill: true },
    ]);
    const first = await ask("GET", "/partitions/http_trades", { query: "to=2025-01-20&limit=2" });
    expect(first.json.items).toHaveLength(2);
    const rest = await ask("GET", "/partitions/http_trades", {
      query: `to=2025-01-20&limit=2&cursor=${first.json.next_cursor}`,
    });
    expect(rest.json).toMatchObject({
      items: [{ start: "2025-01-20", state: "MISSING" }],
      next_cursor: null,
    });
    const report = await ask("GET", "/partitions/http_trades/report", { query: "to=2025-01-20" });
    expect(report.json.missing.map(({ start }: AnyJson) => start)).toContain("2025-01-20");
    const body = { select: { range: { from: "2025-01-13", to: "2025-01-20" } } };
    const dry = await ask("POST", "/partitions/http_trades/backfill", { body: { ...body, dry_run: true } });
    expect(dry.json.items).toMatchObject([{ params: { week: "2025-01-13" }, loads: true }, { loads: true }]);
    const run = await ask("POST", "/partitions/http_trades/backfill", { body });
    await until(run.json.execution_id, "COMPLETED");
    const full = await ask("GET", `/history/runs/${run.json.execution_id}`);
    expect(full.json.outputs).toMatchObject({ report: { loaded: 2 } });
    expect(full.json).toMatchObject({ definition: "UNKNOWN" });
    expect((await ask("GET", "/partitions/elsewhere")).status).toBe(404);
    expect((await ask("GET", "/manifest/demo.trades", { query: "part=week=2025-01-06" })).json).toEqual({
      items: [],
    });
  });

  test("history: everything about a run, its logs and events, figures, and two runs beside each other", async () => {
    const one = await start("demo.hello", { name: "one" });
    const two = await start("demo.hello", { name: "two" });
    const full = await ask("GET", `/history/runs/${one}`);
    expect(full.json).toMatchObject({
      params: { name: "one", times: 1 },
      metrics: { greetings: 1 },
      attempts: [{ step_id: `${one}-1` }],
    });
    const events = await ask("GET", `/history/runs/${one}/events`, { query: "limit=2" });
    const more = await ask("GET", `/history/runs/${one}/events`, {
      query: `limit=200&cursor=${events.json.next_cursor}`,
    });
    const seqs = [...events.json.items, ...more.json.items].map(({ seq }: AnyJson) => seq);
    expect(seqs).toEqual(seqs.map((_: number, index: number) => index + 1));
    expect((await ask("GET", `/history/runs/${one}/logs`)).json.items).toMatchObject([
      { message: "Greeted.", level: "INFO" },
    ]);
    const compared = await ask("GET", `/history/runs/${one}/compare/${two}`);
    expect(compared.json.params).toEqual([{ path: "/name", values: ["one", "two"] }]);
    const id = await start("demo.broken");
    expect((await ask("GET", `/history/runs/${one}/compare/${id}`)).status).toBe(422);
    expect(compared.json.quality).toEqual([]);
    const checked = (await spine.history.list({ workflow: "demo.rows", limit: 1 })).items[0]?.runId;
    const same = await ask("GET", `/history/runs/${checked}/compare/${checked}`);
    expect(same.json.quality).toEqual([
      { step: "quality", check: expect.any(String), statuses: ["FAIL", "FAIL"], actual: ["0", "0"] },
    ]);
    // Parts of the time: together they are all of it.
    const daily = await ask("GET", "/history/stats", { query: "bucket=day" });
    expect(daily.json.buckets.length).toBeGreaterThanOrEqual(7);
    const sum = (each: AnyJson[]) => each.reduce((runs, bucket) => runs + bucket.runs, 0);
    expect(sum(daily.json.buckets)).toBe(daily.json.runs);
    expect(daily.json.buckets.at(-1)).toMatchObject({ by_status: { FAILED: expect.any(Number) } });
    const { from, to } = daily.json.buckets.at(-1);
    expect(Date.parse(from) % 86_400_000).toBe(0);
    const before = await ask("GET", "/history/stats", {
      query: `bucket=hour&from=2020-01-01T00:30:00Z&to=2020-01-01T03:00:00Z`,
    });
    expect(
      before.json.buckets.map((bucket: AnyJson) => [bucket.from.slice(11, 16), bucket.to.slice(11, 16)]),
    ).toEqual([
      ["00:30", "01:00"],
      ["01:00", "02:00"],
      ["02:00", "03:00"],
    ]);
    expect(sum(before.json.buckets)).toBe(0);
    const many = await ask("GET", "/history/stats", {
      query: `bucket=hour&from=2020-01-01T00:00:00Z&to=${to}`,
    });
    expect(many.json).toMatchObject({ code: "bad-query", errors: [{ path: "/bucket" }] });
    const stats = await ask("GET", "/history/stats", { query: "pipeline=demo.hello" });
    expect(stats.json.buckets).toBeNull();
    expect(stats.json.by_status.COMPLETED).toBeGreaterThan(1);
  });

  test("lists page by page, each run once, and a cursor of another list is refused", async () => {
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const { json } = await ask("GET", "/history/runs", { query: `limit=3&count=capped${cursor}` });
      seen.push(...json.items.map((run: AnyJson) => run.execution_id));
      expect(json.count).toBeGreaterThanOrEqual(seen.length);
      if (json.next_cursor === null) break;
      cursor = `&cursor=${json.next_cursor}`;
      const other = await ask("GET", "/history/runs", { query: `limit=3&status=FAILED${cursor}` });
      expect(other.json.code).toBe("bad-cursor");
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort().reverse());
    const failed = await ask("GET", "/history/runs", {
      query: "status=FAILED,CANCELLED&status=PAUSED&q=disk",
    });
    expect(failed.json).toHaveProperty("items");
    expect(new Set(failed.json.items.map((run: AnyJson) => run.status))).toEqual(new Set(["FAILED"]));
  });

  test("pipelines, queues, workers, health, and what the caller may do", async () => {
    const { json } = await ask("GET", "/pipelines", { query: "limit=2" });
    expect(json.items.map(({ name }: AnyJson) => name)).toEqual(["demo.broken", "demo.gated"]);
    const next = await ask("GET", "/pipelines", { query: `limit=200&cursor=${json.next_cursor}` });
    expect(next.json.items.map(({ name }: AnyJson) => name)).toEqual([
      "demo.hello",
      "demo.leaky",
      "demo.nested",
      "demo.rows",
    ]);
    const rows = await ask("GET", "/pipelines/demo.rows");
    expect(rows.json.params_schema.required).toEqual(["week"]);
    expect(rows.json.steps.at(-1)).toMatchObject({ name: "load", from: "clean", into: "http_trades" });
    expect(
      (
        await ask("PATCH", "/queues/reports", {
          body: { concurrency: 2, rate_limit: { runs: 1, period_ms: 1_000 } },
        })
      ).json,
    ).toMatchObject({
      concurrency: 2,
      rate_limit: { runs: 1, period_ms: 1_000 },
      paused: false,
    });
    expect((await ask("GET", "/queues/reports")).json).toMatchObject({ waiting: 0 });
    expect((await ask("GET", "/queues")).json.items).toHaveLength(1);
    expect((await ask("GET", "/queues/none")).status).toBe(404);
    expect((await ask("GET", "/workers")).json.workers).toMatchObject([{ alive: true }]);
    expect((await ask("GET", "/health")).json).toEqual({ status: "ok" });
    const ready = await ask("GET", "/health/ready");
    expect(
      ready.json.checks.filter((check: AnyJson) => check.status === "error" && check.name !== "durability"),
    ).toEqual([]);
    expect((await ask("GET", "/session")).json).toMatchObject({ principal: "anybody", read_only: false });
    const api = await ask("GET", "/openapi.json");
    expect(
      (await ask("GET", "/openapi.json", { headers: { "if-none-match": api.headers.etag } })).status,
    ).toBe(304);
  });

  test("streams what happens to runs, and has nothing more to say once all is told", async () => {
    const id = await start("demo.hello", { name: "stream" });
    for (const [path, query] of [
      [`/pipelines/events/${id}`, ""],
      ["/events", `run=${id}`],
    ] as const) {
      const { stream, headers } = await ask("GET", path, { query });
      expect(headers["content-type"]).toContain("text/event-stream");
      let text = "";
      for await (const part of stream ?? []) text += part;
      const types = [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type);
      expect(types).toContain("step.completed");
      expect(types.at(-1)).toBe("end");
      const last = [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1];
      expect((await ask("GET", path, { query, headers: { "last-event-id": last } })).status).toBe(204);
      expect((await ask("GET", path, { query, headers: { "last-event-id": "x" } })).json.code).toBe(
        "bad-header",
      );
      expect((await ask("GET", path, { query, headers: { accept: "application/json" } })).status).toBe(406);
    }
    const { json } = await ask("GET", `/pipelines/status/${id}`);
    const other = await start("demo.hello", { name: "beside" });
    // Behind what is known of each run, whatever the order of their ids is.
    const query = `run=${other}&run=${id}&after=0&after=${json.version - 1}`;
    const { stream } = await ask("GET", "/events", { query });
    let text = "";
    for await (const part of stream ?? []) text += part;
    const seqs = (run: string) =>
      [...text.matchAll(/^data: (.+)$/gm)]
        .map(([, data = ""]) => JSON.parse(data) as AnyJson)
        .flatMap(({ execution_id, seq }) => (execution_id === run && seq !== undefined ? [seq] : []));
    expect(seqs(id)).toEqual([json.version]);
    expect(seqs(other)[0]).toBe(1);
    const uneven = await ask("GET", "/events", { query: `run=${other}&run=${id}&after=0` });
    expect(uneven.json).toMatchObject({ code: "bad-query", errors: [{ path: "/after" }] });
    const behind = await ask("GET", `/history/runs/${id}/events`, { query: `after=${json.version - 1}` });
    expect(behind.json.items.map(({ seq }: AnyJson) => seq)).toEqual([json.version]);
    expect((await ask("HEAD", `/pipelines/events/${id}`)).status).toBe(200);
  });

  test("every operation was asked, and answered what it declares", () => {
    const answered = (id: string) =>
      // The server of the tests does not sync its files, and says so.
      [...(ask.contract.seen.get(id) ?? [])].some((status) => status < 400 || id === "health.ready");
    const ids = handler.operations.map(({ id }) => id).filter((id) => !OF_THEIR_OWN.test(id));
    expect(ids.filter((id) => !answered(id))).toEqual([]);
  });
});
