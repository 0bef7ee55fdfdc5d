import { checkMark, type MarkValue } from "../data/mark.ts";
import { ValidationError } from "../errors.ts";
import type { CursorName, CursorOf, CursorRecord, CursorStore } from "../history/cursor-store.ts";
import type { JsonValue } from "../json.ts";
import { cursorAt } from "./steps/increment.ts";

/** A fetch step whose runs follow each other. */
export interface CursorPlace {
  readonly workflow: string;
  /** The step's path: `fetch`, or `venues/XNYS/fetch` inside of a map. */
  readonly step: string;
  /** What the step's `scope` returns for the runs that are meant; nothing when it has none. */
  readonly scope?: string;
}

/** How far the runs of a fetch have come. */
export interface FetchCursor extends Required<CursorPlace> {
  /** The greatest value that was delivered; null: the next run begins at its start. */
  readonly mark: MarkValue | null;
  /** What the source was recognised by; null: the next run reads it. */
  readonly source: JsonValue | null;
  /** The run that came so far; null after a reset. */
  readonly runId: string | null;
  /** ISO time in UTC. */
  readonly updatedAt: string;
}

/**
 * How far incremental fetches have come. The runs themselves move them, with the commit that completes a run.
 *
 * @example
 * await spine.cursors.get({ workflow: "shop.orders", step: "orders" }); // { mark: "2025-06-01T10:00:00Z", … }
 * await spine.cursors.reset({ workflow: "shop.orders", step: "orders" }, { to: "2025-05-01T00:00:00Z" });
 */
export interface Cursors {
  get(place: CursorPlace): Promise<FetchCursor | undefined>;
  /** Those of all fetches of a workflow. */
  list(workflow: string): Promise<readonly FetchCursor[]>;
  /**
   * Lets the next run begin at `to`, or where the first one did; whatever its source says of itself, it is read. Runs that are
   * under way go on, and do not move the cursor any more.
   */
  reset(
    place: CursorPlace,
    options?: { readonly to?: MarkValue; readonly order?: "text" },
  ): Promise<FetchCursor>;
}

export function cursorsOf(store: CursorStore): Cursors {
  const both = async (place: CursorPlace): Promise<readonly CursorRecord[]> => {
    const found = await Promise.all([store.get(nameOf(place, "rows")), store.get(nameOf(place, "source"))]);
    return found.filter((record) => record !== undefined);
  };
  return {
    get: async (place) => joined(await both(place))[0],
    list: async (workflow) => joined(await store.list(workflow)),
    reset: async (place, { to, order } = {}) => {
      const at = to === undefined ? null : cursorAt(checkMark(to, order === "text", "The value of `to`"));
      const records = [
        await store.reset(nameOf(place, "rows"), at),
        await store.reset(nameOf(place, "source"), null),
      ];
      return joined(records)[0] as FetchCursor;
    },
  };
}

function nameOf({ workflow, step, scope = "" }: CursorPlace, of: CursorOf): CursorName {
  for (const [option, value] of Object.entries({ workflow, step, scope })) {
    if (typeof value !== "string" || (value === "" && option !== "scope"))
      throw new ValidationError(
        `The \`${option}\` of a cursor is no text. Name the workflow and its fetch step.`,
      );
  }
  return { workflow, step, scope, of };
}

/** What belongs to one place, as one. */
function joined(records: readonly CursorRecord[]): readonly FetchCursor[] {
  const places = Map.groupBy(records, ({ step, scope }) => JSON.stringify([step, scope]));
  return [...places.values()].flatMap((parts) => {
    const rows = parts.find(({ of }) => of === "rows");
    const source = parts.find(({ of }) => of === "source");
    const newest = rows && (!source || rows.updatedAt >= source.updatedAt) ? rows : source;
    if (!newest) return [];
    const { workflow, step, scope, runId, updatedAt } = newest;
    return [{ workflow, step, scope, mark: markIn(rows), source: sourceIn(source), runId, updatedAt }];
  });
}

function markIn(record: CursorRecord | undefined): MarkValue | null {
  return ((record?.value ?? null) as { readonly mark: MarkValue } | null)?.mark ?? null;
}

function sourceIn(record: CursorRecord | undefined): JsonValue | null {
  return ((record?.value ?? null) as { readonly mark: JsonValue } | null)?.mark ?? null;
}
