import type { ClaimRequest, FirstAttempts } from "../history/history-store.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { firstAdvance } from "./advance.ts";
import { newRun } from "./run-state.ts";

type Known = Pick<ClaimRequest, "workflows" | "pinned"> & {
  readonly first: ReadonlyMap<string, FirstAttempts>;
};

/** The workflows of this process as a claim asks for them. */
export class KnownWorkflows {
  readonly #workflows: Registry<WorkflowData>;
  #known: Known = { workflows: [], first: new Map(), pinned: new Map() };

  constructor(workflows: Registry<WorkflowData>) {
    this.#workflows = workflows;
  }

  /** The same objects as long as the workflows are the same, so that what stores make of them is made once. */
  get known(): Known {
    const names = this.#workflows.names();
    if (names.length === this.#known.workflows.length) return this.#known;
    const all = names.map((name) => this.#workflows.get(name));
    const first = all.flatMap((workflow): readonly [string, FirstAttempts][] => {
      const { name, fingerprint } = workflow;
      const begun = firstAdvance(workflow, newRun(), 0)?.transition.begun;
      return begun ? [[name, { fingerprint, begun }]] : [];
    });
    const pinned = all.filter(({ whenChanged }) => whenChanged === "pin");
    this.#known = {
      workflows: names,
      first: new Map(first),
      pinned: new Map(pinned.map(({ name, fingerprint }) => [name, fingerprint])),
    };
    return this.#known;
  }
}
