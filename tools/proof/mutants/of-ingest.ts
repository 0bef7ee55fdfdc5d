import type { Mutant } from "../mutant.ts";

const STEPS = "packages/spine-core/src/runner/steps";
const INGEST = "packages/spine-adapters/src/engine-ingest.test.ts";
const REDRIVE = "packages/spine-adapters/src/engine-ingest-redrive.test.ts";
const DRIVEN = "a fix of the code: only what was refused, with lines and files, added to the partition";

/** Guarantees of an ingest. */
export const MUTANTS_OF_INGEST: readonly Mutant[] = [
  {
    name: "ingest-forgets-its-checks",
    breaks: "after a crash the checks of an ingest have seen the pages behind it only",
    changes: [
      {
        file: `${STEPS}/ingest-pass.ts`,
        find: "if (checks !== null) this.checks.restore(checks);",
        replace: "",
      },
    ],
    caughtBy: {
      file: INGEST,
      test: [
        "SQLite",
        "after a death at any page it goes on there, and its checks say what they would have said",
      ],
    },
    says: "A row of the input has",
    quick: false,
  },
  {
    name: "ingest-reads-again",
    breaks: "after a crash an ingest begins anew, instead of going on at its page",
    changes: [
      {
        file: `${STEPS}/ingest-step.ts`,
        find: "return await scope.datasets.isStaged(dataset);",
        replace: "return (await scope.datasets.isStaged(dataset)) && false;",
      },
    ],
    caughtBy: {
      file: INGEST,
      test: [
        "SQLite",
        "after a death at any page it goes on there, and its checks say what they would have said",
      ],
    },
    says: "to deeply equal [ +0, 3 ]",
    quick: false,
  },
  {
    name: "ingest-leaves-its-staging-table",
    breaks: "after a verdict of FAIL the staging table stays",
    changes: [
      {
        file: `${STEPS}/ingest-step.ts`,
        find: `        await transaction.dropStaged(ref.dataset);
        return { ...verdict`,
        replace: "        return { ...verdict",
      },
    ],
    caughtBy: {
      file: INGEST,
      test: ["SQLite", "a FAIL leaves the table as it was, and rejects and results stay"],
    },
    says: "expected 1 to be +0",
    quick: false,
  },
  {
    name: "ingest-loads-before-the-verdict",
    breaks: "what the checks of an ingest refuse is loaded all the same",
    changes: [
      {
        file: `${STEPS}/ingest-step.ts`,
        find: "if (verdict.error) {",
        replace: "if (verdict.error && step.name === '') {",
      },
    ],
    caughtBy: {
      file: INGEST,
      test: ["SQLite", "a FAIL leaves the table as it was, and rejects and results stay"],
    },
    says: "DATA_QUALITY",
    quick: false,
  },
  {
    name: "ingest-reads-all-again",
    breaks: "a run that drives the rejects of an ingest again reads its source, and loads what is there",
    changes: [
      {
        file: `${STEPS}/ingest-step.ts`,
        find: "slice ? ingestOf(whole, slice, datasets) : whole",
        replace: "slice && !slice.redriven ? ingestOf(whole, slice, datasets) : whole",
      },
    ],
    caughtBy: { file: REDRIVE, test: ["SQLite", DRIVEN] },
    says: "DATA_QUALITY",
    quick: false,
  },
  {
    name: "ingest-redriven-by-a-run-retried-late",
    breaks:
      "a run that is retried after another has driven its rejects of an ingest again loads them once more",
    changes: [
      {
        file: `${STEPS}/ingest-step.ts`,
        find: "if (ref.redriven) await checkTaken(",
        replace: "if (ref.redriven && step.name === '') await checkTaken(",
      },
    ],
    caughtBy: { file: REDRIVE, test: ["SQLite", DRIVEN] },
    says: "RUN_CONFLICT",
    quick: false,
  },
  {
    name: "staging-table-survives-its-move",
    breaks: "the staging table of an ingest stays for ever once its rows are in the target",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/staging-table.ts",
        find: "  target.connection().script(dropStaging(dataset));\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/databases/sqlite.test.ts",
      test: [
        "database: SQLite in memory",
        "moves what is staged in its order, with its stamp, and drops the staging table",
      ],
    },
    says: "expected true to be false",
    quick: false,
  },
  {
    name: "any-name-in-a-statement",
    breaks: "a table that was made by hand puts what it likes into the statements of a load",
    changes: [
      {
        file: "packages/spine-core/src/data/table.ts",
        find: 'names.every((one) => typeof one === "string" && isColumnName(one)) &&',
        replace: 'names.every((one) => typeof one === "string") &&',
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-load-dispositions.test.ts",
      test: ["names of a corpus are those of no table, column, captures or partition"],
    },
    says: 'AssertionError: a"b',
    quick: false,
  },
];
