import type { QualityStep, Step } from "../workflow/step.ts";
import { everyStep, innerSteps, parentOf, pathIn } from "../workflow/step-paths.ts";
import type { Draft } from "./draft.ts";

/** What the rows of a step come from. */
interface Origin {
  /** The paths of fetches. */
  readonly fetches: readonly string[];
  /** True when a step that they were to come through has failed. */
  readonly isBroken: boolean;
}
type Origins = Map<string, Origin>;

/**
 * Whether a step was to happen at all. `left`: somebody decided that it is not to (a `when`); `other`: another case was chosen in its
 * place.
 */
type Turn = "due" | "left" | "other";

const NOWHERE: Origin = { fetches: [], isBroken: false };

/**
 * The fetches of a run that is about to be completed whose marks stay where they are, because what they read was not loaded: a load
 * of their rows has failed and that was taken, or did not come to its turn, or none was done. Those that nothing loads are not
 * among them.
 *
 * @param fetches those that have marks to move
 */
export function heldMarks(draft: Draft, fetches: readonly string[]): ReadonlySet<string> {
  if (fetches.length === 0 || ![...everyStep(draft.workflow.steps)].some(isLoading)) return new Set();
  const loads = new Loads(draft, fetches);
  loads.readList(null, draft.workflow.steps, new Map(), "due");
  return new Set(fetches.filter((path) => loads.holds(path)));
}

function isLoading({ kind }: Step): boolean {
  return kind === "load" || kind === "ingest";
}

class Loads {
  readonly #draft: Draft;
  readonly #fetches: readonly string[];
  /** Fetches that some load reads; of these, those with one that was done, and with one that should have been. */
  readonly #read = new Set<string>();
  readonly #loaded = new Set<string>();
  readonly #lost = new Set<string>();
  /** Steps of the workflow's own list that are skipped because one before them ended the run. */
  readonly #endedBefore: ReadonlySet<string>;
  /** Steps inside of which something is known. */
  readonly #around: ReadonlySet<string>;

  constructor(draft: Draft, fetches: readonly string[]) {
    this.#draft = draft;
    this.#fetches = fetches;
    this.#endedBefore = new Set(draft.skipped.map(({ name }) => name));
    this.#around = allAround([...draft.before.steps.keys(), ...draft.steps.keys()]);
  }

  holds(fetch: string): boolean {
    if (!this.#read.has(fetch)) return false;
    if (this.#lost.has(fetch)) return true;
    // Without rows there is nothing that anybody would miss.
    return !this.#loaded.has(fetch) && this.#rowsOf(fetch) > 0;
  }

  /** Steps one after another; the origin of the last one's rows. */
  readList(around: string | null, steps: readonly Step[], outer: Origins, turn: Turn): Origin {
    const origins: Origins = new Map(outer);
    let last = NOWHERE;
    for (const step of steps) {
      last = this.#readStep(pathIn(around, step.name), step, origins, turn);
      origins.set(step.name, last);
    }
    return last;
  }

  #readStep(path: string, step: Step, origins: Origins, around: Turn): Origin {
    const { status } = this.#draft.step(path);
    const isLeft = status === "SKIPPED" && !this.#endedBefore.has(path);
    const turn: Turn = around === "due" && isLeft ? "left" : around;
    const fails = status !== "COMPLETED" && turn === "due";
    const through = ({ fetches, isBroken }: Origin): Origin => ({ fetches, isBroken: isBroken || fails });
    switch (step.kind) {
      case "fetch":
        return { fetches: [path], isBroken: fails };
      case "transform":
        return through(origins.get(step.from) ?? NOWHERE);
      case "quality":
        return this.#judge(step, origins, fails);
      case "ingest":
        this.#load({ fetches: [path], isBroken: false }, status === "COMPLETED", turn);
        return NOWHERE;
      case "load":
        this.#load(origins.get(step.from) ?? NOWHERE, status === "COMPLETED", turn);
        return NOWHERE;
      case "lambda":
        // What code returns may be any dataset that it sees.
        return through({ fetches: [...origins.values()].flatMap((one) => one.fetches), isBroken: false });
      default:
        return this.#readInside(path, step, origins, turn);
    }
  }

  #readInside(path: string, step: Step, origins: Origins, turn: Turn): Origin {
    if (step.kind === "sequence") return this.readList(path, step.steps, origins, turn);
    const { status, plan } = this.#draft.step(path);
    if (status === "COMPLETED" && !this.#around.has(path)) return this.#readKept(path, step);
    if (step.kind === "map") {
      // Before the list is known, one item stands for all.
      for (const key of plan?.keys ?? (turn === "due" ? ["?"] : []))
        this.#readStep(pathIn(path, key), step.each, origins, turn);
      return NOWHERE;
    }
    let chosen = NOWHERE;
    for (const inner of innerSteps(step)) {
      const isOther = step.kind === "choice" && plan?.case !== undefined && plan.case !== inner.name;
      const origin = this.#readStep(pathIn(path, inner.name), inner, origins, isOther ? "other" : turn);
      if (step.kind === "choice" && !isOther) chosen = origin;
    }
    return chosen;
  }

  /** A step that the run has from the one that it repeats; nothing is known of what is inside of it, but that it was taken for done. */
  #readKept(path: string, step: Step): Origin {
    const inside = [...everyStep(innerSteps(step))];
    const fetches = this.#fetches.filter((fetch) => fetch.startsWith(`${path}/`));
    if (inside.some(isLoading)) {
      const takesFailures = [step, ...inside].some(
        (each) => each.onError === "continue" || ("collect" in each && each.collect),
      );
      this.#load({ fetches, isBroken: false }, !takesFailures, "due");
    }
    return { fetches, isBroken: false };
  }

  #load({ fetches, isBroken }: Origin, isDone: boolean, turn: Turn): void {
    for (const fetch of fetches) {
      this.#read.add(fetch);
      if (isDone) this.#loaded.add(fetch);
      // Who leaves a load out because what it needs has failed has not decided against its rows.
      else if (turn === "due" || (turn === "left" && isBroken)) this.#lost.add(fetch);
    }
  }

  /** Rows that were not found to be good, or of which that is not known. */
  #judge({ on }: QualityStep, origins: Origins, fails: boolean): Origin {
    const origin = origins.get(on);
    if (fails && origin) origins.set(on, { ...origin, isBroken: true });
    return NOWHERE;
  }

  #rowsOf(fetch: string): number {
    const { outputs, before } = this.#draft;
    const output = fetch.includes("/")
      ? this.#draft.step(fetch).output
      : (outputs[fetch] ?? before.outputs[fetch]);
    const { rows } = (output ?? {}) as { readonly rows?: unknown };
    return typeof rows === "number" ? rows : 0;
  }
}

/** What is around steps, at any depth. */
function allAround(paths: readonly string[]): ReadonlySet<string> {
  const around = new Set<string>();
  for (const path of paths) {
    for (let one = parentOf(path); one !== null && !around.has(one); one = parentOf(one)) around.add(one);
  }
  return around;
}
