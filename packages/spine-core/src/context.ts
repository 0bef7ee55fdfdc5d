/** Which execution a piece of work belongs to: the same id from the HTTP request to the history and the UI. */
export interface ExecutionContext<Params = unknown> {
  /** The run's id: `execution_id` on the wire, `run_id` in tables. */
  readonly runId: string;
  /** The name of the workflow that runs. */
  readonly workflow: string;
  readonly domain: string | null;
  readonly params: Params;
  readonly partition: Partition | null;
  readonly parentRunId: string | null;
  /** The queue that the run stands in; null for none. */
  readonly queue: string | null;
}

/** A slice of the data, e.g. `{ week: "2025-11-10", tier: "OTCE" }`. */
export type Partition = Readonly<Record<string, string>>;

/** One text for one partition, whatever the order of its members: `tier=OTCE/week=2025-11-10`. */
export function partitionKey(partition: Partition): string {
  return Object.keys(partition)
    .sort()
    .map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(partition[name] ?? "")}`)
    .join("/");
}
