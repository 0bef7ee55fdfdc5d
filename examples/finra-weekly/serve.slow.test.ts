import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { FinraOperations } from "spine-finra/http";
import { createClient, type SpineOperations } from "spine-http/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "./testing/command.ts";

test("npm start serves the page and the API on this machine, and weeks come from the local server", async () => {
  using folder = temporaryFolder();
  const args = ["--db", join(folder.path, "x.db"), "--port", "0", "--json"];
  const child = spawn(
    process.execPath,
    ["--conditions=spine-source", join(import.meta.dirname, "main.ts"), ...args],
    {
      env: { ...process.env, NO_COLOR: "1", INIT_CWD: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  let said = "";
  const baseUrl = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
      const [url] = /http:\/\/127\.0\.0\.1:\d+\/spine/.exec(said) ?? [];
      if (url) resolve(url);
    });
    child.once("close", () => reject(new Error(said)));
  });
  // The summary stands there before anything is served.
  expect(JSON.parse(stdout)).toMatchObject({ status: "COMPLETED" });
  const client = createClient<SpineOperations | FinraOperations>({ baseUrl });
  const name = "finra.otc_transparency.ingest_week";
  for (const body of [
    { params: { tier: "T1", week_ending: "2025-01-10" } },
    { tier: "T2", week_ending: "2025-01-10" },
  ]) {
    // The second body is the parameters themselves, as the seed sends them.
    const response = await client.send("POST", "/pipelines/run/{name}", {
      params: { name },
      body,
      headers: { prefer: "wait=20" },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "COMPLETED", run: { tags: [] } });
  }
  const { items, attribution, source } = await client.get("/finra/trade-activity", {
    query: { tier: "T1", week_ending: "2025-01-10", limit: 3 },
  });
  expect(items).toHaveLength(3);
  expect(attribution).toContain("no real trades");
  expect(source).toBe("SAMPLE");
  const shares = items.map((row) => Number(row.shares));
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  const [first] = items;
  const lineage = await client.get("/lineage/loads/{id}", { params: { id: first?.load_id ?? "" } });
  expect(lineage.run?.pipeline).toBe(name);
  const week = await client.get("/finra/week", { query: { tier: "T1", week_ending: "2025-01-08" } });
  expect(week.top_symbols).toHaveLength(10);
  const again = await client.post("/finra/ingest", { body: { tier: "T1", week_ending: "2025-01-10" } });
  expect(again.pipeline).toBe(name);
  for (const params of [{ file: "/etc/passwd" }, { source: "finra" }]) {
    const body = { params: { tier: "T1", week_ending: "2025-01-10", ...params } };
    await expect(client.post("/pipelines/run/{name}", { params: { name }, body })).rejects.toMatchObject({
      status: 403,
    });
  }
  // Nor by the side doors: a run that is repeated, or a schedule that is run now, with other parameters.
  const other = { params: { tier: "T1", week_ending: "2025-01-10", source: "finra" } };
  const id = again.execution_id;
  for (const asked of [
    client.post("/pipelines/rerun/{id}", { params: { id }, body: other }),
    client.post("/scheduler/schedules/{name+}/trigger", {
      params: { name: "finra.otc_transparency.t1" },
      body: other,
    }),
  ])
    await expect(asked).rejects.toMatchObject({ status: 403 });
  const { items: schedules } = await client.get("/scheduler/schedules");
  expect(schedules.map(({ params }) => params)).toEqual(
    ["OTCE", "T1", "T2"].map((tier) => expect.objectContaining({ tier, source: "SAMPLE" })),
  );

  // The page stands beside it, and its address is the last thing that is said.
  const page = baseUrl.replace(/spine$/, "");
  await vi.waitFor(() => expect(said.trimEnd().split("\n").at(-1)).toContain(`Page ${page} `));
  const answer = await fetch(page);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await answer.text()).toContain("<title>Trading desktop");
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
});
