import type { PartitionStore } from "../history/partition-store.ts";
import { Registry } from "../registry.ts";
import { NO_PARTITION, type WorkflowData } from "../workflow/workflow.ts";
import { backfillFlow, backfillOf } from "./backfill-flow.ts";

/**
 * The workflows that a process can run: those that it was given, and for each that has partitions the one which fills them. So whoever can
 * go on with a backfill is whoever knows the workflow of its runs.
 */
export class RunnableWorkflows extends Registry<WorkflowData> {
  readonly #given: Registry<WorkflowData>;
  readonly #partitions: PartitionStore;
  readonly #backfills = new Map<string, WorkflowData>();

  constructor(given: Registry<WorkflowData>, partitions: PartitionStore) {
    super("workflow", "UNKNOWN_WORKFLOW");
    this.#given = given;
    this.#partitions = partitions;
  }

  override add(workflow: WorkflowData): void {
    this.#given.add(workflow);
  }

  override has(name: string): boolean {
    return this.#given.has(name) || this.#backfill(name) !== undefined;
  }

  override get(name: string): WorkflowData {
    return this.#backfill(name) ?? this.#given.get(name);
  }

  override names(): readonly string[] {
    const names = this.#given.names();
    return [...names, ...names.filter((name) => this.#isPartitioned(name)).map(backfillOf)];
  }

  #backfill(name: string): WorkflowData | undefined {
    const known = this.#backfills.get(name);
    if (known) return known;
    const of = this.#given.names().find((given) => backfillOf(given) === name);
    if (of === undefined || !this.#isPartitioned(of)) return undefined;
    const made = backfillFlow(this.#partitions, of);
    this.#backfills.set(name, made);
    return made;
  }

  #isPartitioned(name: string): boolean {
    return this.#given.get(name).partition !== NO_PARTITION;
  }
}
