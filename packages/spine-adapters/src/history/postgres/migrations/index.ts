import { initial } from "./0001-initial.ts";
import { cursors } from "./0002-cursors.ts";
import { rateBudgets } from "./0003-rate-budgets.ts";
import { undo } from "./0004-undo.ts";
import { progress } from "./0005-progress.ts";
import { files } from "./0006-files.ts";
import { rejects } from "./0007-rejects.ts";
import { alerts } from "./0008-alerts.ts";
import { partitions } from "./0009-partitions.ts";
import { schedules } from "./0010-schedules.ts";
import { notifications } from "./0011-notifications.ts";
import { arrivals } from "./0012-arrivals.ts";
import type { PostgresMigration } from "./migration.ts";

/** All migrations of Postgres state databases, in order. */
export const POSTGRES_MIGRATIONS: readonly PostgresMigration[] = [
  initial,
  cursors,
  rateBudgets,
  undo,
  progress,
  files,
  rejects,
  alerts,
  partitions,
  schedules,
  notifications,
  arrivals,
];
