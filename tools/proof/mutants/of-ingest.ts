import type { Mutant } from "../mutant.ts";

const STEPS = "packages/spine-core/src/runner/steps";
const INGEST = "packages/spine-adapters/src/engine-ingest.test.ts";

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
    says: "A row of the input has the key",
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
];
