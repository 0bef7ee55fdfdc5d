// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const REACT = "packages/spine-react/src";
const POLLING = `${REACT}/live/polling.test.tsx`;
const LIVE = `${REACT}/live/live.test.tsx`;
const HOSTS = `${REACT}/hooks/hosts.test.tsx`;
const HOOKS = `${REACT}/hooks/hooks.test.tsx`;
const ONE_REQUEST = "one request every two seconds for each run, however many components look at it";
const TO_ITS_END =
  "goes on asking while it waits to begin, and asks no more once it has ended; nothing is left behind";
const RARELY =
  "asks more and more rarely while it fails, not before it is told to, and shows what it knows meanwhile";

/** Guarantees of the hooks. */
export const MUTANTS_OF_REACT: readonly Mutant[] = [
  {
    name: "react-stops-before-the-end",
    breaks: "a run that has not begun yet, or waits, is asked about until it has ended",
    changes: [
      {
        file: `${REACT}/live/followed-run.ts`,
        find: "return status === undefined || !isTerminal(status);",
        replace: 'return status === undefined || (status === "RUNNING" && !isTerminal(status));',
      },
    ],
    caughtBy: { file: POLLING, test: [TO_ITS_END] },
    says: "Unable to find an element with the text: COMPLETED off",
    quick: false,
  },
  {
    name: "react-asks-after-the-end",
    breaks: "nothing is asked about a run that has ended",
    changes: [
      {
        file: `${REACT}/live/followed-run.ts`,
        find: "return status === undefined || !isTerminal(status);",
        replace: 'return status === undefined || !isTerminal(status) || status === "COMPLETED";',
      },
    ],
    caughtBy: { file: POLLING, test: [TO_ITS_END] },
    says: "Unable to find an element with the text: COMPLETED off",
    quick: false,
  },
  {
    name: "react-timer-for-each",
    breaks: "components that look at the same run share one request",
    changes: [
      {
        file: `${REACT}/live/followed-runs.ts`,
        find: "this.#runs.get(runId) ?? this.#add(runId, hash)",
        replace: "this.#add(runId, hash)",
      },
      {
        file: `${REACT}/live/followed-runs.ts`,
        find: "if (!run.leave(follower)) return;",
        replace: "if (!run.leave(follower) || this.#runs.get(runId) !== run) return;",
      },
      {
        file: `${REACT}/live/followed-run.ts`,
        find: '(state && state.fetchStatus !== "idle")',
        replace: '(state && state.fetchStatus === "paused")',
      },
    ],
    caughtBy: { file: POLLING, test: [ONE_REQUEST] },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "react-no-back-off",
    breaks: "a server in trouble is asked more and more rarely",
    changes: [
      {
        file: `${REACT}/queries/retry.ts`,
        find: "Math.min(first * 2 ** failures, LONGEST_MS)",
        replace: "Math.min(first + 0 * failures, LONGEST_MS)",
      },
    ],
    caughtBy: { file: POLLING, test: [RARELY] },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "react-no-retry-after",
    breaks: "a server is not asked before it said that it may be",
    changes: [
      {
        file: `${REACT}/queries/retry.ts`,
        find: "(error.retryAfter ?? 0) * 1_000",
        replace: "(error.retryAfter ?? 0) * 0",
      },
    ],
    caughtBy: { file: POLLING, test: [RARELY] },
    says: "to deeply equal []",
    quick: false,
  },
  {
    name: "react-error-flickers",
    breaks: "an error stays on the page while the next look is under way",
    changes: [
      {
        file: `${REACT}/hooks/use-pipeline-status.ts`,
        find: "const shown = error ?? failure;",
        replace: "const shown = error ?? (failure && null);",
      },
    ],
    caughtBy: {
      file: POLLING,
      test: [
        "an error of the first look stays while the next one is under way, and what is refused is not asked again",
      ],
    },
    says: "Unable to find an element with the text: nothing polling (Failed to fetch)",
    quick: false,
  },
  {
    name: "react-forgets-etag",
    breaks: "a status that has not changed is a 304",
    changes: [
      {
        file: `${REACT}/queries/status-query.ts`,
        find: "last.version === before.version",
        replace: "last.version !== before.version",
      },
    ],
    caughtBy: {
      file: POLLING,
      test: ["says what it knows, and renders nothing anew where nothing has changed"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "react-renders-for-nothing",
    breaks: "an answer that says nothing new renders nothing",
    changes: [
      {
        file: `${REACT}/hooks/use-pipeline-status.ts`,
        find: "const { data, error, isPending, isPaused } = useQuery(",
        replace: "const { data, error, isPending, isPaused, dataUpdatedAt: _ } = useQuery(",
      },
    ],
    caughtBy: {
      file: POLLING,
      test: ["says what it knows, and renders nothing anew where nothing has changed"],
    },
    says: "to be",
    quick: false,
  },
  {
    name: "react-asks-while-hidden",
    breaks: "a hidden tab asks nothing",
    changes: [
      {
        file: `${REACT}/live/followed-runs.ts`,
        find: "isWatched: () => focusManager.isFocused(),",
        replace: "isWatched: () => focusManager.isFocused() || true,",
      },
    ],
    caughtBy: { file: POLLING, test: ["asks nothing in a hidden tab, and at once when it is seen again"] },
    says: "Unable to find an element with the text: RUNNING off",
    quick: false,
  },
  {
    name: "react-misses-between-connections",
    breaks: "a connection tells what has happened since the status that is shown",
    changes: [
      {
        file: "packages/spine-http/src/operations/events.ts",
        find: "numbers[index] ?? given.get(run) ?? 0",
        replace: "numbers[index] ?? (given.get(run) === undefined ? 0 : 1_000)",
      },
    ],
    caughtBy: {
      file: LIVE,
      test: ["runs come and go: nothing of the others is missed, and what is over needs no connection"],
    },
    says: "Unable to find an element with the text: run",
    quick: false,
  },
  {
    name: "react-new-key-for-the-same-intent",
    breaks: "what is sent again for want of an answer does nothing twice",
    changes: [
      {
        file: `${REACT}/hooks/use-intent.ts`,
        find: "open.current.get(name) ?? newKey()",
        replace: "(open.current.has(name) ? null : null) ?? newKey()",
      },
    ],
    caughtBy: {
      file: HOOKS,
      test: [
        "what was wanted and got no answer is the same intent at the next click; after an answer it is another one",
      ],
    },
    says: "expected false to be true",
    quick: false,
  },
  {
    name: "react-changes-unseen",
    breaks: "a schedule is changed only as it was looked at",
    changes: [
      {
        file: `${REACT}/hooks/use-schedules.ts`,
        find: '"if-match": `"${schedule.revision}"`',
        replace: '"if-match": schedule.revision === "" ? "" : "*"',
      },
    ],
    caughtBy: {
      file: HOOKS,
      test: ["schedules: made, paused, changed as they were looked at, started, removed"],
    },
    says: "promise resolved",
    quick: false,
  },
  {
    name: "react-believes-clocks",
    breaks: "a run is asked about in time, whatever the clocks of server and browser say",
    changes: [
      {
        file: `${REACT}/live/followed-runs.ts`,
        find: "const staleTime = Number.NEGATIVE_INFINITY;",
        replace: "const staleTime = 0;",
      },
    ],
    caughtBy: {
      file: POLLING,
      test: [
        "asks in time whatever the clocks say: a server that is ahead of the browser, a clock that is set back",
      ],
    },
    says: "to have a length of 1",
    quick: false,
  },
  {
    name: "react-acts-on-another",
    breaks: "an action is done to the run that was shown when it was asked for",
    changes: [
      {
        file: `${REACT}/hooks/use-run-actions.ts`,
        find: "send(client, of, action, options, key)",
        replace: 'send(client, runId ?? "", action, options, key)',
      },
    ],
    caughtBy: {
      file: HOSTS,
      test: [
        "what was asked for of one run, pipeline or table is done to it, also where another one is shown by now",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "react-shows-another",
    breaks:
      "a run is never shown in the place of another one, whatever the host's QueryClient does by default",
    changes: [
      {
        file: `${REACT}/hooks/own-options.ts`,
        find: "placeholderData: () => undefined,",
        replace: "",
      },
    ],
    caughtBy: { file: HOSTS, test: ["a run is never shown in the place of another one"] },
    says: "Unable to find an element with the text: loading polling",
    quick: false,
  },
];
