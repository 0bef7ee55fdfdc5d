// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const ALERTS = "packages/spine-core/src/alerts";
const ALERTING = "packages/spine-core/src/alerting";
const ENGINE = "packages/spine-adapters/src/engine-alerts.test.ts";
const NOTIFY = "packages/spine-core/src/alerts/notify.test.ts";
const STORE = "packages/spine-adapters/src/history/sql-notification-store.test.ts";
const CHANNELS = "packages/spine-adapters/src/alerts/alert-channels.test.ts";

/** Guarantees of alerts: raised with the failure, told as often as people want, delivered, and never more than text. */
export const MUTANTS_OF_ALERTS: readonly Mutant[] = [
  {
    name: "failed-run-without-alert",
    breaks: "a run fails, and its commit holds no alert",
    changes: [
      {
        file: "packages/spine-core/src/runner/history-durable.ts",
        find: "const transition = alerting(given);",
        replace: "const transition = given;\n    void alerting;",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: ["alerts on SQLite", "the alert of a failure commits with it, by whatever way the run fails"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "suppressed-not-counted",
    breaks: "what was raised while nobody was told is never told",
    changes: [
      {
        file: `${ALERTS}/notify.ts`,
        find: "suppressed: untold + group.beyond,",
        replace: "suppressed: 0 * untold,",
      },
    ],
    caughtBy: {
      file: NOTIFY,
      test: [
        "when a group is told",
        "what is raised again and again is told at ever longer intervals, with the count of what was not told",
      ],
    },
    says: "expected 1 to be 556",
    quick: false,
  },
  {
    name: "end-not-told",
    breaks: "people hear that something is wrong, and never that it is over",
    changes: [
      {
        file: `${ALERTS}/notify.ts`,
        find: 'else if (over.length > 0) reason = open.length === 0 ? "RESOLVED" : "SOME_RESOLVED";',
        replace: "",
      },
    ],
    caughtBy: {
      file: NOTIFY,
      test: [
        "when a group is told",
        "after the wait, then again when more of it fires, in part when a part is over, and at its end",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "success-ends-nothing",
    breaks: "a run that completes does not end the alert of the failure before it",
    changes: [
      {
        file: `${ALERTING}/look-at-groups.ts`,
        find: "if (isAbout && isAfter) next = resolveIn(next, alert.fingerprint, at);",
        replace: "void isAbout;\n      void isAfter;\n      void resolveIn;",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "alerts on SQLite",
        "routes by what an alert says, and a run that completes ends only alerts of its partition",
      ],
    },
    says: "expected false to be true",
    quick: false,
  },
  {
    name: "lease-ignored",
    breaks: "a process whose lease is over says what became of another one's delivery",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sql-notification-store.ts",
        find: "WHERE delivery_id = ${deliveryId} AND lease = ${lease} AND status = 'PENDING'`",
        replace:
          "WHERE delivery_id = ${deliveryId} AND coalesce(lease, '') <> ${lease + '-'} AND status = 'PENDING'`",
      },
    ],
    caughtBy: {
      file: STORE,
      test: [
        "notification store: SQLite in memory",
        "a delivery is in the hands of one, until its lease is over or it has ended",
      ],
    },
    says: "expected true to be false",
    quick: false,
  },
  {
    name: "end-before-beginning",
    breaks: "a channel is told that something is over before it is told that it is there",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sql-notification-store.ts",
        find: "AND e.group_id = d.group_id AND e.delivery_id < d.delivery_id)",
        replace: "AND e.group_id = d.group_id AND e.delivery_id < d.delivery_id AND false)",
      },
    ],
    caughtBy: {
      file: STORE,
      test: [
        "notification store: SQLite in memory",
        "of one group the oldest that is not delivered goes first",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "retry-after-ignored",
    breaks: "another side that asks to be left alone is asked again at once",
    changes: [
      {
        file: `${ALERTING}/deliver.ts`,
        find: "retryInMs: Math.max(asked, pauseAfter(attempt))",
        replace: "retryInMs: Math.min(asked, pauseAfter(attempt))",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "alerts on SQLite",
        "a failed delivery is tried again when the other side says, and given up with its reason",
      ],
    },
    says: "to have a length of 1",
    quick: false,
  },
  {
    name: "slack-not-escaped",
    breaks: "what stands in an alert calls a whole channel",
    changes: [
      {
        file: "packages/spine-adapters/src/alerts/slack.ts",
        find: '.replaceAll("<", "&lt;")',
        replace: "",
      },
    ],
    caughtBy: {
      file: CHANNELS,
      test: ["alert channel: slack", "no text of an alert is more than text"],
    },
    says: "a mention",
    quick: false,
  },
  {
    name: "line-ends-in-a-log",
    breaks: "what stands in an alert begins a line of its own",
    changes: [
      {
        file: "packages/spine-adapters/src/alerts/console-channel.ts",
        find: "json.replace(UNSAFE,",
        replace: "json.replace(/(?!)/g,",
      },
    ],
    caughtBy: {
      file: CHANNELS,
      test: ["alert channel: console", "no text of an alert is more than text"],
    },
    says: "another line",
    quick: false,
  },
];
