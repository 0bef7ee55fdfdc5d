import type { Mutant } from "./mutant.ts";
import { MUTANTS_OF_ALERTS } from "./mutants/of-alerts.ts";
import { MUTANTS_OF_DATA } from "./mutants/of-data.ts";
import { MUTANTS_OF_FILES } from "./mutants/of-files.ts";
import { MUTANTS_OF_FINRA } from "./mutants/of-finra.ts";
import { MUTANTS_OF_HTTP } from "./mutants/of-http.ts";
import { MUTANTS_OF_INGEST } from "./mutants/of-ingest.ts";
import { MUTANTS_OF_KINDS } from "./mutants/of-kinds.ts";
import { MUTANTS_OF_LOADS } from "./mutants/of-loads.ts";
import { MUTANTS_OF_PARTITIONS } from "./mutants/of-partitions.ts";
import { MUTANTS_OF_PROCESSES } from "./mutants/of-processes.ts";
import { MUTANTS_OF_QUALITY } from "./mutants/of-quality.ts";
import { MUTANTS_OF_REACT } from "./mutants/of-react.ts";
import { MUTANTS_OF_REJECTS } from "./mutants/of-rejects.ts";
import { MUTANTS_OF_RUNS } from "./mutants/of-runs.ts";
import { MUTANTS_OF_SCHEDULES } from "./mutants/of-schedules.ts";
import { MUTANTS_OF_SOURCES } from "./mutants/of-sources.ts";
import { MUTANTS_OF_TELEMETRY } from "./mutants/of-telemetry.ts";

/** Each guarantee, broken in one place. */
export const MUTANTS: readonly Mutant[] = [
  ...MUTANTS_OF_RUNS,
  ...MUTANTS_OF_KINDS,
  ...MUTANTS_OF_PROCESSES,
  ...MUTANTS_OF_TELEMETRY,
  ...MUTANTS_OF_DATA,
  ...MUTANTS_OF_LOADS,
  ...MUTANTS_OF_REJECTS,
  ...MUTANTS_OF_INGEST,
  ...MUTANTS_OF_PARTITIONS,
  ...MUTANTS_OF_QUALITY,
  ...MUTANTS_OF_SCHEDULES,
  ...MUTANTS_OF_ALERTS,
  ...MUTANTS_OF_SOURCES,
  ...MUTANTS_OF_FILES,
  ...MUTANTS_OF_FINRA,
  ...MUTANTS_OF_HTTP,
  ...MUTANTS_OF_REACT,
];
