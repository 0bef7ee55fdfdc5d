import type { AlertChannel } from "./alerts/alert.ts";
import {
  aBoolean,
  aFunction,
  aList,
  anObject,
  anything,
  aText,
  checkOptions,
  type OptionKinds,
  required,
  withFunctions,
} from "./check-options.ts";
import { checkConcurrency, checkLogLevel } from "./config.ts";
import { SpineError } from "./errors.ts";
import { checkPayloadCodec } from "./payload-codec.ts";
import type { Plugin } from "./plugin.ts";
import { Registry } from "./registry.ts";
import { checkRetention, type RetentionPolicy } from "./runner/retention.ts";
import { databaseNamed } from "./runner/steps/load-elsewhere.ts";
import type { Declaration } from "./scheduler/declared-schedules.ts";
import { shown } from "./shown.ts";
import type { Source } from "./sources/source.ts";
import type { SpineOptions } from "./spine.ts";
import { isWorkflow } from "./workflow/is-workflow.ts";
import { everyStep } from "./workflow/step-paths.ts";
import type { WorkflowData } from "./workflow/workflow.ts";

const A_DATABASE = required(
  withFunctions('a database, e.g. `sqlite("spine.db")`', "connect", "transaction", "close"),
);
const SPINE: OptionKinds<SpineOptions> = {
  database: A_DATABASE,
  // Checked by themselves.
  databases: anything,
  plugins: aList,
  workflows: aList,
  worker: aBoolean,
  schedules: aList,
  calendars: anObject,
  scheduler: aBoolean,
  retention: anything,
  secrets: aFunction,
  logger: withFunctions(
    "a logger with `debug`, `info`, `warn` and `error`",
    "debug",
    "info",
    "warn",
    "error",
  ),
  clock: withFunctions("a clock with `now` and `after`", "now", "after"),
  alerts: anything,
  // Checked by themselves.
  concurrency: anything,
  maxCrashes: anything,
  payloads: anything,
  logLevel: anything,
};
const PLUGIN: OptionKinds<Plugin> = {
  name: required(aText),
  workflows: aList,
  sources: aList,
  alertChannels: aList,
  schedules: aList,
  calendars: anObject,
};
const RETENTION: OptionKinds<RetentionPolicy> = { runs: required(anything) };
const CODE = { code: "CONFIG_INVALID" } as const;
const A_CHANNEL = withFunctions("", "send");

/** The options of `createSpine`. @throws SpineError CONFIG_INVALID that names the one that means nothing. */
export function checkSpineOptions(options: SpineOptions): void {
  checkOptions(options, SPINE, { of: "createSpine", ...CODE });
  const { concurrency, logLevel, maxCrashes, payloads, retention } = options;
  if (maxCrashes !== undefined && (!Number.isInteger(maxCrashes) || maxCrashes < 0)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The option \`maxCrashes\` is ${String(maxCrashes)}; use a whole number from 0.`,
    );
  }
  if (concurrency !== undefined)
    checkConcurrency(concurrency, `The option \`concurrency\` is ${String(concurrency)}`);
  if (logLevel !== undefined) checkLogLevel(logLevel, `The option \`logLevel\` is ${String(logLevel)}`);
  if (retention !== undefined) {
    checkOptions(retention, RETENTION, { of: "`retention`", name: "retention", ...CODE });
    checkRetention(retention);
  }
  checkPayloadCodec(payloads);
  checkDatabases(options);
  for (const plugin of options.plugins ?? []) {
    checkOptions(plugin, PLUGIN, { of: "a plugin", name: "plugins", called: "member", ...CODE });
  }
}

function checkDatabases({ database, databases = {} }: SpineOptions): void {
  const of = { of: "`databases`", name: "databases", called: "member", ...CODE };
  const names = Object.keys(databases);
  const kinds = Object.fromEntries(names.map((name) => [name, A_DATABASE]));
  checkOptions(databases, kinds, of);
  const refuse = (why: string): never => {
    throw new SpineError("CONFIG_INVALID", `The option \`databases\` ${why}`);
  };
  for (const name of names) {
    if (!/^[a-z][a-z0-9_]{0,30}$/.test(name))
      refuse(
        `has the name "${name}". Use lower-case letters, digits and _, starting with a letter, at most 31.`,
      );
    if (databases[name] === database)
      refuse(`has Spine's own database as "${name}": a load without \`database\` goes there.`);
  }
}

/** What a Spine knows by name. */
export interface Registries {
  readonly workflows: Registry<WorkflowData>;
  readonly sources: Registry<Source>;
  readonly alertChannels: Registry<AlertChannel>;
}

/**
 * What the plugins and the host bring.
 *
 * @throws SpineError UNKNOWN_WORKFLOW for a process that works and does not know a workflow that a step runs by its name.
 */
export function registriesOf(options: SpineOptions): Registries {
  const { plugins = [], workflows: own = [], worker, databases = {}, alerts } = options;
  const workflows = new Registry<WorkflowData>("workflow", "UNKNOWN_WORKFLOW");
  const sources = new Registry<Source>("source", "UNKNOWN_SOURCE");
  const alertChannels = new Registry<AlertChannel>("alert channel", "CONFIG_INVALID");
  const known = new Registry<Plugin>("plugin", "CONFIG_INVALID");
  for (const plugin of plugins) {
    known.add(plugin);
    for (const workflow of plugin.workflows ?? []) addWorkflow(workflows, workflow);
    for (const source of plugin.sources ?? []) sources.add(source);
    for (const channel of plugin.alertChannels ?? []) addChannel(alertChannels, channel);
  }
  // What is no list is refused with the other options of alerts.
  for (const channel of Array.isArray(alerts?.channels) ? alerts.channels : [])
    addChannel(alertChannels, channel);
  for (const workflow of own) addWorkflow(workflows, workflow);
  if (worker !== false) {
    for (const name of workflows.names()) {
      checkChildren(workflows, workflows.get(name));
      for (const step of everyStep(workflows.get(name).steps))
        if (step.kind === "load" && step.database != null) databaseNamed(databases, step.database);
    }
  }
  return { workflows, sources, alertChannels };
}

function addChannel(channels: Registry<AlertChannel>, channel: AlertChannel): void {
  channels.add(channel);
  if (A_CHANNEL.fits(channel) && channel.name !== "") return;
  const why = channel.name === "" ? "Its name is empty" : "It has no `send`";
  throw new SpineError(
    "CONFIG_INVALID",
    `The alert channel "${channel.name.slice(0, 100)}" cannot be used. ${why}: give { name, send(notification, { signal, attempt }) }, or one of spine-adapters/alerts.`,
    { detail: { issues: [{ path: "/alerts/channels", message: why }] } },
  );
}

function checkChildren(workflows: Registry<WorkflowData>, { name, steps }: WorkflowData): void {
  for (const step of everyStep(steps)) {
    if (step.kind !== "pipeline" || workflows.has(step.pipeline)) continue;
    throw new SpineError(
      "UNKNOWN_WORKFLOW",
      `Step "${step.name}" of "${name}" runs the workflow "${step.pipeline}", which this process does not know. Add it to createSpine({ workflows }), or the plugin that brings it.`,
      { context: { workflow: name, step: step.name } },
    );
  }
}

/** Registers a workflow, and those that its steps run and that were given to them as they are. */
export function addWorkflow(workflows: Registry<WorkflowData>, workflow: WorkflowData): void {
  if (!isWorkflow(workflow)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `${shown(workflow)} is no workflow. Give what \`defineWorkflow\` returns.`,
    );
  }
  if (workflows.has(workflow.name) && workflows.get(workflow.name) === workflow) return;
  workflows.add(workflow);
  for (const step of everyStep(workflow.steps)) {
    if (step.kind === "pipeline" && step.child) addWorkflow(workflows, step.child);
  }
}

/** The schedules that the plugins and the host declare. A host that gives no list declares none, and disables none. */
export function declarationsOf({ plugins = [], schedules }: SpineOptions): readonly Declaration[] {
  return [
    ...plugins.map(({ name, schedules: own = [] }) => ({ by: name, schedules: own })),
    ...(schedules ? [{ by: "code", schedules }] : []),
  ];
}
