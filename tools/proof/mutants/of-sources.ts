import type { Mutant } from "../mutant.ts";

const HTTP = "packages/spine-adapters/src/sources/http";
const NET = "packages/spine-adapters/src/net";
const HOSTILE = `${HTTP}/http-hostile.test.ts`;
const ENGINE = "packages/spine-adapters/src/engine-http.test.ts";
const CUT = {
  file: HOSTILE,
  test: ["pages", "cut by size and by rows: it goes on behind what came, and a short page is not the end"],
};
const CORPUS = {
  file: `${NET}/guarded-request.test.ts`,
  test: ["no way to write it leads to an address that is not of the open internet"],
};

/** Guarantees of what is read from other services. */
export const MUTANTS_OF_SOURCES: readonly Mutant[] = [
  {
    name: "http-offset-by-limit",
    breaks:
      "the next page begins behind the rows that were asked for: those that a short page left out are lost",
    changes: [
      {
        file: `${HTTP}/pagers.ts`,
        find: "Number(place) + records",
        replace: "Number(place) + Math.max(limit, records)",
      },
    ],
    caughtBy: CUT,
    says: "The pages end after",
    quick: false,
  },
  {
    name: "http-short-page-is-the-end",
    breaks: "a page that is shorter than its limit is taken for the last one",
    changes: [
      {
        file: `${HTTP}/pagers.ts`,
        find: "total === null ? records === 0 : received >= total;\n      return isEnd ? undefined : Number(place) + records",
        replace: "records < limit;\n      return isEnd ? undefined : Number(place) + records",
      },
    ],
    caughtBy: CUT,
    says: "The pages end after",
    quick: false,
  },
  {
    name: "http-total-unchecked",
    breaks: "pages that end before the total are taken for the whole",
    changes: [
      {
        file: `${HTTP}/advance-cursor.ts`,
        find: "if (total !== null && received < total) throw tooFew(received, total);",
        replace: "",
      },
    ],
    caughtBy: {
      file: HOSTILE,
      test: ["pages", "that end before the total, or bring more than it, are errors"],
    },
    says: "resolved",
    quick: false,
  },
  {
    name: "http-total-may-change",
    breaks: "pages of two states of a service become one dataset",
    changes: [
      {
        file: `${HTTP}/advance-cursor.ts`,
        find: "at.total !== null && said !== at.total",
        replace: "at.total !== null && said < 0",
      },
    ],
    caughtBy: {
      file: HOSTILE,
      test: ["pages", "whose total changes while they are read are not one dataset"],
    },
    says: "resolved",
    quick: false,
  },
  {
    name: "http-resume-without-keys",
    breaks: "a resumed fetch takes rows twice when the order changed meanwhile",
    changes: [
      {
        file: `${HTTP}/http-source.ts`,
        find: "new KeySample(rules.key, at.keys ?? null)",
        replace: "new KeySample(rules.key, null)",
      },
    ],
    caughtBy: { file: HOSTILE, test: ["a resume", "notices another total, and rows in another order"] },
    says: "instead of rejecting",
    quick: false,
  },
  {
    name: "http-cut-body-is-whole",
    breaks: "a body whose connection ended is taken for the whole",
    changes: [
      {
        file: `${HTTP}/decoded-body.ts`,
        find: ".catch(asTruncated);",
        replace: ".catch(() => ({ done: true, value: undefined }) as const);",
      },
    ],
    caughtBy: {
      file: HOSTILE,
      test: [
        "bodies",
        "jsonl with a length: cut at any byte it is an error, and whole only when it is whole",
      ],
    },
    says: "to be true",
    quick: false,
  },
  {
    name: "http-bomb-without-ratio",
    breaks: "a small body that becomes large fills the memory",
    changes: [
      {
        file: `${HTTP}/decoded-body.ts`,
        find: "unpacked > decoder.bytesWritten * limits.maxRatio",
        replace: "unpacked < 0",
      },
    ],
    caughtBy: {
      file: `${HTTP}/http-limits.timed.test.ts`,
      test: [
        "what becomes large when it is unpacked",
        "128 MiB of br as json are refused, and take no memory",
      ],
    },
    says: "less than or equal to 32",
    quick: false,
  },
  {
    name: "net-names-unchecked",
    breaks: "a name that leads to this machine is connected to",
    changes: [
      {
        file: `${NET}/guarded-agent.ts`,
        find: "for (const { address } of addresses) checkAddress(address, hostname, rules);",
        replace: "",
      },
    ],
    caughtBy: CORPUS,
    says: "expected",
    quick: false,
  },
  {
    name: "net-literals-unchecked",
    breaks: "an address that stands in a URL is connected to, whatever it is",
    changes: [
      {
        file: `${NET}/net-rules.ts`,
        find: "if (isIP(bareHost(hostname)) !== 0) checkAddress(bareHost(hostname), hostname, rules);",
        replace: "",
      },
    ],
    caughtBy: CORPUS,
    says: "expected",
    quick: false,
  },
  {
    name: "net-redirects-unchecked",
    breaks: "credentials go along to where a redirect leads",
    changes: [
      {
        file: `${NET}/guarded-request.ts`,
        find: "if (next.origin !== url.origin) {",
        replace: "if (url.port === next.host) {",
      },
    ],
    caughtBy: {
      file: `${NET}/guarded-request.test.ts`,
      test: ["redirects", "keep the headers within an origin, and nothing that is secret across origins"],
    },
    says: "canary",
    quick: false,
  },
  {
    name: "http-secret-in-cursor",
    breaks: "a link that repeats the key is stored with it",
    changes: [
      {
        file: `${HTTP}/secret-places.ts`,
        find: "link.searchParams.delete(name)",
        replace: "link.searchParams.size",
      },
      {
        file: `${HTTP}/secret-places.ts`,
        find: "if (!secrets.some(({ value }) => value.length >= SHORTEST && text.includes(value)))",
        replace: "if (text.length >= SHORTEST)",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: ["SQLite", "secrets of parameters stand in no error, cursor or log, whoever repeats them"],
    },
    says: "canary",
    quick: false,
  },
  {
    name: "changed-source-kept",
    breaks: "what was stored of a source that changed is kept, and the next attempt goes on behind it",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/read-pages.ts",
        find: "if (isChange(error)) await datasets.open(writer, { fresh: true });",
        replace: "if (isChange(error)) await datasets.open(writer);",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "SQLite",
        "a total that changes while it is read is read again from its start, and nothing of the first time is left",
      ],
    },
    says: "to deeply equal [ +0, 10, 20, 30, +0, 10",
    quick: false,
  },
  {
    name: "budget-wait-is-a-failure",
    breaks: "a step that waits for its budget a few times fails",
    changes: [
      {
        file: "packages/spine-core/src/errors.ts",
        find: '["WORKER_LOST", "RATE_BUDGET_USED"]',
        replace: '["WORKER_LOST"]',
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: ["SQLite", "a budget that is used up is waited for as often as it takes, and is no failure"],
    },
    says: "FAILED",
    quick: false,
  },
  {
    name: "budget-waits-take-places-sqlite",
    breaks: "whoever is sent away keeps his place: each return pushes the next one further away",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sqlite/sqlite-rate-budgets.ts",
        find: "CASE WHEN paid_until_ms - ?4 - ?2 <= ?5 THEN max(paid_until_ms, ?2) + ?3 ELSE paid_until_ms END",
        replace: "max(paid_until_ms, ?2) + ?3 + 0 * ?5",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/history/sqlite/sqlite-rate-budgets.test.ts",
      test: ["rate budgets: SQLite in a file", "takes nothing where the wait is too long"],
    },
    says: "2000",
    quick: false,
  },
];
