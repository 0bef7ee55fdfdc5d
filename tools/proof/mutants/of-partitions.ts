import type { Mutant } from "../mutant.ts";

const PARTITIONS = "packages/spine-core/src/partitions";
const STEPS = "packages/spine-core/src/runner/steps";
const ADAPTERS = "packages/spine-adapters/src";
const BACKFILL = `${ADAPTERS}/engine-backfill.test.ts`;
const LINEAGE = `${ADAPTERS}/engine-lineage.test.ts`;

/** Guarantees of partitions, backfills and lineage. */
export const MUTANTS_OF_PARTITIONS: readonly Mutant[] = [
  {
    name: "backfill-does-again",
    breaks: "a partition that was loaded since the backfill was started is loaded once more",
    changes: [
      {
        file: `${PARTITIONS}/backfill-flow.ts`,
        find: 'return loaded && (load === "missing" || loaded.loadId !== was) ? null : "load";',
        replace: 'return loaded && loaded.loadId === was && load === "none" ? null : "load";',
      },
    ],
    caughtBy: {
      file: BACKFILL,
      test: ["SQLite", "skips what is loaded, unless it is forced; a list is taken as it is"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "backfill-of-other-partitions",
    breaks: "a backfill starts runs that load other partitions than it was to fill",
    changes: [
      {
        file: `${PARTITIONS}/backfill.ts`,
        find: "if (partition !== null && partitionKey(partition) === key) return;",
        replace: "if (partition !== null) return;",
      },
    ],
    caughtBy: {
      file: BACKFILL,
      test: ["SQLite", "refuses runs of other partitions, and says when a run has loaded nothing"],
    },
    says: "promise resolved",
    quick: false,
  },
  {
    name: "backfill-takes-a-run-at-its-word",
    breaks: "a run that is COMPLETED and has loaded nothing into its partition counts as LOADED",
    changes: [
      {
        file: `${PARTITIONS}/backfill-flow.ts`,
        find: "if (loaded) return { runId: loaded.runId };",
        replace: 'return { runId: loaded?.runId ?? "none" };',
      },
    ],
    caughtBy: {
      file: BACKFILL,
      test: ["SQLite", "refuses runs of other partitions, and says when a run has loaded nothing"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "oldest-run-of-a-partition",
    breaks: "a partition whose newest run failed is said to be READY, or the other way round",
    changes: [
      {
        file: `${ADAPTERS}/history/sqlite/sqlite-partition-store.ts`,
        find: "ORDER BY n.run_id DESC LIMIT 1",
        replace: "ORDER BY n.run_id LIMIT 1",
      },
    ],
    caughtBy: {
      file: `${ADAPTERS}/history/partition-stores.test.ts`,
      test: [
        "partition store: SQLite",
        "says what is loaded and which run is the newest, in the order that was asked for",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "window-begins-anew",
    breaks: "a window of the grid shows again what the window before it has shown",
    changes: [
      {
        file: `${PARTITIONS}/partitions.ts`,
        find: "let isBehind = place === undefined;",
        replace: "let isBehind = true;",
      },
    ],
    caughtBy: {
      file: `${ADAPTERS}/engine-partitions.test.ts`,
      test: [
        "SQLite",
        "windows follow each other without a gap, whatever is between them, and refuse another's place",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "transform-forgets-what-it-read",
    breaks: "nobody can say which file a row came from",
    changes: [
      {
        file: `${STEPS}/transform-step.ts`,
        find: "{ madeOf: input.dataset }",
        replace: "{}",
      },
    ],
    caughtBy: {
      file: LINEAGE,
      test: ["SQLite", "a row leads to its run, and through the datasets to the file that it was read from"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "driven-again-is-all-there-is",
    breaks: "after rows were driven again, a file whose rows are in the partition still counts as replaced",
    changes: [
      {
        file: `${STEPS}/load-step.ts`,
        find: "disposition: how.disposition,",
        replace: "disposition: step.disposition,",
      },
    ],
    caughtBy: {
      file: LINEAGE,
      test: [
        "SQLite",
        "rows that were driven again come from their file, and what they were added to has to be done again as ever",
      ],
    },
    says: "to match object",
    quick: false,
  },
];
