import { createHash } from "node:crypto";
import type { DatasetRef, DatasetState } from "../../data/dataset.ts";
import type { MarkValue } from "../../data/mark.ts";
import { SpineError } from "../../errors.ts";
import type { CheckpointAttachment, CursorAttachment } from "../../history/attachment.ts";
import type { CursorName, CursorOf, CursorRecord } from "../../history/cursor-store.ts";
import { canonicalJson, encodeJson, type JsonValue } from "../../json.ts";
import type { Page, Source } from "../../sources/source.ts";
import type { FetchStep } from "../../workflow/step.ts";
import type { StepScope } from "../step-scope.ts";
import { Increment, type IncrementState } from "./increment.ts";

/** What a step says of how it follows the runs before it. */
type Follows = Pick<FetchStep, "name" | "incremental" | "unchanged" | "scope">;

/** What stands with each chunk of a fetch that follows others, around the source's own cursor. */
type Stored = {
  readonly spine_fetch: 1;
  readonly at: JsonValue;
  readonly increment: IncrementState | null;
  /** What the source was recognised by before the first page was read. */
  readonly source: { readonly mark: JsonValue; readonly request: string } | null;
};

/** What a source said of itself in an attempt that was stopped before its first page is recorded under, with the attempt's number. */
const PROBE = "spine:probe#";

/** The longest scope, in characters: it stands in an index. */
const LONGEST_SCOPE = 200;

/** How a fetch follows the runs before it: by a field of its rows, by what its source says of itself, by both, or not at all. */
export class Following {
  readonly #step: Follows;
  readonly #scope: StepScope;
  readonly #increment: Increment | null;
  readonly #known: CursorRecord | undefined;
  readonly #sourceName: CursorName;
  #source: Stored["source"];

  private constructor(
    step: Follows,
    scope: StepScope,
    increment: Increment | null,
    known: CursorRecord | undefined,
    stored: Stored | null,
  ) {
    this.#step = step;
    this.#scope = scope;
    this.#increment = increment;
    this.#known = known;
    this.#source = stored?.source ?? null;
    this.#sourceName = cursorName(step, scope, "source");
  }

  /**
   * Begins a fetch, or goes on with one that an earlier attempt has left: undefined when that cannot be, because the cursor was
   * moved meanwhile, or nothing says where it was.
   */
  static async begin(step: Follows, scope: StepScope, state: DatasetState): Promise<Following | undefined> {
    if (!isFollowing(step)) return new Following(step, scope, null, undefined, null);
    const stored = storedOf(state.cursor);
    // One that is whole and empty says nothing of what its source was then.
    if ((state.chunks > 0 && !stored) || (state.sealed && state.chunks === 0)) return undefined;
    const { incremental } = step;
    const [rows, known] = await Promise.all([
      incremental ? scope.cursors.get(cursorName(step, scope, "rows")) : undefined,
      step.unchanged === "end" ? scope.cursors.get(cursorName(step, scope, "source")) : undefined,
    ]);
    if (!incremental) return new Following(step, scope, null, known, stored);
    if (stored && stored.increment?.from !== Increment.fingerprint(rows)) return undefined;
    const increment = new Increment(
      { ...step, incremental },
      cursorName(step, scope, "rows"),
      rows,
      scope.context,
      stored?.increment ?? null,
    );
    return new Following(step, scope, increment, known, stored);
  }

  get bounds(): { readonly since: MarkValue | null; readonly until: MarkValue | null } {
    return this.#increment?.bounds ?? { since: null, until: null };
  }

  /** Rows that were read and left out. */
  get left(): number {
    return this.#increment?.left ?? 0;
  }

  /**
   * Asks the source whether it has anything new since the last run that was completed, and remembers what it says. It is not asked
   * again where an earlier attempt did so and was stopped by the source's budget: with a small one, asking would use it up each time.
   */
  async isUnchanged(source: Source<unknown>, request: unknown): Promise<boolean> {
    if (this.#step.unchanged !== "end") return false;
    if (!source.changed) {
      throw new SpineError(
        "CONFIG_INVALID",
        `Source "${source.name}" cannot say whether it has changed. Leave \`unchanged\` out of step "${this.#step.name}".`,
        { context: { source: source.name } },
      );
    }
    const asked = requestHash(request, this.#step.name);
    const probed = this.#probed();
    if (probed?.request === asked) {
      this.#source = probed;
      return false;
    }
    const last = (this.#known?.value ?? null) as Stored["source"];
    const since = last?.request === asked ? last.mark : null;
    const { context, budgets } = this.#scope;
    const { changed, mark } = await source.changed(request, { since, signal: context.signal, budgets });
    this.#source = { mark, request: asked };
    return !changed && since !== null;
  }

  /** What the source said of itself, for the next attempt of one that its budget has stopped. */
  probe(): readonly CheckpointAttachment[] {
    const { context, path, recorded } = this.#scope;
    if (!this.#source) return [];
    const key = `${PROBE}${context.attempt}`;
    recorded().set(key, this.#source);
    return [{ kind: "checkpoint", step: path, key, value: JSON.stringify(this.#source) }];
  }

  #probed(): Stored["source"] {
    const probes = [...this.#scope.recorded()].filter(([key]) => key.startsWith(PROBE));
    const attempt = ([key]: readonly [string, unknown]) => Number(key.slice(PROBE.length));
    const newest = probes.sort((a, b) => attempt(b) - attempt(a))[0];
    return (newest?.[1] ?? null) as Stored["source"];
  }

  /** Where the source goes on. */
  sourceCursor(cursor: JsonValue | null): JsonValue | null {
    const stored = storedOf(cursor);
    return stored ? stored.at : cursor;
  }

  /** What of a page is stored. */
  page(page: Page): Page {
    if (!isFollowing(this.#step)) return page;
    const kept = this.#increment?.filter(page) ?? page;
    const increment = this.#increment?.state() ?? null;
    const stored: Stored = { spine_fetch: 1, at: page.cursor, increment, source: this.#source };
    return { ...kept, cursor: stored };
  }

  /** Looks at all rows of a dataset of which an earlier attempt has stored a part. */
  async lookAt(ref: DatasetRef): Promise<void> {
    if (!this.#increment) return;
    const { datasets, context } = this.#scope;
    for await (const { rows } of datasets.read(ref.dataset, { signal: context.signal })) {
      this.#increment.look(rows);
    }
  }

  /** How far its rows have come, where nobody can look at them again later; null where that is too much to be kept. */
  progress(): JsonValue | null {
    return this.#increment ? this.#increment.progress() : true;
  }

  /** Goes on where `progress` was told. */
  goOn(progress: JsonValue): void {
    if (progress !== true) this.#increment?.goOn(progress);
  }

  /** What of its source it covers, where it follows a field. */
  range(): Pick<DatasetRef, "incremental"> {
    return this.#increment ? { incremental: this.#increment.range() } : {};
  }

  /** How far it has come, for the end of the run. */
  cursors(): readonly CursorAttachment[] {
    const rows = this.#increment?.cursor() ?? null;
    const source = this.#source;
    return [
      ...(rows ? [rows] : []),
      ...(source && this.#step.unchanged === "end"
        ? [
            {
              kind: "cursor" as const,
              name: this.#sourceName,
              // Of two runs the one that was started later has the word: marks of sources have no order.
              position: this.#scope.context.runId,
              value: JSON.stringify(source),
              resets: this.#known?.resets ?? 0,
            },
          ]
        : []),
    ];
  }
}

function isFollowing(step: Follows): boolean {
  return Boolean(step.incremental) || step.unchanged === "end";
}

function cursorName(step: Follows, { context, path }: StepScope, of: CursorOf): CursorName {
  const scope: unknown = step.scope?.(context) ?? "";
  if (typeof scope === "string" && scope.length <= LONGEST_SCOPE) {
    return { workflow: context.workflow, step: path, scope, of };
  }
  throw new SpineError(
    "WORKFLOW_INVALID",
    `The scope of step "${step.name}" is ${typeof scope === "string" ? `${scope.length} characters long` : `a ${typeof scope}`}; it must be a text of at most ${LONGEST_SCOPE}.`,
  );
}

function storedOf(cursor: JsonValue | null): Stored | null {
  if (typeof cursor !== "object" || cursor === null || !("spine_fetch" in cursor)) return null;
  return cursor as unknown as Stored;
}

/** Another request is about something else, whatever it is recognised by. */
function requestHash(request: unknown, step: string): string {
  const text = encodeJson(request ?? null, `the request of step "${step}"`);
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(text) as JsonValue))
    .digest("hex")
    .slice(0, 32);
}
