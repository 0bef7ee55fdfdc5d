import { type NewRun, partitionKey } from "spine-core";
import { queueCells } from "../run-rank.ts";
import { tagsText } from "../run-rows.ts";
import type { DatabaseTime } from "./database-time.ts";
import { type Cell, RowSet } from "./row-set.ts";

/** What new runs have: each shape has the columns of those before it, and some that fewer runs need. */
export const CREATED_SHAPES = ["created", "queued", "related"] as const;

export type CreatedShape = (typeof CREATED_SHAPES)[number];

/** What a new run's row says of how far it is. */
export interface CreatedState {
  readonly version: number;
  readonly attempts: number;
  /** JSON text. */
  readonly openSteps: string | null;
  /** How many of its attempts it has from the run that it repeats. */
  readonly inherited: number;
}

/** How many columns `queued` and `related` add (flush-columns.ts). */
const PLACE = 3;
const RELATIONS = 7;
const ADDED = { created: 0, queued: PLACE, related: PLACE + RELATIONS } as const;

/**
 * Rows of new runs. They have as many columns as the one among them that needs the most, so that plain runs cost what they
 * cost alone.
 */
export class CreatedRows {
  #rows = new RowSet();
  #shape: CreatedShape = "created";

  get rows(): RowSet {
    return this.#rows;
  }

  get shape(): CreatedShape {
    return this.#shape;
  }

  add(run: NewRun, state: CreatedState, time: DatabaseTime): void {
    const place = queueCells(run);
    const relations = relationCells(run, state.inherited, time);
    const needed = relations.length > 0 ? "related" : place.length > 0 ? "queued" : "created";
    if (ADDED[needed] > ADDED[this.#shape]) {
      this.#rows = this.#rows.widened(ADDED[needed] - ADDED[this.#shape]);
      this.#shape = needed;
    }
    const cells = newRunCells(run, state, time);
    const added = ADDED[this.#shape];
    this.#rows.add(
      ...cells,
      ...padded(place, Math.min(PLACE, added)),
      ...padded(relations, Math.max(0, added - PLACE)),
    );
  }
}

/** A row with all columns: of a child, which waits to be claimed. */
export function childCells(run: NewRun, time: DatabaseTime): readonly Cell[] {
  // Whoever starts it decides that it exists: it is no start that changes another run instead.
  const child: NewRun = { ...run, worker: null, debounce: null };
  return [
    ...newRunCells(child, { version: 1, attempts: 0, openSteps: null, inherited: 0 }, time),
    ...padded(queueCells(child), PLACE),
    ...padded(relationCells(child, 0, time), RELATIONS),
  ];
}

function newRunCells(
  run: NewRun,
  { version, attempts, openSteps }: CreatedState,
  time: DatabaseTime,
): readonly Cell[] {
  const { worker, partition, availableAt } = run;
  return [
    run.runId,
    run.workflow,
    run.domain,
    partition && partitionKey(partition),
    partition && JSON.stringify(partition),
    tagsText(run.tags),
    run.key,
    run.scope ?? "",
    worker,
    run.fingerprint,
    run.params,
    run.paramsHash,
    run.triggeredBy,
    run.parentRunId,
    version,
    attempts,
    openSteps,
    worker === null && availableAt !== null ? time.toDatabase(availableAt) : null,
  ];
}

/** What few runs have; nothing where it is all left out. */
function relationCells(
  { parentStep = null, rerunOf = null, deadline = null, debounce = null, hasUndo = false, worker }: NewRun,
  inherited: number,
  time: DatabaseTime,
): readonly Cell[] {
  // Only a run that waits can be changed by another start.
  const waits = worker === null ? debounce : null;
  const isPlain = parentStep === null && rerunOf === null && deadline === null && waits === null;
  if (isPlain && !hasUndo && inherited === 0) return [];
  return [
    parentStep,
    rerunOf,
    deadline === null ? null : time.toDatabase(deadline),
    waits?.key ?? null,
    waits?.latest ?? null,
    hasUndo || null,
    inherited || null,
  ];
}

function padded(cells: readonly Cell[], count: number): readonly Cell[] {
  return Array.from({ length: count }, (_, index) => cells[index] ?? null);
}
