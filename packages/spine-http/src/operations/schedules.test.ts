// Schedules over HTTP, on both databases: each answer held against the table.

import type { Spine } from "spine-core";
import { silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler, type SpineHandler } from "../handler.ts";
import { type AnyJson, type Asker, asker } from "../testing/ask.ts";
import { DATABASES, demoSpine } from "../testing/demo.ts";

const BASE = "/scheduler/schedules";
const NIGHTLY = {
  name: "team/nightly",
  pipeline: "demo.hello",
  params: { name: "night" },
  cron: "0 2 * * *",
  timezone: "Europe/Berlin",
  catch_up: { policy: "all", window: 3_600 },
  misfire_grace: "2m",
  start_at: "2025-01-01T00:00:00+01:00",
};

describe.each(DATABASES)("%s", (_name, open) => {
  let spine: Spine;
  let handler: SpineHandler;
  let ask: Asker;

  beforeAll(async () => {
    spine = await demoSpine(await open());
    handler = createHandler(spine, { basePath: "/spine", auth: insecureNoAuth(), logger: silentLogger });
    ask = asker(handler);
  });
  afterAll(async () => {
    handler.close();
    await spine.stop();
  });

  test("a schedule is made, found and shown in the API's words; a second of its name is refused", async () => {
    const made = await ask("POST", BASE, { body: NIGHTLY });
    expect(made.status).toBe(201);
    expect(made.headers.location).toBe(`/spine${BASE}/team/nightly`);
    expect(made.json).toMatchObject({
      pipeline: "demo.hello",
      catch_up: { policy: "all", max: 100, window: 3_600 },
      misfire_grace: 120,
      start_at: "2024-12-31T23:00:00.000Z",
      status: "ACTIVE",
      declared_by: null,
    });
    const got = await ask("GET", `${BASE}/team/nightly`);
    expect(got.json).toEqual(made.json);
    expect(got.headers.etag).toBe(`"${made.json.revision}"`);
    expect((await ask("POST", BASE, { body: NIGHTLY })).json).toMatchObject({
      status: 409,
      error_code: "SCHEDULE_EXISTS",
    });
    const names = ["a", "b", "c"].map((name) => `paged.${name}`);
    for (const name of names)
      await ask("POST", BASE, { body: { name, pipeline: "demo.broken", every: 900 } });
    const page = await ask("GET", BASE, { query: "pipeline=demo.broken&limit=2" });
    const rest = await ask("GET", BASE, {
      query: `pipeline=demo.broken&limit=2&cursor=${page.json.next_cursor}`,
    });
    expect([...page.json.items, ...rest.json.items].map(({ name, every }: AnyJson) => [name, every])).toEqual(
      names.map((name) => [name, 900]),
    );
    expect(rest.json.next_cursor).toBeNull();
    expect((await ask("GET", BASE, { query: "status=PAUSED" })).json.items).toEqual([]);
  });

  test("what does not fit is named as the caller has named it", async () => {
    const paths = async (body: object) => {
      const { status, json } = await ask("POST", BASE, { body: { ...NIGHTLY, name: "wrong", ...body } });
      return [status, json.errors?.map(({ path }: AnyJson) => path)];
    };
    expect(await paths({ cron: "0 2 * *" })).toEqual([422, ["/cron"]]);
    expect(await paths({ pipeline: "demo.nobody" })).toEqual([422, ["/pipeline"]]);
    expect(await paths({ params: { name: 1 } })).toEqual([422, ["/params/name"]]);
    expect(await paths({ misfire_grace: "soon" })).toEqual([422, ["/misfire_grace"]]);
    expect(await paths({ crom: "x" })).toEqual([422, ["/"]]);
    for (const path of ["none", "no%20name", "a/b/c"])
      expect((await ask("GET", `${BASE}/${path}`)).status, path).toBe(404);
  });

  test("changes need the version that was looked at: of two who have seen the same, one comes first", async () => {
    const path = `${BASE}/changed`;
    await ask("POST", BASE, { body: { ...NIGHTLY, name: "changed" } });
    const { headers } = await ask("GET", path);
    const seen = { "if-match": headers.etag };
    expect((await ask("PATCH", path, { body: { priority: 1 } })).json.code).toBe("precondition-required");
    const both = await Promise.all(
      [1, 2].map((priority) => ask("PATCH", path, { body: { priority }, headers: seen })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect((await ask("DELETE", path, { headers: seen })).json).toMatchObject({ status: 412, code: "stale" });
    expect((await ask("DELETE", path)).status).toBe(428);
    expect((await ask("PATCH", path, { body: {}, headers: { "if-match": 'W/"x"' } })).status).toBe(412);
    const now = both.find(({ status }) => status === 200);
    const later = await ask("PATCH", path, {
      body: { cron: null, every: "1h", start_at: null, tags: ["t"] },
      headers: { "if-match": now?.headers.etag },
    });
    expect(later.json).toMatchObject({ cron: null, every: 3_600, start_at: null, tags: ["t"] });
    expect(
      (await ask("PATCH", path, { body: { every: "x" }, headers: { "if-match": "*" } })).json,
    ).toMatchObject({
      status: 422,
      errors: [{ path: "/every" }],
    });
    const gone = await ask("DELETE", path, { headers: { "if-match": later.headers.etag } });
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await ask("GET", path)).status).toBe(404);
    expect((await ask("DELETE", path, { headers: { "if-match": "*" } })).status).toBe(404);
  });

  test("pause, resume, the next times, and a run by hand under a key", async () => {
    const path = `${BASE}/by.hand`;
    await ask("POST", BASE, { body: { ...NIGHTLY, name: "by.hand" } });
    expect((await ask("POST", `${path}/pause`, { body: { reason: "tea" } })).json.status).toBe("PAUSED");
    expect((await ask("POST", `${path}/pause`)).json.status).toBe("PAUSED");
    expect((await ask("GET", BASE, { query: "status=PAUSED" })).json.items).toHaveLength(1);
    const headers = { "idempotency-key": "once" };
    const run = await ask("POST", `${path}/trigger`, { headers });
    expect(run).toMatchObject({ status: 202, json: { pipeline: "demo.hello", existing: false } });
    expect(run.json.run.tags).toEqual(["schedule:by.hand"]);
    const again = await ask("POST", `${path}/trigger`, { headers });
    expect(again).toMatchObject({ status: 200, json: { execution_id: run.json.execution_id } });
    // Of several schedules of a pipeline, the one that comes first.
    const { json: hello } = await ask("GET", "/pipelines/demo.hello");
    const { items } = (await ask("GET", BASE, { query: "pipeline=demo.hello" })).json;
    const ticks = items
      .map((schedule: AnyJson) => schedule.next_tick_at)
      .filter(Boolean)
      .sort();
    expect(hello.next_tick_at).toBe(ticks[0]);
    expect(ticks.length).toBeGreaterThan(0);
    const listed = await ask("GET", "/pipelines", { query: "q=demo." });
    expect(listed.json.items.map((each: AnyJson) => [each.name, each.next_tick_at !== null])).toContainEqual([
      "demo.hello",
      true,
    ]);
    expect(listed.json.items.find(({ name }: AnyJson) => name === "demo.rows").next_tick_at).toBeNull();
    const wrong = await ask("POST", `${path}/trigger`, { body: { params: { name: 1 } } });
    expect(wrong.json).toMatchObject({ code: "invalid-params", errors: [{ path: "/params/name" }] });
    expect((await ask("POST", `${path}/resume`, { body: { missed: "skip" } })).json.status).toBe("ACTIVE");
    const next = await ask("GET", `${path}/preview`, { query: "count=3" });
    expect(next.json.items).toHaveLength(3);
    expect(next.json.items[0]).toBe((await ask("GET", path)).json.next_tick_at);
    const plain = await ask("GET", "/scheduler/preview", {
      query: "cron=0+2+*+*+*&timezone=Europe/Berlin&count=3",
    });
    expect(plain.json).toEqual(next.json);
    // A year of them has both changes of the clocks in it.
    const daily = { query: "cron=30+2+*/4+*+*&timezone=Europe/Berlin&count=100" };
    const year = await ask("GET", "/scheduler/preview", daily);
    const notes = year.json.notes.map(({ note }: AnyJson) => note);
    expect(notes.filter((note: string) => note === "CLOCKS_CHANGED")).toHaveLength(2);
    expect(year.json.items).toEqual(expect.arrayContaining(year.json.notes.map(({ at }: AnyJson) => at)));
    const none = await ask("GET", "/scheduler/preview", { query: "cron=often" });
    expect(none.json).toMatchObject({ code: "bad-query", errors: [{ path: "/cron" }] });
  });

  test("keys of callers whose names and keys read alike when put together never meet", async () => {
    await ask("POST", BASE, { body: { ...NIGHTLY, name: "twice" } });
    const named = createHandler(spine, {
      auth: { authenticate: ({ header }) => ({ id: header("x-name") ?? "", permissions: "admin" }) },
      logger: silentLogger,
    });
    const trigger = async (name: string, key: string) =>
      (
        await asker(named)("POST", `${BASE}/twice/trigger`, {
          headers: { "x-name": name, "idempotency-key": key },
        })
      ).json.execution_id;
    const first = await trigger("a b", "c");
    expect(await trigger("a b", "c")).toBe(first);
    expect(await trigger("a", "b c")).not.toBe(first);
    named.close();
  });

  test("a backfill of ticks: what it would do, what it does, and that it does it once", async () => {
    await ask("POST", BASE, { body: { ...NIGHTLY, name: "filled" } });
    const path = `${BASE}/filled`;
    const body = { from: "2026-01-05T00:00:00+01:00", to: "2026-01-07T12:00:00+01:00" };
    const dry = await ask("POST", `${path}/backfill`, { body: { ...body, dry_run: true } });
    expect(dry.json).toMatchObject({ dry_run: true, started: 3 });
    expect(dry.json.items[0]).toEqual({
      scheduled_at: "2026-01-05T01:00:00.000Z",
      does: "START",
      execution_id: null,
    });
    expect((await ask("GET", `${path}/ticks`)).json.items).toEqual([]);
    const done = await ask("POST", `${path}/backfill`, { body });
    expect(done.json).toMatchObject({ dry_run: false, started: 3 });
    expect((await ask("POST", `${path}/backfill`, { body })).json.started).toBe(0);
    const page = await ask("GET", `${path}/ticks`, { query: "limit=2" });
    const rest = await ask("GET", `${path}/ticks`, { query: `limit=2&cursor=${page.json.next_cursor}` });
    const ticks = [...page.json.items, ...rest.json.items];
    expect(ticks.map(({ status, reason }: AnyJson) => `${status} ${reason}`)).toEqual([
      "STARTED BACKFILL",
      "STARTED BACKFILL",
      "STARTED BACKFILL",
    ]);
    expect(ticks.map((tick: AnyJson) => tick.execution_id).reverse()).toEqual(
      done.json.items.map((item: AnyJson) => item.execution_id),
    );
    expect(rest.json.next_cursor).toBeNull();
    const tooMany = { from: "2000-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" };
    expect((await ask("POST", `${path}/backfill`, { body: tooMany })).json).toMatchObject({
      status: 422,
      errors: [{ path: "/to" }],
    });
  });

  test("every operation of schedules was asked, and answered what it declares", () => {
    const ids = handler.operations.map(({ id }) => id).filter((id) => id.startsWith("schedules."));
    expect(ids).toHaveLength(12);
    const answered = (id: string) => [...(ask.contract.seen.get(id) ?? [])].some((status) => status < 400);
    expect(ids.filter((id) => !answered(id))).toEqual([]);
  });
});
