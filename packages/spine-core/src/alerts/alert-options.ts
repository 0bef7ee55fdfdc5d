import {
  aCount,
  aDuration,
  aFunction,
  aList,
  anything,
  aText,
  checkOptions,
  type OptionKinds,
  oneOf,
  required,
} from "../check-options.ts";
import { type Duration, toMs } from "../duration.ts";
import { SpineError } from "../errors.ts";
import { ALERT_SEVERITIES, type AlertChannel, type AlertSeverity } from "./alert.ts";
import type { NotifyPolicy } from "./alert-group.ts";
import { type FailureSeverity, failureSeverity } from "./failure-alert.ts";
import { type AlertMatch, checkMatch } from "./match.ts";

/** Where alerts that match are delivered. The first route that matches counts, unless it says `continue`. */
export interface AlertRoute {
  /** Which alerts; all when left out. */
  readonly match?: AlertMatch;
  /** The names of channels; none: nobody is told. */
  readonly channels: readonly string[];
  /** Go on with the routes behind it as well. */
  readonly continue?: boolean;
  /** The labels whose values alerts have to share to be told together; those of `alerts` when left out. */
  readonly groupBy?: readonly string[];
}

/** While an alert fires that `source` matches, nobody is told of those that `target` matches and that have the same `equal` labels. */
export interface Inhibition {
  readonly source: AlertMatch;
  readonly target: AlertMatch;
  readonly equal?: readonly string[];
}

/** A workflow that is to complete a run at least so often; an alert is raised when it has not. */
export interface ExpectedRun {
  readonly workflow: string | { readonly name: string };
  readonly within: Duration;
  /** ERROR when left out. */
  readonly severity?: AlertSeverity;
}

/** Partitions that are to be loaded once they are due, as `definePartitions` says; an alert is raised for each that is not. */
export interface ExpectedData<Partitions = unknown> {
  readonly partitions: Partitions;
  /** How long after it is due a partition may come; 0 when left out. */
  readonly grace?: Duration;
  /** Only periods that begin from this day on (`YYYY-MM-DD`); all when left out. */
  readonly from?: string;
  /** WARNING when left out. */
  readonly severity?: AlertSeverity;
}

/** What `createSpine({ alerts })` takes. All of it is data, so that a package can ship a part of it. */
export interface AlertOptions<Partitions = unknown> {
  /** How severe it is when a run fails: a rule of the host's own, or false for no alert of that kind; `failureSeverity` when left out. */
  readonly onFailure?: FailureSeverity | false;
  /** Channels beside those of plugins. */
  readonly channels?: readonly AlertChannel[];
  /** In order; when left out, every channel gets every alert. */
  readonly routes?: readonly AlertRoute[];
  /** The labels whose values alerts have to share to be told together; `["pipeline"]` when left out. */
  readonly groupBy?: readonly string[];
  /** How long a group waits for more of it before it is told; 30 s when left out. */
  readonly groupWait?: Duration;
  /** The least time between two notifications of a group; 5 m when left out. */
  readonly groupInterval?: Duration;
  /** After how long a group that goes on firing is told again; 4 h when left out. */
  readonly repeatInterval?: Duration;
  readonly inhibit?: readonly Inhibition[];
  /** What is to happen; an alert says that it did not. */
  readonly expect?: readonly (ExpectedRun | ExpectedData<Partitions>)[];
  /** How long one attempt to deliver may take; 10 s when left out. */
  readonly timeout?: Duration;
  /** How often a delivery is tried before it is given up (DEAD): 20 times over about five hours when left out. */
  readonly maxAttempts?: number;
}

/** The options with all that was left out. @internal */
export interface AlertSettings {
  readonly onFailure: FailureSeverity | false;
  readonly routes: readonly AlertRoute[];
  readonly groupBy: readonly string[];
  readonly policy: NotifyPolicy;
  readonly inhibit: readonly Inhibition[];
  readonly timeoutMs: number;
  readonly maxAttempts: number;
}

const OPTIONS: OptionKinds<AlertOptions> = {
  onFailure: { is: "a function, or false", fits: (value) => value === false || aFunction.fits(value) },
  channels: aList,
  routes: aList,
  groupBy: texts(),
  groupWait: aDuration,
  groupInterval: aDuration,
  repeatInterval: aDuration,
  inhibit: aList,
  expect: aList,
  timeout: aDuration,
  maxAttempts: { is: "a whole number from 1", fits: (value) => aCount.fits(value) && value !== 0 },
};
const ROUTE: OptionKinds<AlertRoute> = {
  match: anything,
  channels: required(texts()),
  continue: { is: "true or false", fits: (value) => typeof value === "boolean" },
  groupBy: texts(),
};
const INHIBITION: OptionKinds<Inhibition> = {
  source: required(anything),
  target: required(anything),
  equal: texts(),
};
const severity = oneOf(ALERT_SEVERITIES);
const EXPECTED_RUN: OptionKinds<ExpectedRun> = {
  workflow: required({
    is: "a workflow, or its name",
    fits: (value) => aText.fits(value) || aText.fits((value as { readonly name?: unknown } | null)?.name),
  }),
  within: required(aDuration),
  severity,
};
const EXPECTED_DATA: OptionKinds<ExpectedData> = {
  partitions: required({
    is: "what `definePartitions` returns",
    fits: (value) =>
      aText.fits((value as { readonly table?: unknown } | null)?.table) &&
      aFunction.fits((value as { readonly delayMs?: unknown }).delayMs),
  }),
  grace: aDuration,
  from: {
    is: 'a day, e.g. "2026-01-05"',
    fits: (value) =>
      typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
  },
  severity,
};
const LEAST_INTERVAL_MS = 1_000;
const CODE = { code: "CONFIG_INVALID" } as const;

function texts() {
  const fits = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string");
  return { is: "a list of texts", fits };
}

/**
 * What is said of the options at the start.
 *
 * @param channels the names of all channels, the plugins' included.
 * @param workflows those that the process knows; any name goes when left out.
 * @throws SpineError CONFIG_INVALID that names the field.
 * @internal
 */
export function alertSettings(
  options: AlertOptions,
  channels: readonly string[],
  workflows?: { has(name: string): boolean },
): AlertSettings {
  checkOptions(options, OPTIONS, { of: "`alerts`", name: "alerts", ...CODE });
  const { routes, groupBy = ["pipeline"], inhibit = [], expect = [] } = options;
  for (const [index, route] of (routes ?? []).entries()) {
    checkOptions(route, ROUTE, { of: `\`alerts.routes[${index}]\``, ...CODE });
    if (route.match !== undefined) checkMatch(route.match, `\`alerts.routes[${index}].match\``);
    const unknown = route.channels.find((name) => !channels.includes(name));
    if (unknown === undefined) continue;
    throw new SpineError(
      "CONFIG_INVALID",
      `\`alerts.routes[${index}]\` names the channel "${unknown}", which nobody brings. There ${channels.length === 0 ? "is none" : `is ${channels.join(", ")}`}: add it to \`alerts.channels\`, or correct the name.`,
    );
  }
  for (const [index, rule] of inhibit.entries()) {
    checkOptions(rule, INHIBITION, { of: `\`alerts.inhibit[${index}]\``, ...CODE });
    checkMatch(rule.source, `\`alerts.inhibit[${index}].source\``);
    checkMatch(rule.target, `\`alerts.inhibit[${index}].target\``);
  }
  for (const [index, each] of expect.entries()) {
    const kinds = isExpectedData(each) ? EXPECTED_DATA : EXPECTED_RUN;
    checkOptions(each, kinds, { of: `\`alerts.expect[${index}]\``, ...CODE });
    if (isExpectedData(each) || typeof each.workflow !== "string" || !workflows) continue;
    // A name that is written wrongly would be missed for ever.
    if (workflows.has(each.workflow)) continue;
    const message = `is "${each.workflow.slice(0, 200)}", which this process does not know`;
    throw new SpineError(
      "CONFIG_INVALID",
      `\`alerts.expect[${index}].workflow\` ${message}. Add it to createSpine({ workflows }), correct the name, or, where only other processes run it, give { name } in place of the name.`,
      { detail: { issues: [{ path: `/alerts/expect/${index}/workflow`, message }] } },
    );
  }
  const groupIntervalMs = toMs(options.groupInterval ?? "5m");
  if (groupIntervalMs < LEAST_INTERVAL_MS) {
    throw new SpineError("CONFIG_INVALID", "The option `alerts.groupInterval` is at least 1s.");
  }
  return {
    onFailure: options.onFailure ?? failureSeverity,
    routes: routes ?? [{ channels }],
    groupBy,
    policy: {
      groupWaitMs: toMs(options.groupWait ?? "30s"),
      groupIntervalMs,
      repeatMs: Math.max(groupIntervalMs, toMs(options.repeatInterval ?? "4h")),
    },
    inhibit,
    timeoutMs: Math.max(1, toMs(options.timeout ?? "10s")),
    maxAttempts: options.maxAttempts ?? 20,
  };
}

/** What is probably not meant, for the log. @internal */
export function routeWarnings({ routes }: AlertSettings, channels: readonly string[]): readonly string[] {
  const named = new Set(routes.flatMap((route) => route.channels));
  return [
    ...channels
      .filter((name) => !named.has(name))
      .map((name) => `No route names the alert channel "${name}": nothing is delivered there.`),
    ...routes
      .map((route, index) =>
        route.channels.length > 0
          ? null
          : `The alert route ${index} names no channel: nobody is told of what it matches.`,
      )
      .filter((text) => text !== null),
  ];
}

/** @internal */
export function isExpectedData<P>(each: ExpectedRun | ExpectedData<P>): each is ExpectedData<P> {
  return typeof each === "object" && each !== null && "partitions" in each;
}
