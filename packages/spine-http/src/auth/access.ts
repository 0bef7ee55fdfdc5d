import {
  type RunDetail,
  type RunFilter,
  type RunPage,
  type RunQuery,
  type RunSummary,
  type Spine,
  toMs,
} from "spine-core";
import { HttpProblem, notFound } from "../problems.ts";
import type { Principal, Scope } from "./auth.ts";
import { holds } from "./permissions.ts";

type Owned = Pick<RunSummary, "workflow" | "tags" | "parentRunId">;

const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Runs above a run; deeper ones are not looked for. */
const DEEPEST = 32;
/** Pages that are looked through for one, where a scope leaves little of them. */
const MOST_PAGES = 20;

/**
 * What a principal may see: the one way from operations to runs and pipelines. What he may not see is answered as what is not there.
 */
export class Access {
  readonly #spine: Spine;
  readonly #principal: Principal;

  constructor(spine: Spine, principal: Principal) {
    this.#spine = spine;
    this.#principal = principal;
  }

  get scope(): Scope | null {
    return this.#principal.scope ?? null;
  }

  /** Whether the principal has a permission. */
  may(permission: string): boolean {
    return holds(this.#principal.permissions, permission);
  }

  /** A run with its attempts. @throws HttpProblem not-found, expired */
  async run(runId: string): Promise<RunDetail> {
    const detail = RUN_ID.test(runId) ? await this.#spine.history.get(runId) : undefined;
    if (!detail) throw this.#missing(runId);
    if (this.scope && !(await this.#isMine(detail.run))) throw notFound(`run ${runId.slice(0, 100)}`);
    return detail;
  }

  /** Sees that the principal may see these runs. @throws HttpProblem not-found, expired */
  async check(...runIds: readonly string[]): Promise<void> {
    if (this.scope) {
      for (const runId of runIds) await this.run(runId);
      return;
    }
    const known = runIds.filter((runId) => RUN_ID.test(runId));
    const found = new Set(
      (known.length > 0 ? await this.#spine.history.glance(known) : []).map(({ runId }) => runId),
    );
    const missing = runIds.find((runId) => !found.has(runId));
    if (missing !== undefined) throw this.#missing(missing);
  }

  /** A pipeline's name, if it is one and the principal may see it. @throws HttpProblem not-found */
  pipeline(name: string): string {
    if (this.#spine.workflows.has(name) && this.seesPipeline(name)) return name;
    throw notFound(`pipeline "${name.slice(0, 100)}"`);
  }

  seesPipeline(name: string): boolean {
    const patterns = this.scope?.pipelines;
    return patterns === undefined || patterns.some((pattern) => fits(pattern, name));
  }

  /** The tags of a run that the principal starts. */
  tagsOf(tags: readonly string[] = []): readonly string[] {
    const own = this.scope?.tag;
    return own === undefined || tags.includes(own) ? tags : [...tags, own];
  }

  /** Whether a run is of the principal's part; of one that was started by another run, whether that is. */
  async sees(runId: string | null): Promise<boolean> {
    if (!this.scope) return true;
    const detail = runId === null ? undefined : await this.#spine.history.get(runId);
    return detail !== undefined && (await this.#isMine(detail.run));
  }

  /**
   * A page of the runs that the principal may see. The scope's tag is looked for by the database; what else it leaves out is left
   * out here, so a page may hold fewer than asked for and still have one behind it.
   */
  async list(query: RunQuery): Promise<RunPage> {
    if (!this.scope) return await this.#spine.history.list(query);
    if (query.parentRunId !== undefined) await this.run(query.parentRunId);
    const { limit = 50, ...rest } = query;
    const items: RunSummary[] = [];
    let cursor = query.cursor ?? null;
    for (let pages = 0; pages < MOST_PAGES && items.length < limit; pages += 1) {
      const page = await this.#spine.history.list({
        ...this.#narrowed(rest),
        limit: limit - items.length,
        ...(cursor === null ? {} : { cursor }),
      });
      items.push(...page.items.filter((run) => this.#keeps(run, query)));
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    return { items, nextCursor: cursor };
  }

  /**
   * The filter that finds only what the principal may see; null where no filter says that.
   */
  filter(filter: RunFilter): RunFilter | null {
    const { scope } = this;
    if (!scope) return filter;
    if (scope.tag !== undefined && filter.tag !== undefined && filter.tag !== scope.tag) return null;
    const narrowed = this.#narrowed(filter);
    if (scope.pipelines === undefined) return narrowed;
    const { workflow } = narrowed;
    return workflow !== undefined && this.seesPipeline(workflow) ? narrowed : null;
  }

  #narrowed<F extends RunFilter>(filter: F): F {
    const { scope } = this;
    // Runs that a run started have no tags of their own; who sees that one sees them.
    const tag = filter.parentRunId === undefined ? scope?.tag : undefined;
    const [only, ...others] = scope?.pipelines ?? [];
    const isOne = only !== undefined && others.length === 0 && !only.endsWith("*");
    return {
      ...filter,
      ...(tag === undefined ? {} : { tag }),
      ...(isOne && filter.workflow === undefined ? { workflow: only } : {}),
    };
  }

  #keeps(run: RunSummary, { tag, parentRunId }: RunQuery): boolean {
    return (
      this.seesPipeline(run.workflow) &&
      (tag === undefined || parentRunId !== undefined || run.tags.includes(tag))
    );
  }

  async #isMine(run: Owned): Promise<boolean> {
    const scope = this.scope ?? {};
    if (!this.seesPipeline(run.workflow)) return false;
    if (scope.tag === undefined) return true;
    let at: Owned = run;
    for (let depth = 0; depth < DEEPEST; depth += 1) {
      if (at.tags.includes(scope.tag)) return true;
      if (at.parentRunId === null) return false;
      const parent = await this.#spine.history.get(at.parentRunId);
      if (!parent) return false;
      at = parent.run;
    }
    return false;
  }

  #missing(runId: string): HttpProblem {
    const { retention } = this.#spine;
    const made = RUN_ID.test(runId)
      ? Number.parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16)
      : Number.NaN;
    // Its id says when it was made: one that is older than what is kept may have been there.
    if (retention && made < Date.now() - toMs(retention.runs)) {
      return new HttpProblem(
        "expired",
        `Run ${runId} is not kept any more: runs are removed some time after their end.`,
      );
    }
    return notFound(`run ${runId.slice(0, 100)}`);
  }
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
