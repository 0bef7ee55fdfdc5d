import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { fileSource } from "spine-adapters/sources";
import {
  createSpine,
  defineTable,
  defineWorkflow,
  recordCount,
  silentLogger,
  sumTo,
  unique,
} from "spine-core";
import { z } from "zod";

const folder = mkdtempSync(join(tmpdir(), "spine-data-"));
const files = fileSource({ roots: [folder] });
const shares = defineTable({
  name: "venue_shares",
  columns: { week: "date", venue: "text", share: "decimal" },
  key: ["week", "venue"],
  partition: ["week"],
  captures: "venue_shares_captures",
});

/** A file of a week: read, made rows, checked, and put in the place of what the week had. */
const ingest = defineWorkflow({
  name: "demo.venue_shares",
  params: z.object({ week: z.iso.date(), file: z.string() }),
  partition: ({ params: { week } }) => ({ week }),
})
  .fetch("fetch", { from: files, request: ({ params: { file } }) => ({ path: join(folder, file) }) })
  .transform("clean", {
    from: "fetch",
    row: ({ venue, share }, { params: { week } }) => ({ week, venue: String(venue), share: String(share) }),
    schema: z.object({ week: z.string(), venue: z.string(), share: z.string().regex(/^\d+(\.\d+)?$/) }),
  })
  .quality("quality", {
    on: "clean",
    checks: [recordCount({ min: 1 }), unique(["venue"]), sumTo("share", 1, "0.01")],
  })
  .load("load", { from: "clean", into: shares, disposition: "replace-partition" });

const spine = await createSpine({
  database: sqlite(join(folder, "spine.db")),
  workflows: [ingest],
  logger: silentLogger,
});
const week = "2026-01-05";
const load = async (file: string, lines: readonly string[]) => {
  writeFileSync(join(folder, file), ["venue,share", ...lines, ""].join("\n"));
  const run = await spine.run(ingest, { week, file });
  await run.result().catch((error: Error) => console.log(error.name));
  for (const { name, status, rows } of (await spine.get(run.id)).steps) {
    if (rows) console.log(`  ${name} ${status}: ${rows.in} in, ${rows.out} out, ${rows.rejected} refused`);
  }
  return run.id;
};
const table = () => spine.database.kysely.selectFrom("venue_shares").select(["venue", "share"]).execute();

console.log("first delivery");
const first = await load("first.csv", ["X,0.25", "Y,0.75", "Z,n/a"]);
for (const { line, code } of await spine.rejects.list({ runId: first })) console.log("  line", line, code);
console.log(await table());

console.log("restated, and wrong");
await load("wrong.csv", ["X,0.25", "Y,0.85"]);
console.log(await table()); // as it was

console.log("restated");
await load("second.csv", ["X,0.2", "Y,0.8"]);
console.log(await table());

const [capture] = await spine.database.kysely.selectFrom("venue_shares_captures").selectAll().execute();
const { upstream } = await spine.lineage.load(capture?._spine_load_id ?? "");
console.log("what was current before came from", upstream.at(-1)?.locator?.split("/").at(-1));
await spine.stop();
rmSync(folder, { recursive: true });
