// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const POSTGRES = "packages/spine-adapters/src/history/postgres";
const SQLITE = "packages/spine-adapters/src/history/sqlite";
const ENGINE = "packages/spine-core/src/runner";
const WAITS = "packages/spine-adapters/src/engine-waits.test.ts";
const KINDS_CRASHES = "packages/spine-adapters/src/engine-kinds-crashes.slow.test.ts";
const AFTER = "dies after each effect, before its answer: nothing is done twice";
const PROGRAMS = {
  file: `${ENGINE}/random-programs.test.ts`,
  test: ["2000 programs at random end as a model of them says, whatever happens in between"],
};
const EACH_SIGNAL = {
  file: WAITS,
  test: [
    "SQLite",
    "each signal is taken once, in the order in which they came; sent twice with one id, it is one",
  ],
};
const NO_CHILD = "creates none for who does not own the run";

/** Guarantees of steps that are made of others, that wait, that run other workflows, and that are undone. */
export const MUTANTS_OF_KINDS: readonly Mutant[] = [
  {
    name: "wait-without-inbox",
    breaks: "a message that comes while a run decides to wait does not wake it: it sleeps for ever",
    changes: [
      {
        file: `${ENGINE}/advance.ts`,
        find: "awaitsMessages ? { inbox: draft.inbox } : {}",
        replace: "awaitsMessages ? {} : {}",
      },
    ],
    caughtBy: {
      file: WAITS,
      test: ["SQLite", "signals at the very moment at which a run decides to wait: none is lost"],
    },
    says: "timed out",
    quick: false,
  },
  {
    name: "kept-signals-forgotten",
    breaks:
      "of two signals that came at once, the second one does not wake the wait that is behind the first one's",
    changes: [
      {
        file: `${ENGINE}/advance.ts`,
        find: "(before.unread || draft.inbox > 0 || draft.overdue)",
        replace: "(before.unread || draft.overdue)",
      },
    ],
    caughtBy: EACH_SIGNAL,
    says: "timed out",
    quick: false,
  },
  {
    name: "message-before-the-wait-sqlite",
    breaks: "a message that comes while the owner decides to wait is not looked for: the run sleeps on",
    changes: [
      {
        file: `${SQLITE}/history-sql.ts`,
        find: "available_at = iif(inbox > ?, ?, ?)",
        replace: "available_at = iif(inbox > ? + 1000000, ?, ?)",
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-history-store.test.ts`,
      test: [
        "history store: SQLite in a file",
        "does not lose a message that comes while the owner decides to wait",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "signals-not-taken",
    breaks: "two steps that wait for the same signal are both given the first one",
    changes: [
      { file: `${ENGINE}/read-messages.ts`, find: "  draft.taken.push(signal.signalId);\n", replace: "" },
    ],
    caughtBy: EACH_SIGNAL,
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "child-without-fence-sqlite",
    breaks: "a process that has lost a run still starts children of it, beside those of its new owner",
    changes: [
      {
        file: `${SQLITE}/apply-commit.ts`,
        find: "  let update = sql.moveRun;\n",
        replace: "  if (children) createChildren(scope, children);\n  let update = sql.moveRun;\n",
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-history-store.test.ts`,
      test: ["history store: SQLite in a file", NO_CHILD],
    },
    says: "to be undefined",
    quick: false,
  },
  {
    name: "child-without-fence-postgres",
    breaks: "a process that has lost a run still starts children of it, beside those of its new owner",
    changes: [
      {
        file: `${POSTGRES}/flush-sql.ts`,
        find: " JOIN owner o ON c.parent_run_id = o.run_id::text) AS c`",
        replace: ") AS c`",
      },
    ],
    caughtBy: {
      file: `${POSTGRES}/postgres-history-store.test.ts`,
      test: ["history store: Postgres", NO_CHILD],
    },
    says: "to be undefined",
    quick: false,
  },
  {
    name: "cancelled-inside-still-entered",
    breaks: "steps around others go on although the step around them has ended",
    changes: [
      {
        file: `${ENGINE}/begin-step.ts`,
        find: '  for (const [path] of draft.all<number>("entered")) {\n',
        replace: "  for (const [path] of [] as [string][]) {\n",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "retries-of-cancelled-surroundings",
    breaks: "after a pause, a step is tried again inside of a step that has not begun again: twice at a time",
    changes: [
      {
        file: `${ENGINE}/restore.ts`,
        find: "if (isOther || !(isUndo(path) || isReached(workflow, state, path))) dropRetry(state, path);",
        replace: "if (isOther) dropRetry(state, path);",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "timeouts-begin-anew",
    breaks:
      "the time of a step around others is forgotten with the process that it began in: it may never end",
    changes: [
      {
        file: `${ENGINE}/restore.ts`,
        find: "if (endsBy !== undefined) state.limits.set(path, endsBy);",
        replace: "",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "waits-left-behind-by-a-stop",
    breaks:
      "a step around others, of which some only waited when its process was stopped, ends before they do, or never",
    changes: [
      {
        file: `${ENGINE}/restore.ts`,
        find: "if (!isReached(workflow, state, path)) waitAnew(state, path);",
        replace: "",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "plans-asked-again",
    breaks: "a map whose process dies asks for its list again: other items than those that are under way",
    changes: [
      {
        file: `${ENGINE}/restore.ts`,
        find: "const plan = found ?? keptPlan(before, step, path);",
        replace: "const plan = keptPlan(before, step, path);",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "signals-in-time-lost",
    breaks: "a wait whose time is over fails before anybody has read whether its signal came in time",
    changes: [
      {
        file: `${ENGINE}/advance.ts`,
        find: "else if (!read) draft.overdue",
        replace: "else if (!read && draft.now < 0) draft.overdue",
      },
    ],
    caughtBy: PROGRAMS,
    says: "Property failed",
    quick: false,
  },
  {
    name: "undone-again",
    breaks: "whoever takes over a run that is being undone begins to undo from the start",
    changes: [
      {
        file: `${ENGINE}/undo.ts`,
        find: 'return undoing?.status !== "COMPLETED" && !gaveUp;',
        replace: "return !gaveUp;",
      },
      // Either of the two is enough.
      {
        file: `${ENGINE}/restore.ts`,
        find: "      if (isUndo(path)) forget(state, undoneBy(path));\n",
        replace: "",
      },
    ],
    caughtBy: { file: KINDS_CRASHES, test: ["a run that is undone, SQLite", AFTER] },
    says: "RAN_AGAIN",
    quick: false,
  },
  {
    name: "cancelled-without-undo",
    breaks: "a run below a cancelled one is cancelled without being undone",
    changes: [
      {
        file: "packages/spine-adapters/src/history/control-change.ts",
        find: "return run.hasToUndo ? undoing : change;",
        replace: "return change;",
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-history-store.test.ts`,
      test: ["history store: SQLite in a file", "decides for each run by itself whether it is undone first"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "undone-and-remembered",
    breaks: "what a step recorded before it was undone is found when it is done again: it does nothing",
    changes: [
      {
        file: `${ENGINE}/step-checkpoints.ts`,
        find: "return generation === 0 ? key : ",
        replace: "return generation >= 0 ? key : ",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-undo.test.ts",
      test: [
        "SQLite",
        "a retry does what was undone again from nothing, and undoes it again: checkpoints, transactions, children",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "time-over-unread",
    breaks: "a step around others is failed at its time without a look at what came for a step inside of it",
    changes: [
      {
        file: `${ENGINE}/step-timeout.ts`,
        find: "if (!read && awaitsMessage(draft, path)) {",
        replace: "if (!read && draft.failure) {",
      },
    ],
    caughtBy: {
      file: `${ENGINE}/advance.test.ts`,
      test: [
        "timeouts of steps around others",
        "what has come for a step inside is read before the time is over, however late",
      ],
    },
    says: "to match object",
    quick: false,
  },
];
