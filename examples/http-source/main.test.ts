import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

test("the example reads a service that cuts its pages short, all of it and once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-http-example-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const rows = Array.from({ length: 1_234 }, (_none, index) => ({
    id: `t${index}`,
    week: "2026-01-05",
    shares: `${index}.5`,
  }));
  const offsets: number[] = [];
  const server = createServer((incoming, response) => {
    let text = "";
    incoming.on("data", (piece) => {
      text += String(piece);
    });
    incoming.on("end", () => {
      const { week, offset, limit } = JSON.parse(text) as { week: string; offset: number; limit: number };
      const isAllowed = incoming.headers.authorization === "Bearer secret" && incoming.url === "/v1/trades";
      offsets.push(offset);
      // No more than 400, whatever is asked for.
      const page = week === "2026-01-05" ? rows.slice(offset, offset + Math.min(limit, 400)) : [];
      response.writeHead(isAllowed ? 200 : 401, { "record-total": rows.length }).end(JSON.stringify(page));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const main = join(import.meta.dirname, "main.ts");
  const run = async () => {
    const options = { cwd: folder, env: { ...process.env, DEMO_TOKEN: "secret" } };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=spine-source", "--no-warnings", main, url],
      options,
    );
    return stdout;
  };
  expect(await run()).toBe("1234 trades\n");
  expect(offsets).toEqual([0, 400, 800, 1_200]);
  // The run has its key: it is not done again.
  expect(await run()).toBe("1234 trades\n");
  expect(offsets).toHaveLength(4);
  const database = new DatabaseSync(join(folder, "trades.db"), { readOnly: true });
  expect(database.prepare("select count(*) as rows, sum(shares) as shares from trades").get()).toEqual({
    rows: 1_234,
    shares: rows.reduce((sum, { shares }) => sum + Number(shares), 0),
  });
  database.close();
});
