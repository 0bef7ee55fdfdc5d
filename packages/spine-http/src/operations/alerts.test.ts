// Alerts over HTTP, on both databases: each answer held against the table.

import type { AlertChannel, Spine } from "spine-core";
import { SpineError, silentLogger } from "spine-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler, type SpineHandler } from "../handler.ts";
import { type AnyJson, type Asker, asker } from "../testing/ask.ts";
import { DATABASES, demoSpine } from "../testing/demo.ts";

const NOTHING = "0".repeat(64);
const NO_ID = "01900000-0000-7000-8000-000000000000";

describe.each(DATABASES)("%s", (_name, open) => {
  const told: string[] = [];
  const channels: AlertChannel[] = [
    { name: "chat", send: async ({ title }) => void told.push(title) },
    {
      name: "broken",
      send: async () => {
        throw new SpineError("PERMISSION_DENIED", "The other side wants to know who we are.");
      },
    },
    {
      name: "rude",
      send: async () => {
        throw new Error("https://hooks.example/secret refused");
      },
    },
  ];
  let spine: Spine;
  let handler: SpineHandler;
  let ask: Asker;

  beforeAll(async () => {
    spine = await demoSpine(await open(), {
      alerts: {
        channels,
        routes: [{ channels: ["chat", "broken"] }],
        groupWait: 0,
        groupInterval: "1s",
        groupBy: ["vendor"],
      },
    });
    handler = createHandler(spine, { basePath: "/spine", auth: insecureNoAuth(), logger: silentLogger });
    ask = asker(handler);
  });
  afterAll(async () => {
    handler.close();
    await spine.stop();
  });

  const raise = (vendor: string) =>
    spine.alerts.raise({ severity: "WARNING", title: `${vendor} is slow`, labels: { vendor } });
  const groupOf = async (vendor: string): Promise<AnyJson> => {
    const find = async () =>
      (await ask("GET", "/alerts/groups")).json.items.find((each: AnyJson) => each.labels.vendor === vendor);
    await expect.poll(async () => (await find())?.notifications ?? 0).toBeGreaterThan(0);
    return await find();
  };

  test("what fires is taken on in the caller's name, and ended; what does not fire is not there", async () => {
    await raise("acme");
    const group = await groupOf("acme");
    expect(group.alerts).toMatchObject([
      { title: "acme is slow", status: "FIRING", raised: 1, acknowledged_by: null, execution_id: null },
    ]);
    const [{ fingerprint }] = group.alerts;
    const listed = await ask("GET", "/alerts", { query: "severity=WARNING" });
    expect(listed.json.items).toMatchObject([{ fingerprint, pipeline: null, labels: { vendor: "acme" } }]);
    const taken = await ask("POST", `/alerts/${fingerprint}/acknowledge`, { body: { note: "called them" } });
    expect(taken.json.groups[0].alerts[0]).toMatchObject({ fingerprint, acknowledged_by: "anybody" });
    const odd = await ask("POST", `/alerts/${fingerprint}/acknowledge`, { body: { note: "\u0000" } });
    expect(odd.json.code).toBe("invalid-body");
    expect((await ask("POST", `/alerts/${fingerprint}/resolve`)).status).toBe(200);
    for (const gone of [fingerprint, NOTHING, "x"]) {
      for (const control of ["acknowledge", "resolve"])
        expect((await ask("POST", `/alerts/${gone}/${control}`)).status, `${control} ${gone}`).toBe(404);
    }
  });

  test("a silence keeps an alert from being told; ended, it is told", async () => {
    const match = { vendor: { starts_with: "glo" }, severity: { at_least: "INFO" }, source: { not: ["x"] } };
    const made = await ask("POST", "/alerts/silences", { body: { match, until: 7_200, why: "they move" } });
    expect(made).toMatchObject({ status: 201, json: { match, by: "anybody", why: "they move" } });
    const lasts = Date.parse(made.json.until) - Date.parse(made.json.from);
    expect(lasts).toBe(7_200_000);
    expect((await ask("GET", "/alerts/silences")).json.items).toEqual([made.json]);
    await raise("globex");
    await raise("initech");
    await groupOf("initech");
    await expect.poll(() => told).toContain("initech is slow");
    expect(told).not.toContain("globex is slow");
    const path = `/alerts/silences/${made.json.silence_id}`;
    expect((await ask("DELETE", path)).status).toBe(204);
    expect((await ask("DELETE", path)).status).toBe(404);
    expect((await ask("DELETE", "/alerts/silences/x")).status).toBe(404);
    await groupOf("globex");
    await expect.poll(() => told).toContain("globex is slow");
    const past = { match: {}, until: "2020-01-01T00:00:00Z", why: "x" };
    for (const body of [past, { ...past, match: { severity: "BAD" }, until: "2h" }])
      expect((await ask("POST", "/alerts/silences", { body })).json.code).toBe("invalid-body");
  });

  test("the outbox says what was sent and what was given up, which is tried again when somebody says so", async () => {
    await raise("umbrella");
    const { group_id } = await groupOf("umbrella");
    const query = `group=${group_id}`;
    const outbox = async (more = ""): Promise<AnyJson> =>
      (await ask("GET", "/alerts/deliveries", { query: query + more })).json;
    const states = async () =>
      (await outbox()).items.map((one: AnyJson) => `${one.channel} ${one.status}`).sort();
    await expect.poll(states).toEqual(["broken DEAD", "chat SENT"]);
    const first = await outbox("&limit=1");
    const rest = await outbox(`&limit=1&cursor=${first.next_cursor}`);
    expect(new Set([...first.items, ...rest.items].map(({ channel }: AnyJson) => channel)).size).toBe(2);
    const [dead] = (await outbox("&status=DEAD")).items;
    expect(dead).toMatchObject({
      channel: "broken",
      attempts: 1,
      notification: { title: "umbrella is slow", firing: 1, alerts: [{ raised: 1 }] },
    });
    expect(dead.error).toContain("who we are");
    const again = await ask("POST", `/alerts/deliveries/${dead.delivery_id}/redeliver`);
    expect(again).toMatchObject({ status: 202, json: { delivery_id: dead.delivery_id } });
    await expect.poll(async () => (await outbox("&status=DEAD")).items).toHaveLength(1);
    const [sent] = (await outbox("&status=SENT")).items;
    for (const id of [sent.delivery_id, NO_ID, "x"])
      expect((await ask("POST", `/alerts/deliveries/${id}/redeliver`)).status, id).toBe(404);
  });

  test("a channel is tried, and what it says of itself is told: nothing of an error that is not for others", async () => {
    const names = (await ask("GET", "/alerts/channels")).json.items.map(({ name }: AnyJson) => name);
    expect(names.sort()).toEqual(["broken", "chat", "rude"]);
    const tried = async (name: string) => (await ask("POST", `/alerts/channels/${name}/test`)).json;
    expect(await tried("chat")).toEqual({ channel: "chat", sent: true, error: null, error_code: null });
    expect(told.at(-1)).toContain("test message");
    expect(await tried("broken")).toMatchObject({ sent: false, error_code: "PERMISSION_DENIED" });
    const rude = await tried("rude");
    expect(rude).toMatchObject({ sent: false, error_code: "INTERNAL" });
    expect(JSON.stringify(rude)).not.toContain("secret");
    expect((await ask("POST", "/alerts/channels/none/test")).status).toBe(404);
  });

  test("every operation of alerts was asked, and answered what it declares", () => {
    const ids = handler.operations.map(({ id }) => id).filter((id) => id.startsWith("alerts."));
    expect(ids).toHaveLength(11);
    const answered = (id: string) => [...(ask.contract.seen.get(id) ?? [])].some((status) => status < 400);
    expect(ids.filter((id) => !answered(id))).toEqual([]);
  });
});
