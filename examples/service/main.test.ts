import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createClient } from "spine-http/client";
import { expect, test } from "vitest";
import { main } from "./main.ts";

test("the service serves its routes to who has the key, and ends with its runner", async () => {
  const key = "service-0123456789";
  const server = await main({
    SPINE_DB_URL: "sqlite::memory:",
    SPINE_API_KEY: key,
    SPINE_LOG_LEVEL: "SILENT",
    PORT: "0",
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
  const client = createClient({ baseUrl, headers: () => ({ authorization: `Bearer ${key}` }) });
  const { items } = await client.get("/pipelines");
  expect(items.map(({ name }) => name)).toEqual(["finra.otc_transparency.ingest_week"]);
  const { missing } = await client.get("/partitions/{table}/report", {
    params: { table: "finra_otc_trade_activity" },
    query: { from: "2025-01-06", to: "2025-01-12" },
  });
  expect(missing).toHaveLength(3);
  const { items: schedules } = await client.get("/scheduler/schedules");
  expect(schedules.map(({ pipeline, status }) => `${pipeline} ${status}`)).toEqual(
    Array.from({ length: 3 }, () => "finra.otc_transparency.ingest_week DISABLED"),
  );
  const [first] = schedules;
  const enabled = await client.patch("/scheduler/schedules/{name+}", {
    params: { name: first?.name ?? "" },
    body: { enabled: true },
    headers: { "if-match": `"${first?.revision}"` },
  });
  expect(enabled).toMatchObject({ status: "ACTIVE", calendar: "us-market" });
  expect((await client.get("/alerts/channels")).items).toEqual([{ name: "console" }]);
  await expect(createClient({ baseUrl }).get("/pipelines")).rejects.toMatchObject({ status: 401 });
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});
