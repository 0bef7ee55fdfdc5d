import { parse, resolve } from "node:path";
import { sqlite } from "spine-adapters/databases";
import { canonicalJson, createSpine, type InputOf, type Run, type Spine } from "spine-core";
import { describeFile, finra, ingestWeek, SAMPLE_ORIGIN } from "spine-finra";
import type { NamedWeek } from "./arguments.ts";
import { liveCredentials } from "./live.ts";

/**
 * Opens the database with the FINRA plugin, without beginning to work yet. Runs go on where they began: what is left
 * of the sample needs its server again, and what is left of the real service goes on there.
 */
export async function openSpine(
  db: string,
  sample: SampleServer | null = null,
  { live = false }: { readonly live?: boolean } = {},
): Promise<Spine> {
  const local = sample && { origin: SAMPLE_ORIGIN, baseUrl: sample.url, allowPrivate: true };
  return await createSpine({
    database: sqlite(db),
    plugins: [
      finra({
        // Whoever calls the command names the files, so any may be read: a run that another call left unfinished,
        // or leaves so later, goes on here with its own file.
        fileRoots: [parse(resolve(db)).root],
        queryApi: [liveCredentials(), ...(local ? [local] : [])],
        // What is scheduled asks where this command asks: FINRA only with --live.
        ...(local && !live ? { schedules: { source: SAMPLE_ORIGIN } } : {}),
      }),
    ],
    worker: false,
    logLevel: "WARN",
  });
}

/** The local server that the sample comes from. */
export interface SampleServer {
  readonly url: string;
}

/** A week to ingest: what it is, and the parameters of its run. */
export interface Wanted {
  readonly tier: string;
  /** Monday. */
  readonly week_start: string;
  readonly params: IngestParams;
}

/** The week that a file holds: its tier is in it, and so is its week unless it is named. */
export async function weekOfFile(
  path: string,
  { weekEnding, lastUpdateDate }: NamedWeek = { weekEnding: null, lastUpdateDate: null },
): Promise<Wanted> {
  const file = await describeFile(path, weekEnding === null ? {} : { weekEnding });
  const { tier, week_start, week_ending } = file;
  const last_update_date = lastUpdateDate ?? file.last_update_date;
  return { tier, week_start, params: { tier, week_ending, last_update_date, file: file.path } };
}

/** What `ingestWeek` takes. */
type IngestParams = InputOf<typeof ingestWeek>;

/**
 * Starts the ingest of a week, or finds the one of the same week and source that an earlier process left unfinished.
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
  return await spine.run(ingestWeek.name, params, {
    triggeredBy: "command line",
    // Beside the parameters, so that lists can be asked for it.
    tags: [sourceName(params)],
  });
}

/** Where a run's rows come from, as summaries and tags say it. */
export function sourceName({ file, source }: Pick<IngestParams, "file" | "source">): string {
  if (file !== undefined) return "FILE";
  return source === SAMPLE_ORIGIN ? "SAMPLE" : "LIVE";
}
