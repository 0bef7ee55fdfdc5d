const NAMES = [
  "migrations",
  "workflow_runs",
  "run_tags",
  "workflow_step_runs",
  "step_checkpoints",
  "run_events",
  "signals",
  "workers",
  "queues",
  "queue_starts",
  "datasets",
  "dataset_chunks",
  "rejects",
  "loads",
  "partitions",
  "cursors",
  "quality_results",
  "alerts",
  "alert_groups",
  "alert_deliveries",
  "alert_silences",
  "alert_watches",
  "run_logs",
  "step_progress",
  "rate_budgets",
  "work_manifest",
  "schedules",
  "schedule_ticks",
] as const;

/** The names of Spine's own tables as they stand in SQL. */
export type StateTables = Readonly<Record<(typeof NAMES)[number], string>> & {
  /** Put before the names of tables and indexes. */
  readonly prefix: string;
};

/** Spine's own tables under a prefix, which makes room for two Spines, or other tables, in one file. */
export function stateTables(prefix: string): StateTables {
  const names = Object.fromEntries(NAMES.map((name) => [name, `${prefix}${name}`]));
  return { ...(names as Readonly<Record<(typeof NAMES)[number], string>>), prefix };
}
