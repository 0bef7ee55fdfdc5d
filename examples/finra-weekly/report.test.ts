import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { expect, test } from "vitest";
import { openSpine, startOrAttach, weekOfFile } from "./ingest.ts";
import { createOutput } from "./output.ts";
import { reportRun } from "./report.ts";
import { temporaryFolder } from "./testing/command.ts";
import { total } from "./total.ts";

test("a report that fails still tells the run and its end", async () => {
  using folder = temporaryFolder();
  const db = join(folder.path, "x.db");
  const file = await writeWeekFile({
    folder: folder.path,
    weekStart: SAMPLE_WEEK,
    tier: "OTCE",
    symbols: 20,
  });
  await using spine = await openSpine(db);
  const run = await startOrAttach(spine, (await weekOfFile(file)).params);
  await spine.start();
  await run.result();
  const database = new DatabaseSync(db);
  database.exec("drop table finra_otc_trade_activity");
  database.close();

  const lines: string[] = [];
  const output = { ...createOutput(process.stderr), settle: (line: string) => void lines.push(line) };
  const summary = await reportRun(spine, run.id, "FILE", output);
  expect(lines).toEqual([expect.stringContaining(run.id)]);
  expect(total([summary])).toMatchObject({
    status: "COMPLETED",
    execution_id: run.id,
    tier: "OTCE",
    week_start: SAMPLE_WEEK,
    error: expect.stringContaining("no such table"),
    error_code: expect.stringMatching(/^[A-Z_]+$/),
  });
  expect(total([{ ...summary, error: null }, summary])).toMatchObject({ error: summary.error });
});
