// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const FINRA = "packages/spine-finra/src";
const SOURCE = (test: string) => ({ file: `${FINRA}/finra-otc.test.ts`, test: ["finraOtc", test] });

/** Guarantees of FINRA's Query API as a source: a week is read whole and of one piece, or not at all. */
export const MUTANTS_OF_FINRA: readonly Mutant[] = [
  {
    name: "finra-joint-unchecked",
    breaks: "rows that moved between two pages are lost, and nobody notices",
    changes: [
      {
        file: `${FINRA}/finra-otc.ts`,
        find: "position !== null && keyOf(first) !== position.last",
        replace: "position !== null && keyOf(first) === undefined",
      },
    ],
    caughtBy: SOURCE(
      "restated while it is read, it is SOURCE_CHANGED or read as it is now: a row more and one less",
    ),
    says: "expected",
    quick: false,
  },
  {
    name: "finra-doubled-row",
    breaks: "a row that comes twice is taken twice, in place of one that never came",
    changes: [
      {
        file: `${FINRA}/finra-otc.ts`,
        find: "if (seen.has(key)) throw",
        replace: "if (key === undefined) throw",
      },
    ],
    caughtBy: SOURCE("is SOURCE_CHANGED when a row comes twice"),
    says: "SpineError",
    quick: false,
  },
  {
    name: "finra-restatement-unchecked",
    breaks:
      "a week that is restated while it is read is loaded with old numbers in its first pages and new ones in its last",
    changes: [
      {
        file: `${FINRA}/finra-otc.ts`,
        find: "if (found.rows === restated.rows && found.sum === restated.sum) return;",
        replace: "if (found.sum !== -1) return;",
      },
    ],
    caughtBy: SOURCE("restated while it is read, it is SOURCE_CHANGED or read as it is now: other numbers"),
    says: "expected",
    quick: false,
  },
  {
    name: "finra-filters-unchecked",
    breaks:
      "the first page of everything, which is what a service gives that ignores filters, is taken for a week",
    changes: [
      {
        file: `${FINRA}/finra-otc.ts`,
        find: "if (found.every((value, index) => value === asked[index])) return;",
        replace: "if (found.length > 0) return;",
      },
    ],
    caughtBy: SOURCE("takes nothing from a service that does not heed the filters"),
    says: "SOURCE_MALFORMED",
    quick: false,
  },
  {
    name: "finra-total-unchecked",
    breaks: "a week that grows while it is read is taken as if it had not",
    changes: [
      {
        file: `${FINRA}/week-query.ts`,
        find: "if (before !== null && total !== before.total) {",
        replace: "if (before !== null && total === -1) {",
      },
    ],
    caughtBy: SOURCE("is SOURCE_CHANGED when the total changes"),
    says: "SpineError",
    quick: false,
  },
  {
    name: "finra-invented-fallback",
    breaks: "a run that asks for FINRA's data is given whatever service there is, invented data too",
    changes: [
      {
        file: `${FINRA}/week-source.ts`,
        find: "const service = known.get(source);",
        replace: "const service = known.get(source) ?? [...known.values()][0];",
      },
    ],
    caughtBy: {
      file: `${FINRA}/ingest-from-query-api.test.ts`,
      test: ["never takes one source for another: a run that names one which is not set up fails"],
    },
    says: "FAILED",
    quick: false,
  },
  {
    name: "finra-rounded-figures",
    breaks: "the chart's table writes a quantity as a double holds it, not as it was reported",
    changes: [
      {
        file: `${FINRA}/react/trade-activity-chart.tsx`,
        find: 'format: (_, index) => exact(points[index]?.shares ?? ""),',
        replace: "format: (value) => exact(String(value)),",
      },
    ],
    caughtBy: {
      file: `${FINRA}/react/trade-activity-chart.test.tsx`,
      test: [
        "a server draws all of it: bars, line, exact figures from the first week to the last, whose data they are",
      ],
    },
    says: "7,007,199,254,740,993.000001",
    quick: false,
  },
];
