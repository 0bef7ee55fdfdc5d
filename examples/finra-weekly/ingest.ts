import { parse, resolve } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { canonicalJson, createSpine, type InputOf, type Run, type Spine } from "spine-core";
import { describeFile, finra, ingestWeek, type WeeklyFile } from "spine-finra";
import type { NamedWeek } from "./arguments.ts";

/** Opens the database with the FINRA plugin, without beginning to work yet. */
export async function openSpine(db: string): Promise<Spine> {
  return await createSpine({
    database: sqlite(db),
    // Whoever calls the command names the files, so any may be read: a run that another call left unfinished,
    // or leaves so later, goes on here with its own file.
    plugins: [finra({ fileRoots: [parse(resolve(db)).root] })],
    worker: false,
    logLevel: "WARN",
  });
}

/** The parameters that a weekly file stands for: its tier is in the file, and so is its week unless it is named. */
export async function paramsOf(
  path: string,
  { weekEnding, lastUpdateDate }: NamedWeek = { weekEnding: null, lastUpdateDate: null },
): Promise<{ readonly file: WeeklyFile; readonly params: IngestParams }> {
  const file = await describeFile(path, weekEnding === null ? {} : { weekEnding });
  const { tier, week_ending } = file;
  const last_update_date = lastUpdateDate ?? file.last_update_date;
  return { file, params: { tier, week_ending, last_update_date, file: file.path } };
}

/** What `ingestWeek` takes, as a file describes it. */
type IngestParams = InputOf<typeof ingestWeek>;

/**
 * Starts the ingest of a file, or finds the one of the same file that an earlier process left unfinished.
 * Call it before `spine.start()`: afterwards an unfinished run may complete before it is found.
 */
export async function startOrAttach(spine: Spine, params: IngestParams): Promise<Run<unknown>> {
  const wanted = canonicalJson(ingestWeek.params.parse(params));
  const { items } = await spine.history.list({
    workflow: ingestWeek.name,
    status: ["PENDING", "RUNNING", "WAITING"],
    limit: 200,
  });
  for (const { runId } of items) {
    const { run } = await spine.get(runId);
    if (canonicalJson(run.params) === wanted) return await spine.attach(runId);
  }
  return await spine.run(ingestWeek.name, params, { triggeredBy: "command line" });
}
