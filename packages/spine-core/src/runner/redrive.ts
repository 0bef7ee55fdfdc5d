import type { DatasetRef, DatasetState, DatasetStore, DatasetWriter, Redriven } from "../data/dataset.ts";
import type { RejectRecord, RejectStore } from "../data/reject-store.ts";
import type { Database, StateStores } from "../database/database.ts";
import { SpineError, ValidationError } from "../errors.ts";
import type { CreateCommit } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";
import type { Row } from "../sources/source.ts";
import type { IngestResult } from "../workflow/load-result.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { RedriveOptions } from "./rejects.ts";
import type { RunStarts } from "./run-starts.ts";
import type { RunHandle } from "./runner.ts";
import { redrivenRows } from "./steps/redriven-rows.ts";

interface RedriveScope {
  readonly database: Database;
  readonly stores: StateStores;
  readonly starts: RunStarts;
}

/** Rejects that are looked at in one query; each page is a chunk of the slice, or a few. */
const PAGE = 10_000;

/**
 * Starts a run of the rows that a step of another run refused. They are written as a dataset of the new run first, which stands in for
 * the output of the step that was read; then one transaction makes the run, and marks the rejects as its own.
 */
export async function redrive(
  { database, stores, starts }: RedriveScope,
  workflow: WorkflowData,
  detail: RunDetail,
  options: RedriveOptions,
): Promise<RunHandle> {
  const { runId, status } = detail.run;
  const { step, params, key } = options;
  const { from, output, isRead } = placeOf(workflow, step);
  if (status !== "COMPLETED") {
    throw new SpineError(
      "RUN_CONFLICT",
      `Run ${runId} is ${status}; only what a run that is COMPLETED has refused is driven again. Let it end, or repeat one that failed as a whole: \`spine.rerun(runId, { from: "${from}" })\`.`,
      { context: { runId } },
    );
  }
  const plan = await starts.repeat(workflow, detail, {
    from,
    ...(params === undefined ? {} : { params }),
    ...(key === undefined ? {} : { key }),
  });
  const { datasets, rejects, history } = stores;
  const { runId: newRun } = plan.commit.run;
  const madeOf = isRead ? await loadedBy(stores, detail, step) : readBy(detail, output);
  const slice = new Slice(datasets, { runId: newRun, step: output, token: 1 }, madeOf);
  let mayExist = false;
  try {
    const driven: number[] = [];
    for await (const page of openOf(rejects, runId, options)) {
      const rows = rowsOf(page, options);
      driven.push(...rows.map(({ index }) => index));
      await slice.append(rows);
    }
    if (driven.length === 0 && key === undefined) throw nothingOpen(runId, options);
    refuseEdits(options, driven);
    const redriven: Redriven = { run: runId, step, rows: driven.length };
    const rows = { ...(await slice.seal()), redriven };
    const commit = isRead ? withRows(plan.commit, step, rows) : withSlice(plan.commit, output, rows);
    return await starts.storeBy(workflow, { ...plan, commit }, () =>
      database.transaction(async (transaction) => {
        mayExist = false;
        const [outcome] = await history.createIn(transaction, [commit]);
        // One with its key is there already, and has marked what it drives.
        if (outcome?.result !== "committed") return outcome;
        if (driven.length === 0) throw nothingOpen(runId, options);
        const taken = await rejects.take({ runId, step, indexes: driven }, newRun, transaction);
        if (taken !== driven.length) throw takenMeanwhile(runId, step);
        mayExist = true;
        return outcome;
      }),
    );
  } finally {
    // Rows of a run that there will not be. Where nobody knows, retention finds out.
    if (!mayExist) await datasets.remove(newRun);
  }
}

/** The first write of the run, with the rows as the output of the step that they stand in for. */
function withSlice(commit: CreateCommit, output: string, ref: DatasetRef): CreateCommit {
  const { rows } = ref;
  const inherited = commit.inherited?.map((each) =>
    each.name === output
      ? { ...each, output: JSON.stringify(ref), rows: { in: rows, out: rows, rejected: 0 } }
      : each,
  );
  // How far the fetches before had come is the repeated run's to say: this one only has what that one refused.
  return { ...commit, inherited: inherited ?? [], checkpoints: [] };
}

/** The first write of the run of an ingest: it reads these rows, and not its source. */
function withRows(commit: CreateCommit, step: string, ref: DatasetRef): CreateCommit {
  return { ...commit, checkpoints: [redrivenRows(step, ref)] };
}

/** The dataset of an ingest, which nobody reads but its load: that knows what it has loaded. */
async function loadedBy(
  { lineage }: StateStores,
  { steps }: RunDetail,
  step: string,
): Promise<string | undefined> {
  const output = steps.findLast(({ name, status }) => name === step && status === "COMPLETED")?.output;
  const loadId = (output as Partial<IngestResult> | null | undefined)?.load?.loadId;
  return loadId === undefined ? undefined : (await lineage.load(loadId))?.dataset;
}

/** The dataset that the refused rows came from. */
function readBy({ steps }: RunDetail, step: string): string | undefined {
  const output = steps.findLast(({ name, status }) => name === step && status === "COMPLETED")?.output;
  return (output as Partial<DatasetRef> | null | undefined)?.dataset;
}

interface RedrivePlace {
  /** Where the new run begins. */
  readonly from: string;
  /** Whose output the rows stand in for; of an ingest, what its rows are known by. */
  readonly output: string;
  /** True of an ingest, which has no step before it that it reads. */
  readonly isRead: boolean;
}

function placeOf({ name, steps }: WorkflowData, refusing: string): RedrivePlace {
  const position = steps.findIndex((one) => one.name === refusing);
  const step = steps[position];
  if (step?.kind === "transform") return { from: step.name, output: step.from, isRead: false };
  if (step?.kind === "ingest") return { from: step.name, output: `${step.name}/rejects`, isRead: true };
  const next = steps[position + 1];
  if (step?.kind === "fetch" && next) return { from: next.name, output: step.name, isRead: false };
  throw new ValidationError(
    `"${name}" has no step "${refusing}" in its own list whose refused rows could be driven again: it has to be a transform, an ingest, or a fetch with a step behind it.`,
    { detail: { issues: [{ path: "/step", message: "refuses no rows that can be driven again" }] } },
  );
}

async function* openOf(
  rejects: RejectStore,
  runId: string,
  { step, code, indexes }: RedriveOptions,
): AsyncGenerator<readonly RejectRecord[]> {
  const chosen = indexes && new Set(indexes);
  const filter = {
    runId,
    step,
    state: "OPEN",
    limit: PAGE,
    ...(code === undefined ? {} : { code }),
  } as const;
  for (let after = -1; ; ) {
    const page = await rejects.list({ ...filter, after });
    const last = page.at(-1);
    if (!last) return;
    yield chosen ? page.filter(({ index }) => chosen.has(index)) : page;
    after = last.index;
  }
}

interface Driven {
  readonly index: number;
  readonly row: Row;
  readonly line: number | null;
  readonly file: string | null;
}

/** Those of which there is a row: text that could not be parsed is none until somebody says what it should have been. */
function rowsOf(page: readonly RejectRecord[], { edits = {}, indexes }: RedriveOptions): readonly Driven[] {
  return page.flatMap(({ index, raw, line, file }) => {
    const row: unknown = edits[index] ?? raw;
    if (typeof row === "object" && row !== null && !Array.isArray(row)) {
      return [{ index, row: row as Row, line, file }];
    }
    if (!indexes) return [];
    throw new ValidationError(
      `Reject ${index} cannot be driven again as it is: what was refused is no row but a text. Give its row in \`edits\`.`,
      { detail: { issues: [{ path: `/edits/${index}`, message: "is missing" }] } },
    );
  });
}

function refuseEdits({ edits = {} }: RedriveOptions, driven: readonly number[]): void {
  const known = new Set(driven);
  const other = Object.keys(edits).find((index) => driven.length > 0 && !known.has(Number(index)));
  if (other === undefined) return;
  throw new ValidationError(
    `There is an edit for reject ${other}, which is not driven again: it is not among those that were chosen, or not OPEN.`,
    { detail: { issues: [{ path: `/edits/${other}`, message: "is of no reject that is driven again" }] } },
  );
}

function nothingOpen(runId: string, { step }: RedriveOptions): SpineError {
  return new SpineError(
    "RUN_CONFLICT",
    `Step "${step}" of run ${runId} has no reject that is OPEN and could be driven again. \`spine.rejects.list\` says what became of them; a raw text needs its row in \`edits\`.`,
    { context: { runId, step } },
  );
}

function takenMeanwhile(runId: string, step: string): SpineError {
  return new SpineError(
    "RUN_CONFLICT",
    `Somebody else has put rejects of step "${step}" of run ${runId} aside, or drives them again, since they were looked at. Nothing was started; call again for those that are still OPEN.`,
    { context: { runId, step } },
  );
}

/** The rows as a dataset. A chunk is of one file, and has lines for all of its rows or for none. */
class Slice {
  readonly #datasets: DatasetStore;
  readonly #writer: DatasetWriter;
  readonly #madeOf: string | undefined;
  #state: DatasetState | undefined;

  constructor(datasets: DatasetStore, writer: DatasetWriter, madeOf: string | undefined) {
    this.#datasets = datasets;
    this.#madeOf = madeOf;
    this.#writer = writer;
  }

  async append(rows: readonly Driven[]): Promise<void> {
    for (let from = 0; from < rows.length; ) {
      const [first] = rows.slice(from, from + 1);
      const isAlike = ({ file, line }: Driven) =>
        file === first?.file && (line === null) === (first?.line === null);
      let to = from;
      for (let next = rows[to]; next && isAlike(next); next = rows[to]) to += 1;
      await this.#chunk(rows.slice(from, to));
      from = to;
    }
  }

  async seal() {
    const { dataset } = this.#state ?? (await this.#datasets.open(this.#writer));
    const options = this.#madeOf === undefined ? {} : { madeOf: this.#madeOf };
    return await this.#datasets.seal(this.#writer, dataset, options);
  }

  async #chunk(rows: readonly Driven[]): Promise<void> {
    const state = this.#state ?? (await this.#datasets.open(this.#writer));
    const lines = rows.map(({ line }) => line).filter((line) => line !== null);
    this.#state = await this.#datasets.append(this.#writer, state.dataset, {
      index: state.chunks,
      rows: rows.map(({ row }) => row),
      lines: lines.length === rows.length ? lines : null,
      file: rows[0]?.file ?? null,
      rejects: [],
      cursor: state.chunks,
    });
  }
}
